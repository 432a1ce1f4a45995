import type { UnixMillis } from '../../base/time.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import { EngineError } from '../../ports/engine-error.ts'
import type { NamespaceId, SessionUid } from '../../ports/identity.ts'
import type {
  Append,
  Commit,
  HotPath,
  OwnerOperation,
  QueuedDelivery,
  RetainChange,
} from '../../ports/message-store.ts'
import type { Fence } from '../../ports/session-store.ts'
import { LatencyTally } from '../bounds/tally.ts'
import type { Turn } from '../turn/turn.ts'

/** Something that waits until a commit is durable. */
export interface Settled {
  /** @param committed false: nothing may be acknowledged */
  settled(committed: boolean): void
  /** What was given up because the store did not answer came to its end after all. @param committed the store has it */
  learned?(committed: boolean): void
}

export interface CommitListener {
  onOverflow(session: SessionUid, dropped: number, ended: boolean): void
  /** Somebody else has opened the session since this proof of ownership was given. */
  onFenced(fence: Fence): void
  /** Those who wait are told that nothing may be acknowledged; the store is still asked. */
  onUnavailable(error: unknown): void
  /** The store has answered for what was given up. */
  onLearned(committed: boolean): void
}

const firstRetryMs = 50
const longestRetryMs = 2_000
const giveUpMs = 10_000

interface Batch {
  readonly opId: string
  readonly bodies: Uint8Array[]
  readonly appends: Map<SessionUid, QueuedDelivery[]>
  readonly retain: RetainChange[]
  readonly owner: Map<SessionUid, { readonly fence: Fence; readonly operations: OwnerOperation[] }>
  readonly wills: WillPart[]
  readonly waiting: Settled[]
  readonly startedMs: number
  sealedMs: number
  /** Nobody waits for it any more, but whether the store has it is not known: it is sent until that is. */
  isGivenUp: boolean
  bytes: number
}

/** What one message changes in the store. */
export interface CommitPart {
  /** @returns the index for `append` and `retain` within the same call of the turn */
  body(bytes: Uint8Array): number
  append(session: SessionUid, delivery: QueuedDelivery): void
  retain(change: RetainChange): void
  /** Settled when everything added so far in this turn, and all before it, is durable. */
  wait(settled: Settled): void
}

/** A will that is about to be published, unless somebody else has done it. */
export interface DueWill {
  readonly session: SessionUid
  readonly dueAt: UnixMillis
}

/** What a will's publication changes: all of it, or nothing when the will is not there any more. */
class WillPart implements CommitPart {
  readonly #batch: Batch
  readonly #body: (bytes: Uint8Array) => number
  readonly will: DueWill
  readonly appends: Append[] = []
  retained: RetainChange | null = null
  isWithheld = false

  constructor(batch: Batch, body: (bytes: Uint8Array) => number, will: DueWill) {
    this.#batch = batch
    this.#body = body
    this.will = will
  }

  body(bytes: Uint8Array): number {
    return this.#body(bytes)
  }

  append(session: SessionUid, delivery: QueuedDelivery): void {
    this.appends.push({ session, messages: [delivery] })
  }

  retain(change: RetainChange): void {
    this.retained = change
  }

  wait(settled: Settled): void {
    this.#batch.waiting.push({
      settled: (committed) => settled.settled(committed && !this.isWithheld),
      learned: (committed) => settled.learned?.(committed && !this.isWithheld),
    })
  }
}

/**
 * One commit per turn: what the turn's packets change in the store gathers here and goes out as one atom at the end of
 * the turn. One is under way at a time: while it is, or while the store is in trouble and it is sent again, later turns
 * gather in the next one. So nothing overtakes, and what waits is settled in the order in which it was added (design 3.5).
 *
 * Nobody waits longer than `giveUpMs`; but a commit without an answer may be in the store, so it is sent until the answer
 * comes: what is delivered in process follows then, and nothing overtakes it.
 */
