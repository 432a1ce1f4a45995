import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEmbedded } from '../src/adapters/embedded/engine.ts'
import { nodeClock } from '../src/adapters/node/clock.ts'
import { nodeRandom } from '../src/adapters/node/random.ts'
import { authenticate } from '../src/auth/authenticate.ts'
import { toUnixSeconds } from '../src/base/time.ts'
import type { NodeId } from '../src/ports/identity.ts'
import { openRegistry, type Registry } from '../src/registry/registry.ts'
import { connectRates } from './registry-scale/connects.ts'
import {
  authenticationNameOf,
  deploy,
  halls,
  importFleet,
  inHalls,
  leaf,
  makeNamespace,
  nameOf,
} from './registry-scale/fleet.ts'
import type { Beats } from './registry-scale/heartbeat.ts'
import { Server } from './registry-scale/server.ts'
import { Sessions } from './registry-scale/sessions.ts'

/**
 * The registry at the size of a fleet: `npm run bench -- registry-scale`. A whole `sealgate serve` on the embedded store
 * takes the fleet over its management API, answers, deploys and changes rights while devices are connected.
 */
export interface ScaleSizes {
  readonly clients: number
  /** Clients of one transaction of the import. */
  readonly slice: number
  /** Clients of the namespace that decisions and connects are compared with, and of one between the two. */
  readonly small: number
  readonly middle: number
  /** Clients of the one deployment whose gaps are measured. */
  readonly deployment: number
  readonly sessions: number
  readonly connects: { readonly rounds: number; readonly warmUp: number; readonly measured: number }
}

export const scaleSizes: ScaleSizes = {
  clients: 1_000_000,
  slice: 1_000,
  small: 1_000,
  middle: 100_000,
  deployment: 40_000,
  sessions: 5_000,
  connects: { rounds: 5, warmUp: 3_000, measured: 5_000 },
}

type Row = readonly [what: string, value: string]

export interface ScaleResult {
  readonly rows: readonly Row[]
  /** Connects per second of processor time with all clients, to those with few. */
  readonly figures: { readonly connectsToSmall: number }
}

const decisionsPerRound = 2_000
const rounds = 9
const requests = 200

