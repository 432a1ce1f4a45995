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

/** Even where others have used the turn up, so that nobody waits for the end of another's work. */
const leastMs = 1

/** What long work has had of this turn: pieces that follow each other, or belong to several, are no longer together. */
interface Spent {
  ms: number
  isCounted: boolean
}

const spent = new WeakMap<Turns, Spent>()

/** All of it, in as many turns as it takes. Small work is done in the turn of the call. */
export async function inSlices<Value>(turns: Turns, steps: Steps<Value>): Promise<Value> {
  for (;;) {
    const turn = spent.get(turns) ?? { ms: 0, isCounted: false }
    spent.set(turns, turn)
    const mostMs = Math.max(leastMs, sliceMs - turn.ms)
    const begunMs = turns.monotonicMs()
    let usedMs = 0
    while (usedMs < mostMs) {
      const step = steps.next()
      usedMs = turns.monotonicMs() - begunMs
      if (step.done === true) {
        turn.ms += usedMs
        if (turn.ms >= leastMs) endWithTurn(turns, turn)
        return step.value
      }
    }
    turn.ms += usedMs
    await new Promise<void>((resolve) => {
      turns.endOfTurn(() => {
        turn.ms = 0
        resolve()
      })
    })
  }
}

function endWithTurn(turns: Turns, turn: Spent): void {
  if (turn.isCounted) return
  turn.isCounted = true
  turns.endOfTurn(() => {
    turn.ms = 0
    turn.isCounted = false
  })
}
