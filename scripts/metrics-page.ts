import { processMetrics } from '../src/adapters/node/process-metrics.ts'
import { metricTable } from '../src/api/metric-table.ts'
import { listMetrics } from '../src/main/list-freshness.ts'
import { turnedAwayMetric } from '../src/main/turned-away.ts'
import { table } from './markdown.ts'

/** docs/metrics.md, from the tables that `/metrics` is made of. */
export function metricsPage(): string {
  const own = [...metricTable, turnedAwayMetric].map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ])
  const ofProcess = [...Object.values(listMetrics), ...Object.values(processMetrics)].map((metric) => [
    `\`${metric.name}\``,
    metric.type,
    metric.name === processMetrics.loopDelay.name ? '`quantile`' : '',
    metric.help,
  ])
  return `# Metrics

<!-- Made by \`npm run docs\` from src/api/metric-table.ts, src/main/list-freshness.ts and src/adapters/node/process-metrics.ts. Do not edit. -->

\`GET /metrics\` on \`--https\` answers in the text format of Prometheus. On a loopback address it needs no token; elsewhere it takes a token
of the role reader, which expires after 90 days unless it is told otherwise:

\`\`\`sh
sealgate token create prometheus --role reader --days never --out prometheus.token
curl --cacert data/tls/ca.pem -H "Authorization: Bearer $(cat prometheus.token)" https://localhost:8443/metrics
\`\`\`

\`\`\`yaml
scrape_configs:
  - job_name: sealgate
    scheme: https
    tls_config: { ca_file: /etc/prometheus/sealgate-ca.pem }
    authorization: { credentials_file: /etc/prometheus/sealgate.token }
    static_configs: [{ targets: ['sealgate.example:8443'] }]
\`\`\`

Labels are members of closed sets, or names that an operator gave to namespaces and CA certificates. There is none for clients, topics or
Client Identifiers: their number is not yours to bound, and who reads metrics need not know them. Whom a refusal was about stands in
\`sealgate decisions\` and in the log. Counters begin at 0 when the process starts.

${table(['name', 'type', 'labels', 'meaning'], [...own, ...ofProcess])}

Worth an alert: \`sealgate_store_writable == 0\`; \`sealgate_ca_certificate_expiry_timestamp_seconds - time() < 14 * 86400\`, the same of
\`sealgate_server_certificate_expiry_timestamp_seconds\`; \`rate(sealgate_decisions_total{outcome="refused"}[5m])\` above what is usual;
\`sealgate_event_loop_delay_seconds{quantile="0.99"} > 0.1\`.

## Health

\`GET /healthz\` says \`ok\` while the process answers. \`GET /readyz\` says \`ok\` while requests are welcome, and 503 from the moment that a
stop begins. Both are open to everybody and tell nothing else.

## Log

One JSON object per line on stderr (coloured text when that is a terminal), with \`level\`, \`time\` and \`event\`; \`--log-level\` says from
which level on. A refused peer is \`refused\` with the whole decision, once in ten seconds for the same namespace, code and name or
fingerprint; what is repeated is counted in \`refusedAgain\`. Writes to the registry are \`audit\`.
`
}
