import type { TrafficJob } from './job.ts'
import { openClient, subscribe } from './link.ts'
import { warmUp } from './measure.ts'
import { ResourceWriter } from './resource-writer.ts'

/** Clients that connect, subscribe and leave beside the traffic, and client resources that are written. */
export class Churn {
  readonly #job: TrafficJob
  readonly #fail: (reason: string) => void
  #timer: NodeJS.Timeout | undefined
  #writer: ResourceWriter | null = null
  #isStopped = false
  #begun = 0

  constructor(job: TrafficJob, fail: (reason: string) => void) {
    this.#job = job
    this.#fail = fail
  }

  /** What comes once in twenty milliseconds warms nothing up: for that it comes as fast as the broker takes it. */
  async warmUp(): Promise<void> {
    if (this.#job.churnPerSecond === 0) return
    this.#isStopped = false
    this.#write(null)
    const lane = async (): Promise<void> => {
      while (!this.#isStopped && (await this.#comeAndGo()));
    }
    const lanes = Array.from({ length: 8 }, lane)
    await warmUp(this.#job)
    this.stop()
    await Promise.all(lanes)
  }

  start(): void {
    const { churnPerSecond } = this.#job
    if (churnPerSecond === 0) return
    this.#isStopped = false
    this.#timer = setInterval(() => void this.#comeAndGo(), 1_000 / churnPerSecond)
    this.#write(this.#job.resourcesPerSecond)
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
    this.#writer?.stop()
  }

  #write(perSecond: number | null): void {
    const { api, resourcesPerSecond } = this.#job
    if (api === null || resourcesPerSecond === 0) return
    this.#writer = new ResourceWriter(api, perSecond, this.#fail)
  }

  /** @returns whether it was let in */
  async #comeAndGo(): Promise<boolean> {
    const { target, version } = this.#job
    const index = this.#begun++
    const clientId = `bench-churn-${index}`
    try {
      const link = await openClient({ target, version, index, clientId, cleanStart: true })
      await subscribe(link, version, [`bench/churn/${index}/+`], 0)
      const ended = new Promise<void>((resolve) => link.socket.once('close', () => resolve()))
      link.leave()
      await ended
      return true
    } catch (error) {
      this.#fail(`churn: ${(error as Error).message}`)
      return false
    }
  }
}
