/**
 * The few packets that the load generator sends, encoded by itself: a generator that shares the broker's codec would
 * agree with its mistakes.
 */
import type { MqttVersion } from './job.ts'

export const puback = 0x40

/** Fixed header byte of a PUBLISH without DUP and RETAIN. */
export function publishHeader(qos: 0 | 1): number {
  return 0x30 | (qos << 1)
}

export interface ConnectFields {
  readonly version: MqttVersion
  readonly clientId: string
  readonly username: string | null
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
}

export function connectPacket(fields: ConnectFields): Buffer {
  const flags = (fields.cleanStart ? 0x02 : 0) | (fields.username === null ? 0 : 0x80)
  const head = Buffer.concat([text('MQTT'), Buffer.from([fields.version, flags]), twoBytes(fields.keepAliveSeconds)])
  const parts: Uint8Array[] = [head]
  if (fields.version === 5) {
    // Session Expiry Interval of one hour for a session that is to outlive its connection.
    parts.push(fields.cleanStart ? Buffer.from([0]) : Buffer.from([5, 0x11, 0, 0, 0x0e, 0x10]))
  }
  parts.push(text(fields.clientId))
  if (fields.username !== null) parts.push(text(fields.username))
  return packet(0x10, parts)
}

export function subscribePacket(
  version: MqttVersion,
  packetIdentifier: number,
  topicFilters: readonly string[],
  qos: 0 | 1,
): Buffer {
  const parts: Uint8Array[] = [twoBytes(packetIdentifier)]
  if (version === 5) parts.push(Buffer.from([0]))
  for (const topicFilter of topicFilters) parts.push(text(topicFilter), Buffer.from([qos]))
  return packet(0x82, parts)
}

export interface PublishFields {
  readonly version: MqttVersion
  readonly topicName: string
  readonly qos: 0 | 1
  readonly packetIdentifier: number
  readonly payload: Uint8Array
}

export function publishPacket(fields: PublishFields): Buffer {
  const parts: Uint8Array[] = [text(fields.topicName)]
  if (fields.qos > 0) parts.push(twoBytes(fields.packetIdentifier))
  if (fields.version === 5) parts.push(Buffer.from([0]))
  parts.push(fields.payload)
  return packet(publishHeader(fields.qos), parts)
}

export function disconnectPacket(): Buffer {
  return Buffer.from([0xe0, 0])
}

/** Total length of the packet that begins at `at`, or 0 while its header is not complete. */
export function packetLength(bytes: Uint8Array, at: number, end: number): number {
  let length = 0
  for (let i = 0; i < 4; i++) {
    if (at + 1 + i >= end) return 0
    const byte = bytes[at + 1 + i]!
    length |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return 2 + i + length
  }
  throw new Error('the broker sent a packet whose Remaining Length is malformed')
}

function packet(header: number, parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  const length: number[] = []
  let rest = body.length
  do {
    length.push(rest > 127 ? (rest & 0x7f) | 0x80 : rest)
    rest >>>= 7
  } while (rest > 0)
  return Buffer.concat([Buffer.from([header, ...length]), body])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8')
  return Buffer.concat([twoBytes(bytes.length), bytes])
}

function twoBytes(value: number): Buffer {
  return Buffer.from([value >>> 8, value & 0xff])
}
