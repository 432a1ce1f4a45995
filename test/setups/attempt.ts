import type { TestContext } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import type { ConnackPacket, ConnectPacket } from '../../src/mqtt/packet.ts'
import { MqttPeer } from '../support/mqtt-peer.ts'
import { type RunningBroker, serverNameOf } from '../support/running-broker.ts'
import type { Client, Run } from './setup.ts'

export interface Outcome {
  readonly run: Run
  /** Where it was refused; null: it works. */
  readonly refused: 'handshake' | 'CONNACK' | 'SUBACK' | 'PUBACK' | null
  readonly answer: ConnackPacket | null
  /** Null: there is no connection. */
  readonly peer: MqttPeer | null
}

/** What the client of a set-up does, once; what it leaves open ends with the test. */
export async function attempt(
  t: TestContext,
  broker: RunningBroker,
  namespaces: { readonly namespace: string; readonly other: string },
  client: Client,
  run: Run,
): Promise<Outcome> {
  const opened = await open(broker, namespaces, client, run)
  if (opened === null) return { run, refused: 'handshake', answer: null, peer: null }
  const peer = opened
  t.after(() => peer.destroy())
  const answer = await peer.connect(connectOf(client, run))
  if (answer === null) return { run, refused: 'handshake', answer, peer: null }
  if (answer.reasonCode !== 0) {
    while ((await peer.next()) !== null);
    return { run, refused: 'CONNACK', answer, peer: null }
  }
  const refused = (await subscribes(peer, client)) ?? (await publishes(peer, client))
  return { run, refused, answer, peer }
}

async function open(
  broker: RunningBroker,
  { namespace, other }: { readonly namespace: string; readonly other: string },
  { shows, serverName = 'of the namespace', door = 'tls', origin }: Client,
  { tls, mqtt }: Run,
): Promise<MqttPeer | null> {
  const names = {
    'of the namespace': serverNameOf(namespace),
    'of the other namespace': serverNameOf(other),
    // As with Azure, where the HTTP host is the MQTT host without its `ts`.
    'of the HTTP host': serverNameOf(namespace).replace('.mqtt.', '.'),
    mistyped: serverNameOf(`${namespace}x`),
    none: null,
  }
  if (door === 'plain TCP') return MqttPeer.overTcp(broker.mqtts, mqtt)
  const options: ConnectionOptions = door === 'tls' ? {} : { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' }
  const choice = { serverName: names[serverName], identity: shows, tls, options }
  try {
    if (origin !== undefined) return await MqttPeer.overWebSocket(broker.wss, choice, origin, mqtt)
    return await MqttPeer.overTls(broker.mqtts, choice, mqtt)
  } catch {
    return null
  }
}

function connectOf(client: Client, { mqtt }: Run): Partial<ConnectPacket> {
  const { username, password, clientId = 'peer', authenticationMethod, willTopic, keepsSession = false } = client
  return {
    username,
    clientId,
    cleanStart: !keepsSession,
    password: password === undefined ? null : Buffer.from(password),
    will:
      willTopic === undefined
        ? null
        : { topicName: willTopic, payload: Buffer.from('gone'), qos: 0, retain: false, properties: {} },
    properties: {
      ...(authenticationMethod === undefined ? {} : { authenticationMethod }),
      ...(keepsSession && mqtt === 5 ? { sessionExpiryIntervalSeconds: 600 } : {}),
    },
  }
}

async function subscribes(peer: MqttPeer, { subscribesTo }: Client): Promise<'SUBACK' | null> {
  if (subscribesTo === undefined) return null
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter: subscribesTo, ...options }]
  peer.send({ type: 'SUBSCRIBE', packetIdentifier: 1, subscriptions, properties: {} })
  const answer = await peer.next()
  return answer?.type === 'SUBACK' && (answer.reasonCodes[0] ?? 0x80) < 0x80 ? null : 'SUBACK'
}

async function publishes(peer: MqttPeer, { publishesTo }: Client): Promise<'PUBACK' | null> {
  if (publishesTo === undefined) return null
  const message = { dup: false, qos: 1, retain: false, topicName: publishesTo, payload: Buffer.from('x') } as const
  peer.send({ type: 'PUBLISH', ...message, packetIdentifier: 2, properties: {} })
  const answer = await peer.next()
  return answer?.type === 'PUBACK' && answer.reasonCode < 0x80 ? null : 'PUBACK'
}
