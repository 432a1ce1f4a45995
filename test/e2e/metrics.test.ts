import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { processMetrics } from '../../src/adapters/node/process-metrics.ts'
import { metricTable } from '../../src/api/metric-table.ts'
import { listMetrics } from '../../src/main/list-freshness.ts'
import { turnedAwayMetric } from '../../src/main/turned-away.ts'
import { authorityExtensions, clientExtensions, issued, type KeyPair, openssl, selfSigned } from './openssl.ts'
import { scrape, scrapeOnce } from './scrape.ts'
import { type SealgateProcess, serve, template } from './sealgate.ts'

/** What a Prometheus reads of a broker that has been used, number by number. */

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Exposition {
  readonly types: ReadonlyMap<string, string>
  readonly series: readonly Series[]
}

/** The text format 0.0.4, strictly: whatever is no comment is a sample of a metric that was introduced before. */
function parse(text: string): Exposition {
  const types = new Map<string, string>()
  const series: Series[] = []
  assert.ok(text.endsWith('\n'))
  for (const line of text.slice(0, -1).split('\n')) {
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      assert.ok(!types.has(type[1]!), `${type[1]} is introduced twice`)
      types.set(type[1]!, type[2]!)
    }
    if (line.startsWith('# HELP ') || type !== null) continue
    const sample = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\[\\n"])*",?)+)\})? (-?[\d.e+-]+)$/.exec(line)
    assert.ok(sample !== null, line)
    const name = sample[1]!.replace(/_(?:bucket|sum|count)$/, (end) =>
      types.get(sample[1]!.slice(0, -end.length)) === 'histogram' ? '' : end,
    )
    assert.ok(types.has(name), `${name} was not introduced`)
    const labels = [...(sample[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])
    series.push({ name: sample[1]!, labels: Object.fromEntries(labels), value: Number(sample[3]) })
  }
  return { types, series }
}

function readingOf({ series }: Exposition, name: string, labels: Readonly<Record<string, string>> = {}): number | null {
  const found = series.filter(
    (one) => one.name === name && Object.entries(labels).every(([label, text]) => one.labels[label] === text),
  )
  assert.ok(found.length <= 1, `${name} ${JSON.stringify(labels)} is ambiguous`)
  return found[0]?.value ?? null
}

const directory = mkdtempSync(join(tmpdir(), 'sealgate-metrics-'))
const data = join(directory, 'data')
let server: SealgateProcess
let base: IClientOptions
let authority: KeyPair
const pairs = new Map<string, KeyPair>()

before(async () => {
  authority = selfSigned(directory, 'ca', '/CN=Plant CA', authorityExtensions.slice(1))
  for (const name of ['press-7', 'press-8']) {
    pairs.set(name, issued(directory, name, `/CN=${name}`, authority, clientExtensions))
  }
  const file = join(directory, 'plant.json')
  const caCertificates = { 'plant-ca': authority.certificate }
  const parts = { namespace: 'plant', caCertificates, clients: { 'press-7': {}, 'press-8': {} } }
  writeFileSync(file, JSON.stringify(template({ ...parts, topicTemplates: ['machines/#'] })))
  const started = await serve(directory, ['--apply', file])
  server = started.sealgate
  base = { protocol: 'mqtts', ...started.ready.mqtts, ca: readFileSync(started.ready.caFile), reconnectPeriod: 0 }
})

after(async () => {
  assert.equal(await server?.stop(), 0)
  rmSync(directory, { recursive: true, force: true })
})

function connect(name: string, options: IClientOptions): Promise<MqttClient> {
  const { certificate, key } = pairs.get(name)!
  return mqtt.connectAsync({ ...base, cert: certificate, key, clientId: name, username: name, ...options })
}

test('a scrape of a fresh broker has the CA certificate of a namespace that nobody has come to', async () => {
  const metrics = parse(await scrapeOnce(data))
  const expires = readingOf(metrics, 'sealgate_ca_certificate_expiry_timestamp_seconds', { ca_certificate: 'plant-ca' })
  const said = openssl(directory, 'x509', '-in', authority.certificateFile, '-noout', '-enddate')
  assert.equal(expires, Date.parse(said.trim().replace('notAfter=', '')) / 1_000)
})

