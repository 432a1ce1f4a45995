/**
 * `npm run bench -- restart`: builds a data directory with 100,000 offline sessions and 1,000,000 queued messages and measures how
 * long the real process takes from its start to its ready file, how much memory it then has, and that a session gets its messages.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEmbedded } from '../src/adapters/embedded/engine.ts'
import { nodeClock } from '../src/adapters/node/clock.ts'
import { nodeRandom } from '../src/adapters/node/random.ts'
import { encodeStoredMessage } from '../src/broker/message/stored-message.ts'
import { encodePacket } from '../src/mqtt/encode.ts'
import { PublishView } from '../src/mqtt/publish-view.ts'
import type { NodeId, SessionUid } from '../src/ports/identity.ts'
import type { Append } from '../src/ports/message-store.ts'
import type { OpenSession } from '../src/ports/session-store.ts'
import { openRegistry } from '../src/registry/registry.ts'
import { readCpu } from './load/process-cpu.ts'

export interface RestartJob {
  readonly sessions: number
  readonly messagesPerSession: number
  readonly starts: number
}

export interface RestartResult {
  readonly storeBytes: number
  readonly readyMs: readonly number[]
  /** CPU time of all threads until then: what a machine with nothing else to do would take at most. */
  readonly readyCpuMs: readonly number[]
  /** Memory that is not file cache, and all of it, after the last start. */
  readonly anonymousBytes: number
  readonly residentBytes: number
  /** What a freshly made data directory takes. */
  readonly emptyReadyMs: number
  readonly emptyAnonymousBytes: number
}

/** A hundred thousand devices that went offline, ten messages each. */
export const restartSize = { sessions: 100_000, messagesPerSession: 10 }

const launcher = join(import.meta.dirname, '..', 'bin', 'sealgate.js')
const namespaceName = 'bench'

