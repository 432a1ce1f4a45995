import type { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { Rate } from '../bounds/token-bucket.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { Turn } from '../turn/turn.ts'
import type { PublishAnswers, PublishLink } from './publish-answers.ts'

/** Who sends on after so many refusals is cut off. */
const mostRefusedPerSecond = 1_000

/** What one publisher may send in a time, and what becomes of it that sends more (EG 6.8). */
export class PublishRate {
  readonly #rate: Rate
  readonly #turn: Turn
  readonly #session: OnlineSession
  readonly #link: PublishLink
  readonly #answers: PublishAnswers
  /** Messages refused, in the second that began at `#refusedSinceMs`. */
  #refused = 0
  #refusedSinceMs = 0

  constructor(rate: Rate, turn: Turn, session: OnlineSession, link: PublishLink, answers: PublishAnswers) {
    this.#rate = rate
    this.#turn = turn
    this.#session = session
    this.#link = link
    this.#answers = answers
  }

  /** Version 5 is told where it waits for an answer; everybody else is read more slowly. */
  admits(view: PublishView): boolean {
    const nowMs = this.#turn.monotonicMs
    const isTold = view.qos > 0 && this.#session.version === 5
    if (isTold && this.#rate.waitMs(nowMs) > 0) {
      this.#refuse(view, nowMs)
      return false
    }
    this.spend(view, isTold)
    return true
  }

  /** @param isTold it is not slowed: what is too much will be refused */
  spend(view: PublishView, isTold = false): void {
    this.#rate.spend(view.end - view.start)
    const nowMs = this.#turn.monotonicMs
    const waitMs = this.#rate.waitMs(nowMs)
    if (waitMs === 0 || isTold) return
    this.#countBite(nowMs)
    this.#link.onThrottled(waitMs)
  }

  #refuse(view: PublishView, nowMs: number): void {
    this.#countBite(nowMs)
    if (nowMs - this.#refusedSinceMs >= 1000) {
      this.#refusedSinceMs = nowMs
      this.#refused = 0
    }
    if (++this.#refused > mostRefusedPerSecond) {
      this.#link.end({
        reason: 'QuotaExceeded',
        reasonCode: ReasonCode.MessageRateTooHigh,
        will: 'publish',
        detail: 'goes on publishing although it is told that it is too much',
      })
    } else {
      this.#answers.refuse(view, ReasonCode.QuotaExceeded, 'more messages per second than allowed')
    }
  }

  #countBite(nowMs: number): void {
    const limit = this.#rate.limiting(nowMs)
    if (limit !== null) this.#session.namespace.limitBites(limit)
  }
}