test('connections, decisions by code, messages by version and QoS, queues, commits: each as it happened', async () => {
  const offline = await connect('press-8', {
    protocolVersion: 5,
    clean: false,
    properties: { sessionExpiryInterval: 600 },
  })
  await offline.subscribeAsync('machines/#', { qos: 1 })
  const online = await connect('press-7', { protocolVersion: 4 })
  await online.publishAsync('machines/a', 'to one who is there', { qos: 0 })
  await online.publishAsync('machines/a', 'to one who is there', { qos: 1 })
  await offline.endAsync(true)
  await scrape(data, (text) => text.includes('sealgate_connections 1\n'))
  await online.publishAsync('machines/a', 'to one who is not', { qos: 1 })
  await online.publishAsync('machines/a', 'to one who is not', { qos: 1 })
  await assert.rejects(connect('press-8', { protocolVersion: 5, username: 'press-7' }))
  await assert.rejects(connect('press-8', { protocolVersion: 5, username: 'press-7' }))
  await assert.rejects(connect('press-8', { protocolVersion: 4, username: 'secret-device' }))

  const metrics = parse(await scrapeOnce(data))
  const is = (expected: number, name: string, labels: Readonly<Record<string, string>> = {}): void =>
    assert.equal(readingOf(metrics, `sealgate_${name}`, labels), expected, `${name} ${JSON.stringify(labels)}`)
  is(1, 'connections')
  is(2, 'sessions', { namespace: 'plant' })
  is(1, 'sessions_online', { namespace: 'plant' })
  is(1, 'subscriptions', { namespace: 'plant' })
  is(2, 'decisions_total', { action: 'connect', outcome: 'accepted', code: '' })
  is(2, 'decisions_total', { action: 'connect', outcome: 'refused', code: 'nameMismatch' })
  is(1, 'decisions_total', { action: 'connect', outcome: 'refused', code: 'clientNotFound' })
  is(1, 'published_total', { protocol: 'MQTT3', qos: '0' })
  is(3, 'published_total', { protocol: 'MQTT3', qos: '1' })
  is(0, 'published_total', { protocol: 'MQTT5', qos: '1' })
  is(1, 'delivered_total', { protocol: 'MQTT5', qos: '0' })
  is(1, 'delivered_total', { protocol: 'MQTT5', qos: '1' })
  is(2 * 'to one who is there'.length + 2 * 'to one who is not'.length, 'published_bytes_total')
  assert.ok((readingOf(metrics, 'sealgate_queued_messages', { namespace: 'plant' }) ?? 0) >= 2)
  assert.ok((readingOf(metrics, 'sealgate_queued_bytes', { namespace: 'plant' }) ?? 0) > 0)
  const commits = readingOf(metrics, 'sealgate_commit_seconds_count') ?? 0
  assert.ok(commits >= 3, String(commits))
  is(commits, 'commit_seconds_bucket', { le: '+Inf' })
  assert.ok((readingOf(metrics, 'sealgate_commit_seconds_sum') ?? 0) > 0)
  is(1, 'store_writable')
  for (const quantile of ['0.5', '0.99', '1'])
    assert.ok((readingOf(metrics, 'sealgate_event_loop_delay_seconds', { quantile }) ?? -1) >= 0)
  assert.ok((readingOf(metrics, 'sealgate_server_certificate_expiry_timestamp_seconds') ?? 0) > 1.7e9)
  await online.endAsync()
})

test('every metric of docs/metrics.md is there, and nothing else; S64: no label or value tells of a client or a topic', async () => {
  const text = await scrapeOnce(data)
  const { types, series } = parse(text)
  const expected = new Map<string, { readonly type: string; readonly labels: readonly string[] }>([
    ...[...Object.values(listMetrics), ...Object.values(processMetrics)].map(
      ({ name, type }) => [name, { type, labels: ['quantile'] }] as const,
    ),
    ...[...metricTable, turnedAwayMetric].map((metric) => [metric.name, metric] as const),
    ...Object.values(processMetrics).map(({ name, type }) => [name, { type, labels: ['quantile'] }] as const),
  ])
  assert.deepEqual([...types].sort(), [...expected].map(([name, { type }]) => [name, type]).sort())
  for (const { name, labels } of series) {
    const declared = expected.get(name) ?? expected.get(name.replace(/_(?:bucket|sum|count)$/, ''))
    for (const label of Object.keys(labels))
      assert.ok([...(declared?.labels ?? []), 'le'].includes(label), `${name} ${label}`)
  }
  for (const word of ['press-7', 'press-8', 'secret-device', 'machines']) assert.ok(!text.includes(word), word)
})

test('/healthz and /readyz say ok', async () => {
  assert.equal(await scrapeOnce(data, '/healthz'), 'ok\n')
  assert.equal(await scrapeOnce(data, '/readyz'), 'ok\n')
})
