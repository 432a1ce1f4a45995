import { setTimeout as sleep } from 'node:timers/promises'
import type { IdleJob, LoadResult, Work } from './job.ts'
import { type Link, openAll, openClient } from './link.ts'
import { readCpu, readResidentBytes } from './process-cpu.ts'

/** Opens connections that do nothing and says by how much the broker's resident memory grew for each; once per broker. */
export async function openIdle(job: IdleJob): Promise<Work> {
  const { target, version, brokerPid } = job
  const open = (offset: number) => (index: number) => {
    const clientId = `bench-idle-${offset + index}`
    return openClient({ target, version, index: offset + index, clientId, cleanStart: true })
  }
  const comeAndGo = async (index: number): Promise<void> => {
    const link = await open(job.warmupConnections + job.connections)(index)
    const ended = new Promise<void>((resolve) => link.socket.once('close', () => resolve()))
    link.leave()
    await ended
  }
  await openAll(job.passingConnections, 16, comeAndGo)
  const links: Link[] = await openAll(job.warmupConnections, 16, open(0))
  await sleep(job.settleMs)
  return {
    async measure(): Promise<LoadResult> {
      const before = readResidentBytes(brokerPid)
      const from = Number(process.hrtime.bigint() / 1000n)
      const cpu = readCpu(brokerPid)
      links.push(...(await openAll(job.connections, 16, open(job.warmupConnections))))
      await sleep(job.settleMs)
      const after = readResidentBytes(brokerPid)
      const to = Number(process.hrtime.bigint() / 1000n)
      return {
        count: job.connections,
        seconds: (to - from) / 1e6,
        brokerCpuSeconds: readCpu(brokerPid).seconds - cpu.seconds,
        brokerSystemShare: 0,
        loadCpuSeconds: 0,
        othersShare: null,
        latencyMs: null,
        bytesPerConnection: (after - before) / job.connections,
        cipher: links[0]?.cipher ?? null,
        fromMicros: from,
        toMicros: to,
      }
    },
    close: () => {
      for (const link of links) link.destroy()
    },
  }
}
