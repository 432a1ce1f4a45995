import type { Operations, Stats } from '../broker/operations.ts'
import { type ExpiryFigures, expiryDays } from '../registry/seen/expiry-watch.ts'
import type { NamespaceView } from '../registry/view.ts'

/**
 * What `/metrics` tells of the broker. Labels are members of closed sets, or names that an operator gave to namespaces and
 * CA certificates; never clients, topics or Client Identifiers (S64). docs/metrics.md is made from this table.
 */
export interface MetricDefinition {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** Without `le` of a histogram. */
  readonly labels: readonly string[]
  read(reading: Reading): readonly Sample[]
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string
}

type NamespaceStats = Stats['namespaces'][number]

/** Everything that one scrape needs, read once. */
export interface Reading {
  readonly stats: Stats
  readonly namespaces: readonly {
    readonly view: NamespaceView
    readonly stats: NamespaceStats
    readonly queued: Awaited<ReturnType<Operations['queued']>>
  }[]
  /** All there are, those included that nobody has come to yet. */
  readonly views: readonly NamespaceView[]
  /** Of the last look at what expires. */
  readonly expiring: readonly { readonly view: NamespaceView; readonly clients: ExpiryFigures['clients'] }[]
  readonly version: string
  /** Contents of requests to the management API. */
  readonly bodies: { readonly bytes: number; readonly refused: number }
  readonly serverCertificateNotAfter: number | null
}

const protocols = { MQTT3: 4, MQTT5: 5 } as const
const levels = [0, 1, 2] as const

type Definition = Omit<MetricDefinition, 'read'>

function process(definition: Omit<Definition, 'labels'>, value: (reading: Reading) => number | null): MetricDefinition {
  return {
    ...definition,
    labels: [],
    read: (reading) => {
      const read = value(reading)
      return read === null ? [] : [{ labels: {}, value: read }]
    },
  }
}

function perNamespace(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: (namespace: Reading['namespaces'][number]) => number,
): MetricDefinition {
  return {
    name: `sealgate_${name}`,
    type,
    help,
    labels: ['namespace'],
    read: ({ namespaces }) => namespaces.map((each) => ({ labels: { namespace: each.view.name }, value: value(each) })),
  }
}

function messages(name: string, help: string, counter: 'published' | 'delivered'): MetricDefinition {
  return {
    name: `sealgate_${name}`,
    type: 'counter',
    help,
    labels: ['namespace', 'protocol', 'qos'],
    read: ({ namespaces }) =>
      namespaces.flatMap(({ view, stats }) =>
        Object.entries(protocols).flatMap(([protocol, version]) =>
          levels.map((qos) => ({
            labels: { namespace: view.name, protocol, qos: String(qos) },
            value: stats.counters[counter].of(version, qos),
          })),
        ),
      ),
  }
}

/** Why a message was not delivered, as `reason` says it. */
const drops = {
  slowSubscriber: ({ counters }: NamespaceStats) => counters.droppedSlow,
  tooLarge: ({ counters }: NamespaceStats) => counters.droppedTooLarge,
  expired: ({ counters }: NamespaceStats) => counters.droppedExpired,
  queueFull: ({ counters }: NamespaceStats) => counters.droppedOverflow,
  rate: ({ counters }: NamespaceStats) => counters.droppedRate,
} as const

