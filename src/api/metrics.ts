import { metricTable, type Reading, type Sample } from './metric-table.ts'
import type { Call, Route } from './route.ts'

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
    async handle(call) {
      const reading = await read(call)
      const broker = metricTable.map((metric) => ({ ...metric, series: metric.read(reading) }))
      return {
        status: 200,
        body: [...broker, ...call.house.parts.metrics.snapshot()].map(formatMetric).join(''),
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
      }
    },
  },
]

/** Figures that the broker keeps anyway: each reading makes the metrics from them. */
async function read({ house }: Call): Promise<Reading> {
  const { operations, registry, serverCertificateNotAfter, settings, expiryFigures } = house.parts
  const stats = operations.stats()
  const namespaces: Reading['namespaces'][number][] = []
  for (const each of stats.namespaces) {
    const queued = await operations.queued(each.namespace)
    const view = registry.view.namespaceById(each.namespace)
    if (view !== undefined) namespaces.push({ view, stats: each, queued })
  }
  return {
    stats,
    namespaces,
    views: registry.view.namespaces(),
    expiring: expiryFigures().flatMap(({ namespace, clients }) => {
      const view = registry.view.namespaceById(namespace)
      return view === undefined ? [] : [{ view, clients }]
    }),
    version: settings.version,
    bodies: house.bodies,
    serverCertificateNotAfter: serverCertificateNotAfter?.() ?? null,
  }
}

interface Metric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly series: readonly Sample[]
}

function formatMetric({ name, help, type, series }: Metric): string {
  const lines = series.map(({ labels, value, suffix = '' }) => {
    const inside = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
    return `${name}${suffix}${inside.length === 0 ? '' : `{${inside.join(',')}}`} ${value}\n`
  })
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
