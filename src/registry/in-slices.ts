import type { Steps } from '../base/steps.ts'
import type { Clock } from '../ports/clock.ts'

/** So long work keeps the event loop to itself before others have their turn (S46). */
const sliceMs = 5

/** All of it, in as many turns as it takes. Small work is done in the turn of the call. */
export async function inSlices<Value>(
  clock: Pick<Clock, 'monotonicMs' | 'endOfTurn'>,
  steps: Steps<Value>,
): Promise<Value> {
  let end = clock.monotonicMs() + sliceMs
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (clock.monotonicMs() < end) continue
    await new Promise<void>((resolve) => clock.endOfTurn(resolve))
    end = clock.monotonicMs() + sliceMs
  }
}
