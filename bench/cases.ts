import type { DeviceKind } from './certificates.ts'
import type { ConnectsJob, IdleJob, TrafficJob } from './load/job.ts'

/** A job without what is only known when a broker runs, or what the command line decides. */
type Open<Job> = Omit<Job, 'target' | 'api' | 'brokerPid' | 'brokerCore' | 'warmupMs' | 'measureMs'>
export type CaseJob = Open<TrafficJob> | Open<ConnectsJob> | Open<IdleJob>

export type PeerName = 'mosquitto' | 'aedes' | 'FlashMQ' | 'bare Node server'

export interface Case {
  readonly name: string
  /** One line for the table. */
  readonly title: string
  readonly transport: 'tcp' | 'tls'
  readonly devices: DeviceKind
  /** What the devices' right to `bench/` rests on; `many`: 50 topic templates by way of 10 client groups. */
  readonly rights: 'one' | 'many'
  readonly job: CaseJob
  /** Measured beside it, of our own broker: the same without what the case is about. */
  readonly without?: { readonly rights: Case['rights']; readonly job: CaseJob }
  /** Peers that do the same work; the others are left out. */
  readonly peers: readonly PeerName[]
}

const brokers: readonly PeerName[] = ['mosquitto', 'aedes', 'FlashMQ']

const still: Open<TrafficJob> = {
  kind: 'traffic',
  version: 4,
  pattern: 'pairs',
  publishers: 100,
  subscribers: 100,
  qos: 0,
  payloadBytes: 64,
  window: 10,
  messagesPerSecond: null,
  measureLatency: false,
  durable: false,
  otherFilters: 0,
  churnPerSecond: 0,
  resourcesPerSecond: 0,
}

const shapes = {
  pairs: { pattern: 'pairs', publishers: 100, subscribers: 100, title: '100 pairs' },
  'fan-out': { pattern: 'fan-out', publishers: 1, subscribers: 200, title: 'fan-out 1 → 200' },
  'fan-in': { pattern: 'fan-in', publishers: 100, subscribers: 1, title: 'fan-in 100 → 1' },
} as const

type Overrides = Partial<Omit<Open<TrafficJob>, 'kind'>>

function traffic(name: string, transport: 'tcp' | 'tls', title: string, overrides: Overrides): Case {
  const job = { ...still, ...overrides }
  const words = [transport === 'tcp' ? 'TCP' : 'TLS 1.3', `QoS ${job.qos}`, title]
  if (job.payloadBytes !== 64) words.push(`${job.payloadBytes} B`)
  return { name, title: words.join(', '), transport, devices: 'p256', rights: 'one', job, peers: brokers }
}

function shaped(transport: 'tcp' | 'tls', shape: keyof typeof shapes, qos: 0 | 1, payloadBytes = 64): Case {
  const { title, ...pattern } = shapes[shape]
  const name = `${transport}-${shape}-qos${qos}${payloadBytes === 64 ? '' : '-1k'}`
  // Reading the clock per chunk costs the generator little; pairs show how long a message takes at saturation.
  const measureLatency = shape === 'pairs' && qos === 1
  return traffic(name, transport, title, { ...pattern, qos, payloadBytes, measureLatency })
}

const each = <A, B>(values: readonly A[], make: (value: A) => readonly B[]): B[] => values.flatMap(make)

const throughput: Case[] = each(['tcp', 'tls'] as const, (transport) =>
  each(['pairs', 'fan-out', 'fan-in'] as const, (shape) =>
    each([0, 1] as const, (qos) => [shaped(transport, shape, qos), shaped(transport, shape, qos, 1024)]),
  ),
)

const oneAtATime: Case[] = each(['tcp', 'tls'] as const, (transport) =>
  each([0, 1] as const, (qos) => [
    traffic(`${transport}-one-qos${qos}`, transport, '100 pairs, one message at a time', { qos, window: 1 }),
  ]),
)

