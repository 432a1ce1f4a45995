/** Work that can be left and taken up again: it yields wherever others may have their turn. */
export type Steps<Value> = Generator<undefined, Value, undefined>

/** All of it now. */
export function finish<Value>(steps: Steps<Value>): Value {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
