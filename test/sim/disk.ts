import type { MemoryWorld } from '../../src/adapters/memory/engine.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Engine } from '../../src/ports/engine.ts'
import type { NodeId } from '../../src/ports/identity.ts'

/**
 * `slow`: a write takes effect late. `lateAnswer`: it takes effect at once and is answered late, so that a crash between
 * the two leaves what nobody was told. `refuse`: nothing is written. `loseAnswer`: written, but the caller is told it
 * failed.
 */
export const diskModes = ['fine', 'slow', 'lateAnswer', 'refuse', 'loseAnswer'] as const
export type DiskMode = (typeof diskModes)[number]

/** Calls in the order they came, each after its delay; nothing overtakes. */
class Lane {
  readonly #clock: Clock
  readonly #waiting: { readonly due: number; readonly call: () => void }[] = []
  #isStopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(delayMs: number, call: () => void): void {
    if (this.#isStopped) return
    const last = this.#waiting.at(-1)
    if (last === undefined && delayMs === 0) {
      call()
      return
    }
    this.#waiting.push({ due: Math.max(last?.due ?? 0, this.#clock.monotonicMs() + delayMs), call })
    if (last === undefined) this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#waiting.length = 0
  }

  #arm(): void {
    const first = this.#waiting[0]
    if (first === undefined) return
    this.#clock.setTimer(Math.max(0, first.due - this.#clock.monotonicMs()), () => {
      const now = this.#clock.monotonicMs()
      for (let job = this.#waiting[0]; job !== undefined && job.due <= now; job = this.#waiting[0]) {
        job.call()
        this.#waiting.shift()
      }
      this.#arm()
    })
  }
}

/** The way of one process to its store: writes keep the order of their calls, and end with the process. */
export class Disk {
  readonly engine: Engine
  readonly #world: MemoryWorld
  readonly #node: NodeId
  readonly #starts: Lane
  readonly #answers: Lane
  #mode: DiskMode = 'fine'
  #delayMs = 0

  constructor(world: MemoryWorld, node: NodeId, clock: Clock) {
    this.#world = world
    this.#node = node
    this.#starts = new Lane(clock)
    this.#answers = new Lane(clock)
    this.engine = this.#wrap(world.engine(node, clock))
  }

  get mode(): DiskMode {
    return this.#mode
  }

  set(mode: DiskMode, delayMs: number): void {
    this.#mode = mode
    this.#delayMs = delayMs
    this.#world.fault(this.#node, mode === 'refuse' || mode === 'loseAnswer' ? mode : null)
  }

  /** The process dies: what did not take effect never does, what is not answered never is. */
  crash(): void {
    this.#starts.stop()
    this.#answers.stop()
    this.#world.kill(this.#node)
  }

  #start(call: () => void): void {
    this.#starts.add(this.#mode === 'slow' ? this.#delayMs : 0, call)
  }

  #write<T>(apply: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const answer = (call: () => void): void =>
        this.#answers.add(this.#mode === 'lateAnswer' ? this.#delayMs : 0, call)
      this.#start(() => {
        apply().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        )
      })
    })
  }

  #wrap(inner: Engine): Engine {
    const { sessions, hot } = inner
    return {
      ...inner,
      sessions: {
        ...sessions,
        open: (request) => this.#write(() => sessions.open(request)),
        close: (fence, how) => this.#write(() => sessions.close(fence, how)),
        remove: (session, expected) => this.#write(() => sessions.remove(session, expected)),
        discard: (session, expected, now) => this.#write(() => sessions.discard(session, expected, now)),
        willDone: (session, dueAt) => this.#write(() => sessions.willDone(session, dueAt)),
      },
      hot: {
        commit: (commit) => this.#write(() => hot.commit(commit)),
        acknowledgeSoon: (fence, upTo) => this.#start(() => hot.acknowledgeSoon(fence, upTo)),
        flushAcknowledgements: (fence) => this.#write(() => hot.flushAcknowledgements(fence)),
      },
    }
  }
}
