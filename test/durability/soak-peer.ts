import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Identity } from '../../bench/load/job.ts'

/** The peers of `soak-run.ts`: clients of several kinds that come and go for as long as the input is open. */
export interface SoakJob {
  readonly mqttsPort: number
  readonly wssPort: number
  readonly devices: readonly Identity[]
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const job = JSON.parse((await lines.next()).value as string) as SoakJob
const counts = { published: 0, received: 0, connects: 0, short: 0, lasting: 0, failures: 0, lastFailure: '' }
const clients = new Set<MqttClient>()
let serial = 0

interface Kind {
  readonly version: 4 | 5
  readonly transport: 'mqtts' | 'wss'
  readonly clean: boolean
  readonly expirySeconds?: number
  readonly will?: boolean
}

async function connect(
  clientId: string,
  { version, transport, clean, expirySeconds, will }: Kind,
): Promise<MqttClient> {
  const device = job.devices[serial++ % job.devices.length] as Identity
  const options: IClientOptions = {
    clientId,
    protocolVersion: version,
    clean,
    username: device.name,
    cert: readFileSync(device.certificateFile),
    key: readFileSync(device.keyFile),
    rejectUnauthorized: false,
    reconnectPeriod: 0,
    keepalive: 30,
    ...(version === 5 && expirySeconds !== undefined ? { properties: { sessionExpiryInterval: expirySeconds } } : {}),
    ...(will === true
      ? { will: { topic: `bench/wills/${clientId}`, payload: Buffer.from('gone'), qos: 1, retain: false } }
      : {}),
  }
  const port = transport === 'wss' ? job.wssPort : job.mqttsPort
  const path = transport === 'wss' ? '/mqtt' : ''
  const client = await mqtt.connectAsync(`${transport}://localhost:${port}${path}`, options, false)
  counts.connects++
  clients.add(client)
  client.on('message', () => counts.received++)
  client.on('error', (error) => failed(error))
  client.on('close', () => clients.delete(client))
  return client
}

function failed(error: unknown): void {
  counts.failures++
  counts.lastFailure = String((error as Error).message ?? error)
}

/**
 * What one client does, until its connection is over: MQTT.js leaves what was under way unanswered when a connection ends that
 * is not to come back, and whoever comes and goes would wait for ever.
 */
async function during(client: MqttClient, work: () => Promise<unknown>): Promise<void> {
  let onClose = (): void => {}
  const over = new Promise<never>((_, reject) => {
    onClose = () => reject(new Error('the connection ended'))
    client.once('close', onClose)
  })
  if (!client.connected) onClose()
  await Promise.race([work(), over]).finally(() => client.off('close', onClose))
}

async function leave(client: MqttClient, isPolite: boolean): Promise<void> {
  if (client.stream.destroyed) return
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  if (isPolite) client.end()
  else client.stream.destroy()
  await closed
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** For ever; what goes wrong is counted and tried again. */
function always(everyMs: number, work: () => Promise<void>): void {
  void (async () => {
    for (;;) {
      try {
        await work()
      } catch (error) {
        failed(error)
      }
      await pause(everyMs * (0.5 + Math.random()))
    }
  })()
}

async function publish(
  client: MqttClient,
  topic: string,
  bytes: number,
  qos: 0 | 1 | 2,
  retain = false,
): Promise<void> {
  await client.publishAsync(topic, Buffer.alloc(bytes, 0x61), { qos, retain })
  counts.published++
}

// Those that stay: publishers of every QoS and both versions, and subscribers of everything, over both transports.
for (const [i, kind] of (
  [
    { version: 5, transport: 'mqtts', clean: true },
    { version: 4, transport: 'mqtts', clean: true },
    { version: 5, transport: 'wss', clean: true },
  ] as const
).entries()) {
  const subscriber = await connect(`stays-${i}`, kind)
  await subscriber.subscribeAsync(['bench/flow/#', 'bench/wills/#', `$share/g/bench/shared/#`], {
    qos: i === 1 ? 1 : 2,
  })
  const publisher = await connect(`speaks-${i}`, kind)
  for (const qos of [0, 1, 2] as const) {
    always(12, () => publish(publisher, `bench/flow/${i}/${qos}/${serial % 50}`, 50 + (serial % 900), qos))
  }
  always(25, () => publish(publisher, `bench/shared/${i}`, 200, 1))
}

// Those that come and go: short ones, some without a goodbye, that leave a will behind.
always(40, async () => {
  const version = serial % 2 === 0 ? 4 : 5
  const client = await connect(`short-${serial}`, {
    version,
    transport: serial % 3 === 0 ? 'wss' : 'mqtts',
    clean: true,
    will: true,
  })
  const number = serial % 100
  await during(client, async () => {
    await client.subscribeAsync(`bench/churn/${number}/+`, { qos: 1 })
    await publish(client, `bench/churn/${number}/x`, 100, 1)
  })
  await leave(client, serial % 4 !== 0)
  counts.short++
})

// Sessions that outlive their connections: always the same fifty names, and new ones that expire.
always(60, async () => {
  const isKnown = serial % 5 !== 0
  const name = isKnown ? `lasting-${serial % 50}` : `expiring-${serial}`
  // One identity for one name, else the session belongs to somebody else.
  serial = isKnown
    ? serial + (((serial % 50) - (serial % job.devices.length) + job.devices.length) % job.devices.length)
    : serial
  const client = await connect(name, {
    version: 5,
    transport: 'mqtts',
    clean: false,
    expirySeconds: isKnown ? 600 : 20,
  })
  await during(client, () => client.subscribeAsync('bench/flow/0/1/#', { qos: 1 }))
  await pause(Math.random() * 300)
  await leave(client, Math.random() < 0.5)
  counts.lasting++
})

// Subscribing and unsubscribing without end, and retained messages that come, change and go.
const restless = await connect('restless', { version: 5, transport: 'mqtts', clean: true })
always(20, async () => {
  const filters = Array.from({ length: 10 }, (_, i) => `bench/restless/${(serial * 7 + i) % 5_000}/#`)
  await restless.subscribeAsync(filters, { qos: 1 })
  await restless.unsubscribeAsync(filters)
  serial++
})
const keeper = await connect('keeper', { version: 5, transport: 'mqtts', clean: true })
let kept = 0
always(20, async () => {
  const topic = `bench/kept/${kept++ % 500}`
  await publish(keeper, topic, kept % 3 === 0 ? 0 : 300, 1, true)
})

console.log('ready')
for await (const _ of { [Symbol.asyncIterator]: () => lines })
  console.log(JSON.stringify({ ...counts, open: clients.size }))
