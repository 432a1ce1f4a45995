import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AcknowledgementPacket, Packet, ProtocolVersion, Will } from '../../src/mqtt/packet.ts'
import { type ClientOptions, type House, type HouseOptions, house, type TestClient } from '../broker/support.ts'

/** What a test of a statement works with: a house per test, clients of the version under test. */
export interface Bench {
  readonly version: ProtocolVersion
  open(options?: HouseOptions): House
  /** Options of a client whose session outlives its connection. */
  lasting(options?: ClientOptions): ClientOptions
  /** Of this version. */
  client(options?: ClientOptions): ClientOptions
}

/**
 * A statement that both versions make, tested for each: `3.1.0-2` is [MQTT-3.1.0-2], several are separated by a space,
 * none means that this version does not say it.
 */
export function kept(mqtt5: string, mqtt311: string, behaviour: string, body: (bench: Bench) => Promise<void>): void {
  const ids = { 5: mqtt5, 4: mqtt311 }
  for (const version of [5, 4] as const) {
    if (ids[version] === '') continue
    const prefix = version === 5 ? 'MQTT' : 'MQTT311'
    const names = ids[version].split(' ').map((id) => `[${prefix}-${id}]`)
    test(`${names.join(' ')} ${behaviour}, version ${version === 5 ? '5' : '3.1.1'}`, async () => {
      const houses: House[] = []
      await body({
        version,
        open(options) {
          const opened = house(options)
          houses.push(opened)
          return opened
        },
        lasting: (options = {}) => ({
          cleanStart: false,
          version,
          ...options,
          properties: version === 5 ? { sessionExpiryIntervalSeconds: 600, ...options.properties } : {},
        }),
        client: (options = {}) => ({ version, ...options }),
      })
      for (const { eventsOf } of houses) assert.deepEqual(eventsOf('bug'), [])
    })
  }
}

export async function isClosed(home: House, { peer }: TestClient): Promise<boolean> {
  await home.settle()
  return peer.ended !== null
}

export function answer(
  client: TestClient,
  type: AcknowledgementPacket['type'],
  id: number | null,
  reasonCode = 0,
): void {
  client.send({ type, packetIdentifier: id ?? 0, reasonCode: reasonCode as 0, properties: {} })
}

/** Publishes with QoS 2 and goes through the whole exchange. */
export async function publishTwice(home: House, client: TestClient, topic: string, payload: string): Promise<void> {
  const id = client.publish(topic, payload, { qos: 2 })
  await home.settle()
  client.take('PUBREC')
  answer(client, 'PUBREL', id)
  await home.settle()
  client.take('PUBCOMP')
}

/** Sends DISCONNECT and waits for the end. */
export async function leave(home: House, client: TestClient): Promise<void> {
  client.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
  assert.ok(await isClosed(home, client))
}

export async function lose(home: House, client: TestClient): Promise<void> {
  client.peer.reset()
  await home.settle()
}

export function will(facts: Partial<Will> = {}): Will {
  return { topicName: 'open/will', payload: Buffer.from('gone'), qos: 0, retain: false, properties: {}, ...facts }
}

export function typesOf(packets: readonly Packet[]): string[] {
  return packets.map(({ type }) => type)
}

/** A CONNECT octet by octet: what the encoder would not write. */
export function connectBytes(
  version: ProtocolVersion,
  facts: {
    readonly name?: string
    readonly flags?: number
    readonly level?: number
    readonly payload: readonly number[]
  },
): Uint8Array {
  const { name = 'MQTT', flags = 0x82, level = version, payload } = facts
  const body = [0, name.length, ...Buffer.from(name), level, flags, 0, 0, ...(version === 5 ? [0] : []), ...payload]
  return Uint8Array.from([0x10, body.length, ...body])
}

/** A length-prefixed text. */
export function text(value: string | readonly number[]): number[] {
  const bytes = typeof value === 'string' ? [...Buffer.from(value)] : value
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes]
}
