import { hexByte, malformed, protocolError } from '../failure.ts'
import type { ConnectPacket, PacketFailure, ProtocolVersion, QoS, Will } from '../packet.ts'
import type { PacketReader } from '../packet-reader.ts'
import type { PacketWriter } from '../packet-writer.ts'
import { readProperties } from '../property-reader.ts'
import { writeProperties } from '../property-writer.ts'
import { ReasonCode } from '../reason-code.ts'

const CLEAN_START = 0x02
const WILL = 0x04
const WILL_RETAIN = 0x20
const PASSWORD = 0x40
const USER_NAME = 0x80

/** Sets the reader's version from the Protocol Version field; the rest is read by that version's rules. */
export function decodeConnect(reader: PacketReader): ConnectPacket {
  readProtocol(reader)
  const version = reader.version
  const flags = reader.u8('Connect Flags')
  checkFlags(reader, flags)
  const keepAliveSeconds = reader.u16('Keep Alive')
  const properties = version === 5 ? readProperties(reader, 'CONNECT') : {}
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    reader.fail(protocolError(5, '3.1.2.11.10', 'Authentication Data without Authentication Method'))
  }
  const clientId = reader.text('Client Identifier', '3.1.3-4')
  const will = (flags & WILL) === 0 ? null : readWill(reader, flags)
  const username = (flags & USER_NAME) === 0 ? null : reader.text('User Name', version === 5 ? '3.1.3-12' : '3.1.3-11')
  const password = (flags & PASSWORD) === 0 ? null : reader.binary('Password')
  reader.finish()
  const cleanStart = (flags & CLEAN_START) !== 0
  if (version === 4 && clientId === '' && !cleanStart) {
    reader.fail({
      kind: 'clientIdentifierNotValid',
      reasonCode: ReasonCode.ClientIdentifierNotValid,
      message: '[MQTT311-3.1.3-8] Client Identifier is empty without Clean Session',
    })
  }
  return {
    type: 'CONNECT',
    protocolVersion: version,
    cleanStart,
    keepAliveSeconds,
    clientId,
    username,
    password,
    will,
    properties,
  }
}

/**
 * In whose format a refusal of these CONNECT bytes is answered: a peer of level 3 or below reads a 3.1.1 CONNACK, one of
 * a level above 5 the newest we know. Null: the peer does not speak MQTT at all, so it gets no answer [MQTT-3.1.2-1].
 */
export function refusalVersion(bytes: Uint8Array, bodyStart: number, end: number): ProtocolVersion | null {
  const length = end - bodyStart < 2 ? -1 : (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!
  const levelAt = bodyStart + 2 + length
  if ((length !== 4 && length !== 6) || levelAt >= end) return null
  const name = String.fromCharCode(...bytes.subarray(bodyStart + 2, levelAt))
  if (name !== 'MQTT' && name !== 'MQIsdp') return null
  // mosquitto's bridges set the highest bit of the level.
  return (bytes[levelAt]! & 0x7f) >= 5 ? 5 : 4
}

function readProtocol(reader: PacketReader): void {
  const name = reader.text('Protocol Name', '3.1.2-1')
  if (reader.failure === null && name !== 'MQTT' && name !== 'MQIsdp') {
    // The standard lets a server answer 0x84 or nothing; a peer of another protocol could not read the answer.
    reader.fail(malformed(5, '3.1.2-1', 'Protocol Name is not MQTT'))
  }
  const level = reader.u8('Protocol Version')
  if (reader.failure !== null) return
  if (name === 'MQTT' && (level === 4 || level === 5)) reader.version = level
  else reader.fail(unsupported(`${name} level ${level}`))
}

function unsupported(protocol: string): PacketFailure {
  return {
    kind: 'unsupportedProtocolVersion',
    reasonCode: ReasonCode.UnsupportedProtocolVersion,
    message: `[MQTT-3.1.2-2] Protocol Version ${protocol} is not supported`,
  }
}

function checkFlags(reader: PacketReader, flags: number): void {
  const version = reader.version
  const willQoS = (flags >> 3) & 3
  if ((flags & 0x01) !== 0) {
    reader.fail(malformed(version, '3.1.2-3', `reserved bit of the Connect Flags is set (${hexByte(flags)})`))
  }
  if ((flags & WILL) === 0) {
    if (willQoS !== 0)
      reader.fail(malformed(version, version === 5 ? '3.1.2-11' : '3.1.2-13', 'Will QoS without a will'))
    if ((flags & WILL_RETAIN) !== 0) {
      reader.fail(malformed(version, version === 5 ? '3.1.2-13' : '3.1.2-15', 'Will Retain without a will'))
    }
  } else if (willQoS === 3) {
    reader.fail(malformed(version, version === 5 ? '3.1.2-12' : '3.1.2-14', 'Will QoS is 3'))
  }
  if (version === 4 && (flags & USER_NAME) === 0 && (flags & PASSWORD) !== 0) {
    reader.fail(malformed(4, '3.1.2-22', 'Password without User Name'))
  }
}

function readWill(reader: PacketReader, flags: number): Will {
  const properties = reader.version === 5 ? readProperties(reader, 'will') : {}
  const topicName = reader.text('Will Topic', reader.version === 5 ? '3.1.3-11' : '3.1.3-10')
  const payload = reader.binary('Will Payload')
  return {
    topicName,
    payload,
    qos: ((flags >> 3) & 3) as QoS,
    retain: (flags & WILL_RETAIN) !== 0,
    properties,
  }
}

export function encodeConnect(writer: PacketWriter, packet: ConnectPacket): void {
  const { will, username, password } = packet
  writer.text('MQTT')
  writer.u8(packet.protocolVersion)
  writer.u8(
    (packet.cleanStart ? CLEAN_START : 0) |
      (will === null ? 0 : WILL | (will.qos << 3) | (will.retain ? WILL_RETAIN : 0)) |
      (password === null ? 0 : PASSWORD) |
      (username === null ? 0 : USER_NAME),
  )
  writer.u16(packet.keepAliveSeconds)
  if (packet.protocolVersion === 5) writeProperties(writer, 'CONNECT', packet.properties)
  writer.text(packet.clientId)
  if (will !== null) {
    if (packet.protocolVersion === 5) writeProperties(writer, 'will', will.properties)
    writer.text(will.topicName)
    writer.binary(will.payload)
  }
  if (username !== null) writer.text(username)
  if (password !== null) writer.binary(password)
}
