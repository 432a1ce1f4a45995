/** Work that can be left and taken up again: it yields wherever others may have their turn. */
export type Steps<Value> = Generator<undefined, Value, undefined>

/** All of it now. */
export function finish<Value>(steps: Steps<Value>): Value {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** So long work keeps the event loop to itself before others have their turn. */
const sliceMs = 5

export interface Turns {
  monotonicMs(): number
  endOfTurn(callback: () => void): void
}

/** All of it, in as many turns as it takes. Small work is done in the turn of the call. */
export async function inSlices<Value>(turns: Turns, steps: Steps<Value>): Promise<Value> {
  let end = turns.monotonicMs() + sliceMs
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (turns.monotonicMs() < end) continue
    await new Promise<void>((resolve) => turns.endOfTurn(resolve))
    end = turns.monotonicMs() + sliceMs
  }
}