export class Commits implements CommitPart {
  readonly #hot: HotPath
  readonly #turn: Turn
  readonly #clock: Clock
  readonly #listener: CommitListener
  readonly #prefix: string
  #number = 0
  #open: Batch | null = null
  #underWay: Batch | null = null
  #waitingBytes = 0
  /** From the end of the turn until it is durable, tries in vain included. */
  readonly latency = new LatencyTally()
  #cancelRetry: Cancel | null = null
  /** Until the commit that was given up has come to its end. */
  #untilLearned: (() => void)[] = []

  /** @param prefix makes the operation ids of this process unique */
  constructor(hot: HotPath, turn: Turn, clock: Clock, prefix: string, listener: CommitListener) {
    this.#hot = hot
    this.#turn = turn
    this.#clock = clock
    this.#prefix = prefix
    this.#listener = listener
    turn.beforeFlush(() => this.#seal())
  }

  /** Bytes of messages that are not durable yet. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get isIdle(): boolean {
    return this.#open === null && this.#underWay === null
  }

  body(bytes: Uint8Array): number {
    const batch = this.#batch()
    batch.bytes += bytes.length
    this.#waitingBytes += bytes.length
    return batch.bodies.push(bytes) - 1
  }

  append(session: SessionUid, delivery: QueuedDelivery): void {
    const { appends } = this.#batch()
    const messages = appends.get(session)
    if (messages === undefined) appends.set(session, [delivery])
    else messages.push(delivery)
  }

  /** The same messages for one more session. */
  appendAll(session: SessionUid, deliveries: readonly QueuedDelivery[]): void {
    const { appends } = this.#batch()
    const messages = appends.get(session)
    // Its own list: more may follow for this session alone.
    if (messages === undefined) appends.set(session, deliveries.slice())
    else for (const delivery of deliveries) messages.push(delivery)
  }

  /** A change of this retained topic is on its way to the store. */
  changesRetained(namespace: NamespaceId, topicName: string): boolean {
    const isThis = (change: RetainChange | null): boolean =>
      change?.namespace === namespace && change.topicName === topicName
    const isIn = (batch: Batch | null): boolean =>
      batch !== null && (batch.retain.some(isThis) || batch.wills.some(({ retained }) => isThis(retained)))
    return isIn(this.#underWay) || isIn(this.#open)
  }

  retain(change: RetainChange): void {
    this.#batch().retain.push(change)
  }

  operate(fence: Fence, operation: OwnerOperation): void {
    const { owner } = this.#batch()
    const entry = owner.get(fence.session)
    if (entry !== undefined && entry.fence.epoch === fence.epoch) entry.operations.push(operation)
    else owner.set(fence.session, { fence, operations: [operation] })
  }

  /** A part of this turn's commit that takes effect only if the will is still there. */
  will(will: DueWill): CommitPart {
    const batch = this.#batch()
    const part = new WillPart(batch, (bytes) => this.body(bytes), will)
    batch.wills.push(part)
    return part
  }

  wait(settled: Settled): void {
    this.#batch().waiting.push(settled)
  }

  /** Resolves when everything added so far, in this turn and before, is durable. False: it is given up. */
  settled(): Promise<boolean> {
    if (this.isIdle) return Promise.resolve(true)
    if (this.#underWay?.isGivenUp === true) return Promise.resolve(false)
    return new Promise((resolve) => this.wait({ settled: resolve }))
  }

  /** Resolves when everything added so far, in this turn and before, has come to its end, however long that takes. */
  ended(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) =>
      this.wait({
        settled: () => {
          if (this.#underWay?.isGivenUp === true) this.#untilLearned.push(resolve)
          else resolve()
        },
      }),
    )
  }

  /** The process ends: whether the store has what was given up, nobody asks any more. */
  stop(): void {
    this.#cancelRetry?.()
  }

  #batch(): Batch {
    if (this.#open === null) {
      this.#turn.begin()
      this.#open = {
        opId: `${this.#prefix}/${this.#number++}`,
        bodies: [],
        appends: new Map(),
        retain: [],
        owner: new Map(),
        wills: [],
        waiting: [],
        startedMs: this.#clock.monotonicMs(),
        sealedMs: 0,
        isGivenUp: false,
        bytes: 0,
      }
    }
    return this.#open
  }

