import { readFileSync } from 'node:fs'
import mqtt, {
  type IClientOptions,
  type IClientSubscribeOptions,
  type IConnackPacket,
  type IPublishPacket,
  type MqttClient,
  type Packet,
} from 'mqtt'

/** The conversation of paho_python.py, in MQTT.js. */

export interface Place {
  readonly version: 4 | 5
  readonly transport: 'tcp' | 'tls' | 'wss'
  readonly prefix: string
  readonly host: string
  readonly port: number
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly username: string
}

class Peer {
  readonly client: MqttClient
  readonly #place: Place
  readonly #messages: IPublishPacket[] = []
  #wake = (): void => {}
  present = false
  connack: NonNullable<IConnackPacket['properties']> = {}

  constructor(place: Place, client: MqttClient) {
    this.#place = place
    this.client = client
    client.on('message', (_topic, _payload, packet) => {
      this.#messages.push(packet)
      this.#wake()
    })
  }

  static async connect(place: Place, clientId: string, options: IClientOptions = {}): Promise<Peer> {
    const { version, transport, host, port, ca, cert, key, username } = place
    const secure =
      transport === 'tcp'
        ? {}
        : { username, ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key), servername: host }
    const client = mqtt.connect({
      protocol: { tcp: 'mqtt', tls: 'mqtts', wss: 'wss' }[transport] as 'mqtt',
      ...{ host, port, clientId, protocolVersion: version, reconnectPeriod: 0, keepalive: 60 },
      ...(transport === 'wss' ? { path: '/mqtt' } : {}),
      ...secure,
      ...options,
    })
    const peer = new Peer(place, client)
    const connack = await new Promise<IConnackPacket>((resolve, reject) => {
      client.once('connect', resolve)
      client.once('error', reject)
    })
    peer.present = connack.sessionPresent
    peer.connack = connack.properties ?? {}
    return peer
  }

  async subscribe(topic: string, options: IClientSubscribeOptions): Promise<number> {
    const whole = topic.startsWith('$share') ? topic : this.#place.prefix + topic
    // What it makes of a refusal does not hold the code.
    const suback = new Promise<number>((resolve) => {
      const look = (packet: Packet): void => {
        if (packet.cmd !== 'suback') return
        this.client.off('packetreceive', look)
        resolve(Number(packet.granted[0]))
      }
      this.client.on('packetreceive', look)
    })
    await this.client.subscribeAsync(whole, options).catch(() => {})
    return suback
  }

  async unsubscribe(topic: string): Promise<string | number> {
    const packet = await this.client.unsubscribeAsync(this.#place.prefix + topic)
    if (this.#place.version === 4) return '-'
    return (packet as unknown as { granted: number[] }).granted[0] ?? -1
  }

  async publish(topic: string, payload: string, options: Parameters<MqttClient['publishAsync']>[2]): Promise<void> {
    await this.client.publishAsync(topic === '' ? '' : this.#place.prefix + topic, payload, options)
  }

  async next(): Promise<IPublishPacket> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#messages.shift() as IPublishPacket
  }

  async hear(count: number): Promise<string[]> {
    const heard: string[] = []
    for (let i = 0; i < count; i++) heard.push(wordsOf(this.#place, await this.next()))
    return heard.sort()
  }

  async leave(reasonCode = 0): Promise<void> {
    await this.client.endAsync(false, reasonCode === 0 ? {} : { reasonCode })
  }

  async die(): Promise<void> {
    const closed = new Promise((resolve) => this.client.once('close', () => resolve(null)))
    this.client.stream.destroy()
    await closed
    await this.client.endAsync(true)
  }
}

function wordsOf({ prefix }: Place, { topic, payload, qos, retain }: IPublishPacket): string {
  return `${topic.slice(prefix.length)} ${payload} ${qos} ${retain ? 1 : 0}`
}

/** MQTT.js gives a name that came once a text, and one that came twice a list in the place of the first. */
function pairsOf(properties: unknown): string {
  const pairs = Object.entries((properties ?? {}) as Record<string, string | string[]>)
  return pairs.flatMap(([name, values]) => [values].flat().map((value) => `${name}=${value}`)).join(',')
}

export async function converse(place: Place): Promise<string[]> {
  const v5 = place.version === 5
  const { prefix } = place
  const said: string[] = []
  const stays: IClientOptions = { clean: false, ...(v5 ? { properties: { sessionExpiryInterval: 300 } } : {}) }
  let a = await Peer.connect(place, 'a', stays)
  const b = await Peer.connect(place, 'b')
  said.push(`present ${Number(a.present)}`)
  const live = v5 ? { qos: 2 as const, rap: true, properties: { subscriptionIdentifier: 7 } } : { qos: 2 as const }
  said.push(`suback ${await a.subscribe('live/#', live)}`)

  await b.publish('live/q0', 'zero', { qos: 0 })
  const properties = {
    ...{ contentType: 'text/plain', responseTopic: `${prefix}answers`, correlationData: Buffer.from([0, 1]) },
    ...{ userProperties: { k: ['1', '3'], a: '2' }, messageExpiryInterval: 100, payloadFormatIndicator: true },
  }
  await b.publish('live/q1', 'one', v5 ? { qos: 1, properties } : { qos: 1 })
  await b.publish('live/q2', 'two', { qos: 2 })
  const heard = [await a.next(), await a.next(), await a.next()]
  heard.sort((one, other) => (one.topic < other.topic ? -1 : 1))
  said.push(...heard.map((packet) => wordsOf(place, packet)))
  if (v5) {
    const got = heard[1]?.properties
    const expiry = got?.messageExpiryInterval ?? 0
    said.push(
      [
        ...[got?.contentType, got?.responseTopic?.slice(prefix.length), got?.correlationData?.toString('hex')],
        pairsOf(got?.userProperties),
        ...[Number(got?.payloadFormatIndicator), got?.subscriptionIdentifier, 90 < expiry && expiry <= 100],
      ].join(' '),
    )
  }

  await b.publish('kept', 'k', { qos: 1, retain: true })
  said.push(`suback ${await a.subscribe('kept', { qos: 1 })}`, ...(await a.hear(1)))
  if (v5) for (const rh of [1, 2]) await a.subscribe('kept', { qos: 1, rh })
  await b.publish('kept', 'k2', { qos: 1 })
  said.push(...(await a.hear(1)))

  await a.leave()
  await b.publish('live/off', 'offline1', { qos: 1 })
  await b.publish('live/off', 'offline2', { qos: 2 })
  a = await Peer.connect(place, 'a', stays)
  said.push(`present ${Number(a.present)}`, ...(await a.hear(2)))

  const will = { topic: `${prefix}live/will`, payload: Buffer.from('died'), qos: 1 as const, retain: false }
  const willProperties = { contentType: 'will/plain', userProperties: { w: '1' } }
  const mortal = await Peer.connect(place, 'c', { will: v5 ? { ...will, properties: willProperties } : will })
  await mortal.die()
  const died = await a.next()
  const { contentType, userProperties } = died.properties ?? {}
  said.push(`${wordsOf(place, died)}${v5 ? ` ${contentType} ${pairsOf(userProperties)}` : ''}`)

  said.push(`unsuback ${await a.unsubscribe('kept')} ${await a.unsubscribe('kept')}`)
  const stranger = await Peer.connect({ ...place, prefix: 'forbidden/' }, 'stranger')
  said.push(`suback ${await stranger.subscribe('x', { qos: 1 })}`)
  await stranger.leave()

  if (v5) {
    await a.subscribe('own', { qos: 1, nl: true })
    await a.publish('own', 'mine', { qos: 1 })
    await b.publish('own', 'theirs', { qos: 1 })
    said.push(...(await a.hear(1)))

    await b.publish('live/alias', 'a1', { qos: 1, properties: { topicAlias: 3 } })
    await b.publish('', 'a2', { qos: 1, properties: { topicAlias: 3 } })
    said.push(...(await a.hear(2)))

    const d = await Peer.connect(place, 'd')
    for (const member of [a, d]) await member.subscribe(`$share/g/${prefix}jobs`, { qos: 1 })
    for (let i = 0; i < 10; i++) await b.publish('jobs', String(i), { qos: 1 })
    const jobs: number[] = []
    for (let i = 0; i < 5; i++) {
      for (const member of [a, d]) jobs.push(Number((await member.next()).payload.toString()))
    }
    said.push(`jobs ${jobs.sort((one, other) => one - other).join(' ')}`)

    const e = await Peer.connect(place, 'e', { properties: { maximumPacketSize: 200, receiveMaximum: 1 } })
    await e.subscribe('sizes', { qos: 1 })
    await b.publish('sizes', 'x'.repeat(500), { qos: 1 })
    for (let i = 0; i < 3; i++) await b.publish('sizes', `small${i}`, { qos: 1 })
    said.push(...(await e.hear(3)))

    const f = await Peer.connect(place, '', { will: { ...will, payload: Buffer.from('said') } })
    const { assignedClientIdentifier = '', serverKeepAlive } = f.connack
    said.push(`assigned ${assignedClientIdentifier.length > 0} keepalive ${serverKeepAlive}`)
    await f.leave(4)
    said.push(...(await a.hear(1)))
    await d.leave()
    await e.leave()
  }
  await b.publish('kept', '', { qos: 1, retain: true })
  await b.leave()
  await a.leave()
  await (await Peer.connect(place, 'a', { clean: true })).leave()
  return [...said, 'done']
}