/** Ours alone, with and without: the peers have no API that 50 client resources a second could be written through. */
function churned(transport: 'tcp' | 'tls', shape: 'pairs' | 'fan-out'): Case {
  const { title, ...pattern } = shapes[shape]
  const words = `${title}, 50 clients/s come and go, 50 client resources/s are written`
  const overrides = { ...pattern, churnPerSecond: 50, resourcesPerSecond: 50 }
  const without = { rights: 'one', job: { ...still, ...pattern } } as const
  return { ...traffic(`${transport}-${shape}-qos0-churn`, transport, words, overrides), without, peers: [] }
}

const special: Case[] = [
  // aedes has no MQTT 5.
  { ...traffic('tcp-pairs-qos0-v5', 'tcp', '100 pairs, MQTT 5', { version: 5 }), peers: ['mosquitto', 'FlashMQ'] },
  ...each(['tcp', 'tls'] as const, (transport) => [churned(transport, 'pairs'), churned(transport, 'fan-out')]),
  traffic('tcp-pairs-qos0-filters', 'tcp', '100 pairs, 100,000 other wildcard filters', { otherFilters: 100_000 }),
  traffic('tcp-latency-qos1', 'tcp', '100 pairs, 10,000 messages/s on schedule', {
    qos: 1,
    window: 1_000,
    messagesPerSecond: 10_000,
    measureLatency: true,
  }),
  traffic('tls-latency-qos1', 'tls', '100 pairs, 5,000 messages/s on schedule', {
    qos: 1,
    window: 1_000,
    messagesPerSecond: 5_000,
    measureLatency: true,
  }),
  // Each broker at half of what it takes with one message of each publisher under way.
  ...(['tcp', 'tls'] as const).map((transport) =>
    traffic(`${transport}-latency-qos1-half`, transport, '100 pairs at half load', {
      qos: 1,
      window: 1_000,
      messagesPerSecond: 'half',
      measureLatency: true,
    }),
  ),
  // Only ours has rights.
  {
    ...traffic('tcp-pairs-qos0-rights', 'tcp', '100 pairs, 50 topic templates and 10 client groups', {}),
    rights: 'many',
    without: { rights: 'one', job: still },
    peers: [],
  },
  // The peers keep such sessions in memory, so the same work cannot be asked of them.
  {
    ...traffic('tcp-pairs-qos1-durable', 'tcp', '100 pairs, sessions that survive', { qos: 1, durable: true }),
    peers: [],
  },
]

const storm: Open<ConnectsJob> = { kind: 'connects', version: 4, concurrency: 8 }

const connections: Case[] = [
  {
    ...{ name: 'mtls-connect', title: 'mutual TLS 1.3 connect, P-256 leaf and intermediate', transport: 'tls' },
    ...{ devices: 'p256-intermediate', rights: 'one', job: storm, peers: [...brokers, 'bare Node server'] },
  },
  {
    ...{ name: 'mtls-connect-rsa', title: 'mutual TLS 1.3 connect, RSA-2048 leaf and intermediate', transport: 'tls' },
    ...{ devices: 'rsa-intermediate', rights: 'one', job: storm, peers: brokers },
  },
  {
    ...{ name: 'mtls-idle', title: 'resident memory per idle mutual TLS connection', transport: 'tls' },
    ...{ devices: 'p256', rights: 'one', peers: [...brokers, 'bare Node server'] },
    job: {
      ...{ kind: 'idle', version: 4, connections: 5_000, settleMs: 2_000 },
      ...{ passingConnections: 5_000, warmupConnections: 200 },
    },
  },
]

export const cases: readonly Case[] = [...throughput, ...oneAtATime, ...special, ...connections]

/** What a run without a name measures. */
export const headline: readonly string[] = ['tcp-pairs-qos0', 'tls-pairs-qos1', 'mtls-connect']

/** `all`, a name, or a name with `*` in it. */
export function selectCases(patterns: readonly string[]): Case[] {
  const wanted = patterns.length === 0 ? headline : patterns
  const chosen = new Set<Case>()
  for (const pattern of wanted) {
    const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`)
    const found = cases.filter(({ name }) => pattern === 'all' || expression.test(name))
    if (found.length === 0)
      throw new Error(`no case is called ${pattern}; there are: ${cases.map(({ name }) => name).join(', ')}`)
    for (const one of found) chosen.add(one)
  }
  return [...chosen]
}
