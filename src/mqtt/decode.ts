import { err, ok, type Result } from '../base/result.ts'
import { hexByte, malformed, protocolError } from './failure.ts'
import type { Packet, PacketFailure, PacketType, ProtocolVersion } from './packet.ts'
import { PacketReader } from './packet-reader.ts'
import { decodeAcknowledgement } from './packets/acknowledgement.ts'
import { decodeAuth } from './packets/auth.ts'
import { decodeConnack } from './packets/connack.ts'
import { decodeConnect } from './packets/connect.ts'
import { decodeDisconnect } from './packets/disconnect.ts'
import { decodePublish } from './packets/publish.ts'
import { decodeSuback, decodeUnsuback } from './packets/suback.ts'
import { decodeSubscribe } from './packets/subscribe.ts'
import { decodeUnsubscribe } from './packets/unsubscribe.ts'

/** By the high four bits of the first byte (MQTT 5.0 table 2-1); 0 is forbidden. */
export const packetTypes: readonly (PacketType | undefined)[] = [
  undefined,
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'AUTH',
]

export type Sender = 'client' | 'server'

/** Packets that one side only may send (MQTT 5.0 table 2-1); a 3.1.1 server never sends DISCONNECT. */
const onlyFrom: Partial<Record<PacketType, Sender>> = {
  CONNECT: 'client',
  SUBSCRIBE: 'client',
  UNSUBSCRIBE: 'client',
  PINGREQ: 'client',
  CONNACK: 'server',
  SUBACK: 'server',
  UNSUBACK: 'server',
  PINGRESP: 'server',
}

/** The statement about the flags of one packet's first byte, where it has its own. */
const flagStatements: Partial<Record<PacketType, string>> = {
  PUBREL: '3.6.1-1',
  SUBSCRIBE: '3.8.1-1',
  UNSUBSCRIBE: '3.10.1-1',
  DISCONNECT: '3.14.1-1',
  AUTH: '3.15.1-1',
}

/**
 * Decodes exactly one frame, as the framer hands it over. Total: whatever the bytes, it answers and never throws, and it
 * never reads outside `[start, end)`. Byte fields of the packet are copies.
 *
 * @param version of the connection; CONNECT carries its own
 * @param from who sent it
 */
export function decodePacket(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
  from: Sender,
): Result<Packet, PacketFailure> {
  return decodeWith(new PacketReader(bytes, bodyStart, end, version), bytes[start]!, from)
}

/** The same with a reader of the caller's, which stands behind the fixed header; `annotate` brings one that notes. */
export function decodeWith(reader: PacketReader, first: number, from: Sender): Result<Packet, PacketFailure> {
  const version = reader.version
  const type = packetTypes[first >> 4]
  const flags = first & 0x0f
  if (type === undefined || (type === 'AUTH' && version === 4)) {
    return err(malformed(version, version === 5 ? '2.1.2' : '2.2.1', `packet type ${first >> 4} is reserved`))
  }
  if ((onlyFrom[type] ?? from) !== from || (type === 'DISCONNECT' && version === 4 && from === 'server')) {
    return err(protocolError(version, version === 5 ? '2.1.2' : '2.2.1', `a ${from} sent ${type}`))
  }
  if (type !== 'PUBLISH' && flags !== requiredFlags(type)) {
    const own = version === 4 && type === 'AUTH' ? undefined : flagStatements[type]
    const place = own ?? (version === 5 ? '2.1.3-1' : '2.2.2-1')
    return err(malformed(version, place, `flags of ${type} are ${hexByte(flags)}`))
  }
  const packet = decodeBody(reader, type, flags, from === 'server')
  return reader.failure === null ? ok(packet) : err(reader.failure)
}

/** What the low four bits of the first byte must be; PUBLISH has flags of its own. */
export function requiredFlags(type: PacketType): number {
  return type === 'PUBREL' || type === 'SUBSCRIBE' || type === 'UNSUBSCRIBE' ? 0x02 : 0
}

function decodeBody(reader: PacketReader, type: PacketType, flags: number, fromServer: boolean): Packet {
  switch (type) {
    case 'CONNECT':
      return decodeConnect(reader)
    case 'CONNACK':
      return decodeConnack(reader)
    case 'PUBLISH':
      return decodePublish(reader, flags, fromServer)
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP':
      return decodeAcknowledgement(reader, type)
    case 'SUBSCRIBE':
      return decodeSubscribe(reader)
    case 'SUBACK':
      return decodeSuback(reader)
    case 'UNSUBSCRIBE':
      return decodeUnsubscribe(reader)
    case 'UNSUBACK':
      return decodeUnsuback(reader)
    case 'PINGREQ':
    case 'PINGRESP':
      reader.finish()
      return { type }
    case 'DISCONNECT':
      return decodeDisconnect(reader, fromServer)
    case 'AUTH':
      return decodeAuth(reader, fromServer)
  }
}
