import type { ConnectsJob, LoadResult } from './job.ts'
import { openClient } from './link.ts'
import { measure } from './measure.ts'

/**
 * Opens connections one after the other in several lanes: a full handshake, CONNECT, CONNACK, DISCONNECT, end. Each
 * connection shows the next identity and a Client Identifier of its own.
 */
export async function runConnects(job: ConnectsJob): Promise<LoadResult> {
  const { target, version } = job
  let accepted = 0
  let started = 0
  let stopping = false
  let cipher: string | null = null
  const lane = async () => {
    while (!stopping) {
      const index = started++
      const link = await openClient({ target, version, index, clientId: `bench-storm-${index}`, cleanStart: true })
      accepted++
      cipher ??= link.cipher
      const ended = new Promise<void>((resolve) => link.socket.once('close', () => resolve()))
      link.leave()
      await ended
    }
  }
  const lanes = Array.from({ length: job.concurrency }, lane)
  const failed = Promise.all(lanes).then(() => new Promise<never>(() => {}))
  const measured = await Promise.race([measure(job, () => accepted), failed])
  stopping = true
  await Promise.all(lanes)
  return { ...measured, latencyMs: null, bytesPerConnection: null, cipher }
}