  #seal(): void {
    const batch = this.#open
    if (batch === null || this.#underWay !== null) return
    this.#open = null
    const { appends, retain, owner, wills } = batch
    if (appends.size === 0 && retain.length === 0 && owner.size === 0 && wills.length === 0) {
      this.#settle(batch, true)
      this.#waitingBytes -= batch.bytes
      return
    }
    this.#underWay = batch
    batch.sealedMs = this.#clock.monotonicMs()
    this.#send(batch, firstRetryMs)
  }

  #send(batch: Batch, retryMs: number): void {
    const commit: Commit = {
      opId: batch.opId,
      bodies: batch.bodies,
      appends: [...batch.appends].map(([session, messages]) => ({ session, messages })),
      retain: batch.retain,
      owner: [...batch.owner.values()],
      wills: batch.wills.map(({ will, appends, retained }) => ({ ...will, appends, retain: retained })),
    }
    this.#hot.commit(commit).then(
      ({ overflow, fenced, withheld }) => {
        this.#turn.begin()
        this.latency.add(this.#clock.monotonicMs() - batch.sealedMs)
        for (const part of batch.wills) part.isWithheld = withheld.includes(part.will.session)
        // Before anybody goes on: what these sessions asked for was left out, and nothing may follow from it.
        for (const session of fenced) {
          const fence = batch.owner.get(session)?.fence
          if (fence !== undefined) this.#listener.onFenced(fence)
        }
        this.#end(batch, true)
        for (const { session, dropped, ended } of overflow) this.#listener.onOverflow(session, dropped, ended)
        this.#seal()
      },
      (error: unknown) => {
        this.#turn.begin()
        if (error instanceof EngineError && error.retryable) {
          this.#giveUpLate(batch, retryMs, error)
          this.#cancelRetry = this.#clock.setTimer(retryMs, () =>
            this.#send(batch, Math.min(retryMs * 2, longestRetryMs)),
          )
          return
        }
        const behind = this.#takeOpen()
        this.#listener.onUnavailable(error)
        this.#end(batch, false)
        this.#drop(behind)
        this.#seal()
      },
    )
  }

  /** Whoever would have waited too long when the next try is made is told now. */
  #giveUpLate(batch: Batch, retryMs: number, error: unknown): void {
    const nextMs = this.#clock.monotonicMs() + retryMs
    if (!batch.isGivenUp && nextMs - batch.startedMs >= giveUpMs) {
      batch.isGivenUp = true
      // What has gathered behind it is given up with it: a younger message must not be kept without the older one.
      const behind = this.#takeOpen()
      this.#listener.onUnavailable(error)
      this.#settle(batch, false)
      this.#drop(behind)
    } else if (this.#open !== null && nextMs - this.#open.startedMs >= giveUpMs) {
      this.#drop(this.#takeOpen())
    }
  }

  #takeOpen(): Batch | null {
    const batch = this.#open
    this.#open = null
    return batch
  }

  /** Was never sent, so the store will never have it. */
  #drop(batch: Batch | null): void {
    if (batch === null) return
    this.#settle(batch, false)
    this.#waitingBytes -= batch.bytes
  }

  /** The store has answered. */
  #end(batch: Batch, committed: boolean): void {
    this.#underWay = null
    this.#waitingBytes -= batch.bytes
    if (!batch.isGivenUp) {
      this.#settle(batch, committed)
      return
    }
    this.#listener.onLearned(committed)
    for (const waiting of batch.waiting) waiting.learned?.(committed)
    const waiting = this.#untilLearned
    this.#untilLearned = []
    for (const goOn of waiting) goOn()
  }

  #settle(batch: Batch, committed: boolean): void {
    for (const waiting of batch.waiting) waiting.settled(committed)
  }
}