export const metricTable: readonly MetricDefinition[] = [
  {
    name: 'sealgate_build_info',
    type: 'gauge',
    help: 'Always 1; the version that runs.',
    labels: ['version'],
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  process(
    { name: 'sealgate_connections', type: 'gauge', help: 'Open MQTT connections.' },
    ({ stats }) => stats.connections,
  ),
  {
    name: 'sealgate_decisions_total',
    type: 'counter',
    help: 'Decisions by what was asked (action) and the code of docs/codes; accepted CONNECTs have the code "". Peers that came to no namespace have the namespace "".',
    labels: ['namespace', 'action', 'outcome', 'code'],
    read: ({ namespaces, stats }) =>
      [
        ...namespaces.map(({ view, stats: { decided } }) => ({ name: view.name, decided })),
        { name: '', decided: stats.strayDecided },
      ].flatMap(({ name, decided }) =>
        decided.map(({ action, outcome, code, count }) => ({
          labels: { namespace: name, action, outcome, code },
          value: count,
        })),
      ),
  },
  perNamespace('gauge', 'sessions', 'Sessions, offline ones included.', ({ stats }) => stats.sessions),
  perNamespace('gauge', 'sessions_online', 'Sessions that are connected.', ({ stats }) => stats.online),
  perNamespace('gauge', 'subscriptions', 'Subscriptions of all sessions.', ({ stats }) => stats.subscriptions),
  perNamespace('gauge', 'retained_messages', 'Retained messages.', ({ stats }) => stats.retained),
  perNamespace('gauge', 'retained_bytes', 'Bytes of all retained messages.', ({ stats }) => stats.retainedBytes),
  perNamespace('gauge', 'queued_messages', 'Messages that wait for subscribers.', ({ queued }) => queued.messages),
  perNamespace('gauge', 'queued_bytes', 'Bytes of the messages that wait.', ({ queued }) => queued.bytes),
  messages('published_total', 'Messages taken from publishers, wills and HTTP included.', 'published'),
  perNamespace('counter', 'published_bytes_total', 'Payload of them.', ({ stats }) => stats.counters.publishedBytes),
  messages('delivered_total', 'Messages sent to subscribers, by the QoS they got.', 'delivered'),
  {
    name: 'sealgate_dropped_total',
    type: 'counter',
    help: `Messages that a subscriber did not get, by reason: ${Object.keys(drops).join(', ')}.`,
    labels: ['namespace', 'reason'],
    read: ({ namespaces }) =>
      namespaces.flatMap(({ view, stats }) =>
        Object.entries(drops).map(([reason, count]) => ({
          labels: { namespace: view.name, reason },
          value: count(stats),
        })),
      ),
  },
  perNamespace(
    'counter',
    'refused_no_space_total',
    'Messages refused because the store takes nothing new.',
    ({ stats }) => stats.counters.refusedNoSpace,
  ),
  {
    name: 'sealgate_limit_hits_total',
    type: 'counter',
    help: 'How often a limit of the namespace (docs/profile.md) was in the way; the log names it once a minute.',
    labels: ['namespace', 'limit'],
    read: ({ namespaces }) =>
      namespaces.flatMap(({ view, stats }) =>
        stats.limitHits.map(([limit, value]) => ({ labels: { namespace: view.name, limit }, value })),
      ),
  },
  {
    name: 'sealgate_commit_seconds',
    type: 'histogram',
    help: 'From the end of a turn until what it stored is durable.',
    labels: [],
    read: ({ stats: { commitLatency } }) => [
      ...commitLatency.buckets.map(([bound, value]) => ({ labels: { le: String(bound) }, value, suffix: '_bucket' })),
      { labels: { le: '+Inf' }, value: commitLatency.count, suffix: '_bucket' },
      { labels: {}, value: commitLatency.sumSeconds, suffix: '_sum' },
      { labels: {}, value: commitLatency.count, suffix: '_count' },
    ],
  },
  process(
    { name: 'sealgate_store_writable', type: 'gauge', help: '1: the store takes what is new. 0: full, or failing.' },
    ({ stats }) => Number(stats.storeWritable),
  ),
  process(
    {
      name: 'sealgate_unfinished_works',
      type: 'gauge',
      help: 'Ends of sessions and namespaces that the store has not taken yet; tried again every second.',
    },
    ({ stats }) => stats.unfinished,
  ),
  process(
    {
      name: 'sealgate_api_body_bytes',
      type: 'gauge',
      help: 'Set aside for the contents of requests to the management API that are under way.',
    },
    ({ bodies }) => bodies.bytes,
  ),
  process(
    {
      name: 'sealgate_api_bodies_refused_total',
      type: 'counter',
      help: 'Requests to the management API answered 429 because too much content was under way.',
    },
    ({ bodies }) => bodies.refused,
  ),
  {
    name: 'sealgate_ca_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When a registered CA certificate expires, seconds since 1970. From then on nobody under it gets in.',
    labels: ['namespace', 'ca_certificate'],
    read: ({ views }) =>
      views.flatMap((view) =>
        view.caCertificates().map(({ name, certificate }) => ({
          labels: { namespace: view.name, ca_certificate: name },
          value: certificate.notAfter,
        })),
      ),
  },
  {
    name: 'sealgate_clients_expiring',
    type: 'gauge',
    help: 'Clients whose certificate in use expires within the time, not yet expired; counted once an hour.',
    labels: ['namespace', 'within'],
    read: ({ expiring }) =>
      expiring.flatMap(({ view, clients }) =>
        expiryDays.map((days) => ({ labels: { namespace: view.name, within: `${days}d` }, value: clients[days] })),
      ),
  },
  process(
    {
      name: 'sealgate_server_certificate_expiry_timestamp_seconds',
      type: 'gauge',
      help: 'When the server certificate expires, seconds since 1970.',
    },
    ({ serverCertificateNotAfter }) => (serverCertificateNotAfter === null ? null : serverCertificateNotAfter / 1_000),
  ),
]