export async function measureRegistryScale(sizes: ScaleSizes): Promise<ScaleResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-scale-'))
  const rows: Row[] = []
  const add = (what: string, value: string): void => {
    rows.push([what, value])
    console.error(`${what}: ${value}`)
  }
  try {
    let server = await Server.start(folder)
    try {
      await importFleet(server, 'small', sizes.small, sizes.slice)
      await importFleet(server, 'middle', sizes.middle, sizes.slice)
      await server.beats()
      const seconds = await importFleet(server, 'large', sizes.clients, sizes.slice)
      add(
        `import of ${sizes.clients} clients, ${sizes.slice} a transaction`,
        `${seconds.toFixed(0)} s, ${(sizes.clients / seconds).toFixed(0)} clients/s`,
      )
      add('longest turn of the event loop during the import', beatsText(await server.beats()))
      add('anonymous memory after the import', megabytes(server))
    } finally {
      await server.stop()
    }
    for (const [what, value] of await decisions(join(folder, 'data'), sizes)) add(what, value)
    const counts = { small: sizes.small, middle: sizes.middle, large: sizes.clients }
    const { known, knownLargeToSmall, first } = await connectRates(folder, counts, sizes.connects)
    const whole = `whole mutual TLS connects per second of processor time`
    add(
      `${whole} with ${Object.values(counts).join(' / ')} clients, devices that have come before`,
      `${Object.values(known).map(Math.round).join(' / ')}, ratio ${knownLargeToSmall.toFixed(2)}`,
    )
    add(
      `${whole} with ${sizes.middle} / ${sizes.clients} clients, devices that come for the first time`,
      `${first.middle.toFixed(0)} / ${first.large.toFixed(0)}`,
    )
    const begun = performance.now()
    server = await Server.start(folder)
    try {
      add('restart until every listener accepts', `${((performance.now() - begun) / 1_000).toFixed(1)} s`)
      for (const [what, value] of await lookups(server, sizes)) add(what, value)
      add('anonymous memory after a restart and these requests', megabytes(server))
      for (const [what, value] of await oneDeployment(server, sizes)) add(what, value)
      for (const [what, value] of await groupChanges(server, sizes)) add(what, value)
    } finally {
      await server.stop()
    }
    return { rows, figures: { connectsToSmall: knownLargeToSmall } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function renderRegistryScale({ rows }: ScaleResult): string {
  return ['| what | |', '| --- | ---: |', ...rows.map(([what, value]) => `| ${what} | ${value} |`)].join('\n')
}

function megabytes(server: Server): string {
  return `${server.anonymousMegabytes().toFixed(0)} MB`
}

function beatsText({ longestCpuMs, longestWallMs, over20 }: Beats): string {
  return `${longestCpuMs.toFixed(0)} ms of processor time (${over20} over 20 ms), ${longestWallMs.toFixed(0)} ms by the clock`
}

/** In this process, on the store that the server wrote. */
async function decisions(directory: string, { clients, middle, small }: ScaleSizes): Promise<readonly Row[]> {
  const clock = nodeClock()
  const engine = openEmbedded({ directory, node: 'bench' as NodeId, clock })
  try {
    const registry = await openRegistry({ store: engine.registry, random: nodeRandom(), clock })
    const of = (namespace: string, count: number) => perDecision(registry, namespace, count)
    of('small', small)
    const few = of('small', small)
    const some = of('middle', middle)
    const many = of('large', clients)
    registry.close()
    return [
      [
        `decision about a CONNECT with ${small} / ${middle} / ${clients} clients`,
        `${[few, some, many].map((micros) => micros.toFixed(1)).join(' / ')} µs, ratio ${(many / few).toFixed(2)}`,
      ],
    ]
  } finally {
    await engine.close()
  }
}

/** Microseconds of processor time, median of the rounds; each device is another one, drawn from all. */
function perDecision(registry: Registry, namespace: string, count: number): number {
  const view = registry.view.namespaceByName(namespace)
  assert.ok(view !== undefined)
  const now = toUnixSeconds(nodeClock().now())
  let drawn = 1
  const spent: number[] = []
  for (let round = 0; round < rounds; round++) {
    const names = Array.from({ length: decisionsPerRound }, () => {
      drawn = (drawn * 48_271) % 2_147_483_647
      return authenticationNameOf(drawn % count)
    })
    const before = process.cpuUsage()
    for (const username of names) {
      const judged = authenticate(
        {
          listener: 'mqtts',
          serverName: null,
          remoteAddress: '192.0.2.1',
          protocol: 'MQTT5',
          // As a listener hands it over: bytes that nobody has read before.
          peerChain: [Uint8Array.from(leaf)],
          username,
          clientId: username,
          authenticationMethod: null,
          hasPassword: false,
          plainIdentity: null,
          token: null,
          webhook: null,
        },
        view,
        { now },
      )
      assert.equal(judged.outcome, 'accepted')
    }
    const { user, system } = process.cpuUsage(before)
    spent.push((user + system) / decisionsPerRound)
  }
  return spent.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!
}

async function lookups(server: Server, { clients }: ScaleSizes): Promise<readonly Row[]> {
  const path = 'Microsoft.EventGrid/namespaces/large/clients'
  const middle = nameOf(Math.floor(clients / 2))
  const links = async (query: string) =>
    (JSON.parse((await server.must('GET', `${path}${query}`)).text) as { nextLink: string }).nextLink
  const token = new URL(await links('?$top=100')).searchParams.get('$skiptoken') ?? ''
  const some = (i: number) => Math.floor((clients / requests) * i)
  const kinds: readonly (readonly [string, (i: number) => string])[] = [
    ['first page of 100 clients', () => `${path}?$top=100`],
    ['second page of 100 clients', () => `${path}?$top=100&$skiptoken=${encodeURIComponent(token)}`],
    ['a client by its name', (i) => `${path}/${nameOf(some(i))}`],
    ['a client by its authentication name', (i) => `${path}?authenticationName=${authenticationNameOf(some(i))}`],
    [
      'a filter that matches nothing on its first page',
      () => `${path}?$filter=${encodeURIComponent(`contains(name,'x${middle}')`)}`,
    ],
  ]
  const rows: Row[] = []
  for (const [what, pathOf] of kinds) {
    const times: number[] = []
    for (let i = 0; i < requests; i++) {
      const begun = performance.now()
      await server.must('GET', pathOf(i))
      times.push(performance.now() - begun)
    }
    times.sort((a, b) => a - b)
    rows.push([
      what,
      `median ${times[requests >> 1]!.toFixed(1)} ms, 99 of 100 within ${times[Math.floor(requests * 0.99)]!.toFixed(1)} ms`,
    ])
  }
  return rows
}

async function oneDeployment(server: Server, { deployment }: ScaleSizes): Promise<readonly Row[]> {
  await makeNamespace(server, 'third')
  await server.beats()
  const begun = performance.now()
  await deploy(server, 'third', 0, deployment)
  const seconds = (performance.now() - begun) / 1_000
  return [
    [`one deployment of ${deployment} clients`, `${seconds.toFixed(1)} s`],
    ['longest turn of the event loop during it', beatsText(await server.beats())],
  ]
}

async function groupChanges(server: Server, { sessions: count }: ScaleSizes): Promise<readonly Row[]> {
  const sessions = new Sessions()
  const path = 'Microsoft.EventGrid/namespaces/large/clientGroups/presses'
  try {
    await sessions.open(server.mqttsPort, count)
    const rows: Row[] = [[`anonymous memory with ${count} connections over TLS`, megabytes(server)]]
    await server.beats()
    let begun = performance.now()
    await server.must('PUT', path, { properties: inHalls('<=', halls - 1) })
    const answered = performance.now() - begun
    await sleep(2_000)
    assert.equal(sessions.live, count)
    rows.push(
      [`a group query that changes nothing for ${count} sessions is answered after`, `${answered.toFixed(0)} ms`],
      ['longest turn of the event loop', beatsText(await server.beats())],
    )
    const remaining = Math.ceil(count / 2)
    begun = performance.now()
    await server.must('PUT', path, { properties: inHalls('<', halls / 2) })
    while (sessions.live > remaining && performance.now() - begun < 60_000) await sleep(5)
    rows.push(
      [
        `a group query that ends ${count - sessions.live} sessions: until the last is gone`,
        `${(performance.now() - begun).toFixed(0)} ms`,
      ],
      ['longest turn of the event loop', beatsText(await server.beats())],
    )
    return rows
  } finally {
    sessions.close()
  }
}
