import type { MetricsSource } from './parts.ts'
import type { Call, Route } from './route.ts'

/** The text format that Prometheus and its kin read. Labels name namespaces; never clients, topics or sessions (S64). */

type Metric = ReturnType<MetricsSource['snapshot']>[number]

export const metricsRoutes: readonly Route[] = [
  {
    id: 'Metrics_Read',
    method: 'GET',
    path: '/metrics',
    tag: 'Health',
    summary: 'Metrics in the Prometheus text format. Without a token on a listener that only this machine reaches.',
    access: { action: 'Sealgate/metrics/read', unless: 'openMetrics' },
    apiVersion: 'none',
    answers: { 200: null },
    handle: (call) => ({
      status: 200,
      body: [...call.house.parts.metrics.snapshot(), ...brokerMetrics(call)].map(formatMetric).join(''),
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
    }),
  },
]

/** Figures that the broker keeps anyway: each reading makes the metrics from them. */
function brokerMetrics({ house }: Call): readonly Metric[] {
  const { operations, registry } = house.parts
  const { connections, namespaces } = operations.stats()
  const named = namespaces.flatMap((stats) => {
    const name = registry.view.namespaceById(stats.namespace)?.name
    return name === undefined ? [] : [{ labels: { namespace: name }, stats }]
  })
  const each = (
    type: Metric['type'],
    name: string,
    help: string,
    value: (stats: (typeof namespaces)[number]) => number,
  ): Metric => ({
    name: `sealgate_${name}`,
    help,
    type,
    series: named.map(({ labels, stats }) => ({ labels, value: value(stats) })),
  })
  return [
    {
      name: 'sealgate_connections',
      help: 'Open MQTT connections.',
      type: 'gauge',
      series: [{ labels: {}, value: connections }],
    },
    each('gauge', 'sessions', 'Sessions, offline ones included.', ({ sessions }) => sessions),
    each('gauge', 'sessions_online', 'Sessions that are connected.', ({ online }) => online),
    each('gauge', 'subscriptions', 'Subscriptions of all sessions.', ({ subscriptions }) => subscriptions),
    each('gauge', 'retained_messages', 'Retained messages.', ({ retained }) => retained),
    each('counter', 'published_total', 'Messages published.', ({ counters }) => counters.published),
    each('counter', 'published_bytes_total', 'Bytes published.', ({ counters }) => counters.publishedBytes),
    each('counter', 'delivered_total', 'Messages handed to subscribers.', ({ counters }) => counters.delivered),
    each('counter', 'connects_total', 'Accepted CONNECTs.', ({ counters }) => counters.connects),
    each('counter', 'refused_connects_total', 'Refused CONNECTs.', ({ counters }) => counters.refusedConnects),
    each('counter', 'denied_publishes_total', 'Publishes without a right.', ({ counters }) => counters.deniedPublishes),
    each(
      'counter',
      'denied_subscribes_total',
      'Subscribes without a right.',
      ({ counters }) => counters.deniedSubscribes,
    ),
    each(
      'counter',
      'dropped_total',
      'Messages dropped: slow subscriber, too large, expired, queue full.',
      ({ counters }) =>
        counters.droppedSlow + counters.droppedTooLarge + counters.droppedExpired + counters.droppedOverflow,
    ),
  ]
}

function formatMetric({ name, help, type, series }: Metric): string {
  const lines = series.map(({ labels, value }) => {
    const inside = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
    return `${name}${inside.length === 0 ? '' : `{${inside.join(',')}}`} ${value}\n`
  })
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
