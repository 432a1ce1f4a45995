import type { ConnectsJob, LoadResult, Work } from './job.ts'
import { openClient } from './link.ts'
import { measure, warmUp } from './measure.ts'

/**
 * Opens connections one after the other in several lanes: a full handshake, CONNECT, CONNACK, DISCONNECT, end. Each
 * connection shows the next identity and a Client Identifier of its own.
 */
export async function openConnects(job: ConnectsJob): Promise<Work> {
  const connects = new Connects(job)
  await connects.during(() => warmUp(job))
  return connects
}

class Connects implements Work {
  readonly #job: ConnectsJob
  #accepted = 0
  #started = 0
  #cipher: string | null = null

  constructor(job: ConnectsJob) {
    this.#job = job
  }

  async measure(): Promise<LoadResult> {
    const measured = await this.during(() => measure(this.#job, () => this.#accepted))
    return { ...measured, latencyMs: null, bytesPerConnection: null, cipher: this.#cipher }
  }

  close(): void {}

  /** Connections come and go while the work lasts; afterwards all are gone. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    let isStopping = false
    const lane = async (): Promise<void> => {
      while (!isStopping) await this.#comeAndGo()
    }
    const lanes = Promise.all(Array.from({ length: this.#job.concurrency }, lane))
    const failed = lanes.then(() => new Promise<never>(() => {}))
    const result = await Promise.race([work(), failed])
    isStopping = true
    await lanes
    return result
  }

  async #comeAndGo(): Promise<void> {
    const { target, version } = this.#job
    const index = this.#started++
    const link = await openClient({ target, version, index, clientId: `bench-storm-${index}`, cleanStart: true })
    this.#accepted++
    this.#cipher ??= link.cipher
    const ended = new Promise<void>((resolve) => link.socket.once('close', () => resolve()))
    link.leave()
    await ended
  }
}