export async function measureRestart(job: RestartJob): Promise<RestartResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-bench-restart-'))
  try {
    const template = join(folder, 'template.json')
    writeFileSync(template, JSON.stringify(restartTemplate()))
    const first = await start(folder, ['--apply', template])
    await first.stop()
    // Once more, so that nothing is made for the first time.
    const empty = await start(folder, [])
    await empty.stop()
    const storeBytes = await fill(join(folder, 'data'), job)
    const readyMs: number[] = []
    const readyCpuMs: number[] = []
    let last = empty
    for (let i = 0; i < job.starts; i++) {
      last = await start(folder, [])
      readyMs.push(last.readyMs)
      readyCpuMs.push(last.readyCpuMs)
      await last.stop()
    }
    return {
      storeBytes,
      readyMs,
      readyCpuMs,
      anonymousBytes: last.anonymousBytes,
      residentBytes: last.residentBytes,
      emptyReadyMs: empty.readyMs,
      emptyAnonymousBytes: empty.anonymousBytes,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function start(folder: string, flags: readonly string[]) {
  const readyFile = join(folder, 'ready.json')
  rmSync(readyFile, { force: true })
  const addresses = ['--mqtts', '127.0.0.1:0', '--wss', 'off', '--https', '127.0.0.1:0']
  const args = [launcher, 'serve', '--data-dir', join(folder, 'data'), '--ready-file', readyFile, '--log-level', 'warn']
  const began = performance.now()
  const child = spawn(process.execPath, [...args, ...addresses, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null) throw new Error('the broker does not start')
    await sleep(2)
  }
  const readyMs = performance.now() - began
  const readyCpuMs = readCpu(child.pid as number).seconds * 1_000
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return {
    readyMs,
    readyCpuMs,
    anonymousBytes: kib('RssAnon') * 1024,
    residentBytes: kib('VmRSS') * 1024,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Sessions as devices leave them that went offline: two filters, some messages each. */
async function fill(directory: string, { sessions, messagesPerSession }: RestartJob): Promise<number> {
  const clock = nodeClock()
  const random = nodeRandom()
  const node = 'bench' as NodeId
  const engine = openEmbedded({ directory, node, clock })
  const registry = await openRegistry({ store: engine.registry, random, clock })
  const namespace = registry.view.namespaceByName(namespaceName)
  const client = namespace?.clientByResourceName('device')
  if (namespace === undefined || client === undefined) throw new Error('the template made no client')
  const owner = {
    authority: 'registry',
    uid: client.uid,
    authenticationName: client.authenticationName,
    foldedName: client.foldedName,
  } as const
  const body = messageBody(client.uid)
  const perTurn = 1_000
  for (let from = 0; from < sessions; from += perTurn) {
    const opened = await Promise.all(
      Array.from({ length: Math.min(perTurn, sessions - from) }, async (_, i) => {
        const name = `device-${String(from + i).padStart(6, '0')}`
        const request: OpenSession = {
          ...{ namespace: namespace.id, node, owner, clientId: name, cleanStart: false, will: null },
          expiryIntervalSeconds: 86_400,
          principal: { method: 'CERTIFICATE', attributes: null, validUntil: null },
          quotas: { perName: 1e9, perNamespace: 1e9 },
          queue: { maximumMessages: 100_000, maximumBytes: 1 << 26, overflow: 'dropOldest' },
          now: clock.now(),
          newUid: random.uid() as SessionUid,
        }
        const outcome = await engine.sessions.open(request)
        if (outcome.kind !== 'opened') throw new Error(outcome.kind)
        return { name, fence: outcome.fence }
      }),
    )
    const common = {
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      subscriptionIdentifier: null,
    } as const
    await engine.hot.commit({
      opId: `bench/${from}`,
      bodies: Array.from({ length: messagesPerSession }, () => body),
      appends: opened.map(
        ({ fence }): Append => ({
          session: fence.session,
          messages: Array.from({ length: messagesPerSession }, (_, i) => {
            return { body: i, qos: 1, retain: false, subscriptionIdentifiers: [], expiresAt: null } as const
          }),
        }),
      ),
      retain: [],
      wills: [],
      owner: opened.map(({ name, fence }) => ({
        fence,
        operations: [
          {
            kind: 'subscriptions',
            subscriptions: [
              { topicFilter: `bench/${name}/commands/#`, maximumQoS: 1, ...common },
              { topicFilter: `bench/all/${Number(name.slice(-3))}/+`, maximumQoS: 1, ...common },
            ],
          },
        ],
      })),
    })
    const now = clock.now()
    await Promise.all(
      opened.map(({ fence }) => {
        return engine.sessions.close(fence, { now, expiryIntervalSeconds: 86_400, will: 'discard' })
      }),
    )
  }
  await registry.idle()
  registry.close()
  await engine.close()
  return statSync(join(directory, 'store.mdb')).size
}

function messageBody(uid: string): Uint8Array {
  const frame = encodePacket(
    {
      ...{ type: 'PUBLISH', dup: false, qos: 0, retain: false, topicName: 'bench/all/1/x', packetIdentifier: null },
      properties: {},
      payload: Buffer.alloc(100, 0x61),
    },
    5,
  )
  const view = new PublishView()
  view.read(frame, 0, 2, frame.length, 5)
  const publisher = { authority: 'registry', uid, authenticationName: 'device' } as const
  return encodeStoredMessage(view, null, 1, false, publisher, nodeClock().now())
}

function restartTemplate(): unknown {
  const resource = (type: string, name: string, properties: unknown) => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    ...{ apiVersion: '2025-02-15', name: `${namespaceName}/${name}`, properties },
    dependsOn: [`[resourceId('Microsoft.EventGrid/namespaces', '${namespaceName}')]`],
  })
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      {
        type: 'Microsoft.EventGrid/namespaces',
        ...{ apiVersion: '2025-02-15', name: namespaceName, location: 'local' },
        properties: {
          topicSpacesConfiguration: {
            state: 'Enabled',
            maximumClientSessionsPerAuthenticationName: 1_000_000,
            maximumSessionExpiryInHours: 48,
          },
        },
      },
      resource('clients', 'device', {
        ...{ authenticationName: 'device', state: 'Enabled' },
        clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
      }),
      resource('topicSpaces', 'everything', { topicTemplates: ['bench/#'] }),
      resource('permissionBindings', 'may', {
        ...{ clientGroupName: '$all', topicSpaceName: 'everything', permission: 'Subscriber' },
      }),
    ],
  }
}

export function renderRestart(result: RestartResult): string {
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`
  const rounded = (values: readonly number[]): string => values.map((value) => Math.round(value)).join(', ')
  return [
    `store ${mib(result.storeBytes)}; ready after ${rounded(result.readyMs)} ms (empty ${Math.round(result.emptyReadyMs)} ms)`,
    `CPU time until ready: ${rounded(result.readyCpuMs)} ms`,
    `memory at ready: ${mib(result.anonymousBytes)} anonymous (empty ${mib(result.emptyAnonymousBytes)}), ${mib(result.residentBytes)} resident`,
  ].join('\n')
}
