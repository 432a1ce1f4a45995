/**
 * `npm run bench -- storm`: a fleet that comes back all at once, as after a power cut, and what those notice who never left:
 * a hundred devices that publish with QoS 1 ten times a second each. The broker has one core, and the fleet the other, on
 * which it gives way to the hundred: their delays are to be the broker's.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runStorm, type StormReport } from '../test/e2e/storm.ts'
import { allowedCores, type Pinning } from './machine.ts'

/** As asked: all in within so long, and the others' round trips within three times what they were, or 20 ms. */
const allInWithinMs = 30_000
const slowdown = 3
const alwaysGoodMs = 20

export interface StormSizes {
  readonly devices: number
  readonly witnesses: number
  /** How long the witnesses are looked at before. */
  readonly quietMs: number
}

export const stormSizes: StormSizes = { devices: 10_000, witnesses: 100, quietMs: 3_000 }

export async function measureStorm(
  sizes: StormSizes,
  { brokerCore, loadCore }: Pick<Pinning, 'brokerCore' | 'loadCore'>,
  repeats: number,
): Promise<readonly StormReport[]> {
  const reports: StormReport[] = []
  const allowed = allowedCores()
  // What we start from here on stands where we stand; the broker is moved once it is there.
  if (loadCore !== null) moveTo(process.pid, String(loadCore))
  try {
    for (let round = 0; round < repeats; round++) reports.push(await oneStorm(sizes, brokerCore))
  } finally {
    if (loadCore !== null) moveTo(process.pid, allowed)
  }
  return reports
}

async function oneStorm({ devices, witnesses, quietMs }: StormSizes, brokerCore: number | null): Promise<StormReport> {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-bench-storm-'))
  const onReady = (pid: number): void => {
    if (brokerCore !== null) moveTo(pid, String(brokerCore))
  }
  try {
    return await runStorm({ directory, devices, witnesses, earlier: devices >> 1, quietMs, onReady })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** All threads of a process. */
function moveTo(pid: number, cores: string): void {
  spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' })
}

export function stormTitle({ devices, witnesses }: StormSizes): string {
  return `storm: ${devices} devices connect at once (mutual TLS 1.3, P-256) beside ${witnesses} with QoS 1, ten a second each`
}

export function renderStorm(reports: readonly StormReport[]): string {
  const ms = (value: number): string => value.toFixed(1)
  const rows = reports.map((report) => {
    const { allInMs, attemptsFailed, brokerMsPerDevice, alone, during, witnessesEnded } = report
    return [
      ...[ms(allInMs / 1_000), `${attemptsFailed}`, brokerMsPerDevice.toFixed(2), ms(alone.p99), ms(during.p99)],
      ...[ms(allowedMs(report)), ms(during.longest), `${witnessesEnded}`, isWeathered(report) ? 'yes' : 'no'],
    ]
  })
  const header = ['all in after, s', 'attempts again', 'broker CPU ms / device', 'p99 before, ms', 'p99 during, ms']
  header.push('allowed, ms', 'longest, ms', 'ended', 'reached')
  const table = [header, header.map(() => '---:'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return table.join('\n')
}

/** Of the worst storm: each of them is one. */
export function stormFigures(reports: readonly StormReport[]): Record<string, number> {
  return {
    allInSeconds: Math.max(...reports.map(({ allInMs }) => allInMs)) / 1_000,
    p99ToAllowed: Math.max(...reports.map((report) => report.during.p99 / allowedMs(report))),
  }
}

function allowedMs({ alone }: StormReport): number {
  return Math.max(alwaysGoodMs, slowdown * alone.p99)
}

export function isWeathered(report: StormReport): boolean {
  const { allInMs, during, witnessesEnded } = report
  return allInMs <= allInWithinMs && during.p99 <= allowedMs(report) && witnessesEnded === 0
}
