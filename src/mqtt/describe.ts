import { hexByte } from './failure.ts'
import type { ConnectPacket, Packet, UserProperties, Will } from './packet.ts'
import { ReasonCode } from './reason-code.ts'

/** A peer chooses these texts, so what a log keeps of one is bounded. */
const LONGEST_TEXT = 256
/** Filters, codes or user properties of one packet. */
const MOST_ENTRIES = 16

/**
 * A packet as one readable line for logs and traces. Never shows a password, authentication data, correlation data or a
 * payload, and no user name that looks like a token (S60); texts are quoted, escaped and cut.
 */
export function describePacket(packet: Packet): string {
  switch (packet.type) {
    case 'CONNECT':
      return join('CONNECT', connectFields(packet))
    case 'CONNACK':
      return join('CONNACK', [
        codeName(packet.reasonCode),
        packet.sessionPresent ? 'sessionPresent' : '',
        fields(packet.properties),
      ])
    case 'PUBLISH':
      return join('PUBLISH', [
        quote(packet.topicName),
        `QoS ${packet.qos}`,
        packet.packetIdentifier === null ? '' : `id=${packet.packetIdentifier}`,
        packet.dup ? 'DUP' : '',
        packet.retain ? 'RETAIN' : '',
        size(packet.payload),
        fields(packet.properties),
      ])
    case 'PUBACK':
    case 'PUBREC':
    case 'PUBREL':
    case 'PUBCOMP':
      return join(packet.type, [
        `id=${packet.packetIdentifier}`,
        codeName(packet.reasonCode),
        fields(packet.properties),
      ])
    case 'SUBSCRIBE':
      return join('SUBSCRIBE', [
        `id=${packet.packetIdentifier}`,
        ...some(packet.subscriptions, (request) =>
          [
            `${quote(request.topicFilter)} QoS ${request.qos}`,
            request.noLocal ? 'noLocal' : '',
            request.retainAsPublished ? 'retainAsPublished' : '',
            request.retainHandling === 0 ? '' : `retainHandling=${request.retainHandling}`,
          ]
            .filter((part) => part !== '')
            .join(' '),
        ),
        fields(packet.properties),
      ])
    case 'SUBACK':
    case 'UNSUBACK':
      return join(packet.type, [
        `id=${packet.packetIdentifier}`,
        ...some(packet.reasonCodes, codeName),
        fields(packet.properties),
      ])
    case 'UNSUBSCRIBE':
      return join('UNSUBSCRIBE', [
        `id=${packet.packetIdentifier}`,
        ...some(packet.topicFilters, quote),
        fields(packet.properties),
      ])
    case 'PINGREQ':
    case 'PINGRESP':
      return packet.type
    case 'DISCONNECT':
    case 'AUTH':
      return join(packet.type, [codeName(packet.reasonCode), fields(packet.properties)])
  }
}

function connectFields(packet: ConnectPacket): string[] {
  return [
    packet.protocolVersion === 5 ? 'MQTT 5.0' : 'MQTT 3.1.1',
    `clientId=${quote(packet.clientId)}`,
    packet.cleanStart ? 'cleanStart' : '',
    `keepAlive=${packet.keepAliveSeconds}s`,
    packet.username === null ? '' : `username=${userName(packet.username)}`,
    packet.password === null ? '' : `password=${size(packet.password)}`,
    packet.will === null ? '' : `will={${willFields(packet.will)}}`,
    fields(packet.properties),
  ]
}

function willFields(will: Will): string {
  const parts = [quote(will.topicName), `QoS ${will.qos}`, will.retain ? 'RETAIN' : '', size(will.payload)]
  return [...parts, fields(will.properties)].filter((part) => part !== '').join(' ')
}

/** A JSON Web Token or a shared access signature in the wrong field is still a secret. */
function userName(text: string): string {
  const secret = text.startsWith('eyJ') || text.includes('SharedAccessSignature') || text.length > 128
  return secret ? `(${text.length} characters)` : quote(text)
}

/** `SessionTakenOver(0x8e)`. */
export function codeName(code: number): string {
  for (const [name, value] of Object.entries(ReasonCode)) if (value === code) return `${name}(${hexByte(code)})`
  return hexByte(code)
}

function fields(properties: object): string {
  const parts: string[] = []
  for (const [key, value] of Object.entries(properties) as [string, unknown][]) {
    if (value === undefined) continue
    if (key === 'userProperties') {
      const pairs = some(value as UserProperties, ([name, text]) => `${quote(name)}=${quote(text)}`)
      parts.push(`userProperties={${pairs.join(' ')}}`)
    } else if (typeof value === 'string') parts.push(`${key}=${quote(value)}`)
    else if (value instanceof Uint8Array) parts.push(`${key}=${size(value)}`)
    else parts.push(`${key}=${String(value)}`)
  }
  return parts.join(' ')
}

function some<T>(values: readonly T[], describe: (value: T) => string): string[] {
  const shown = values.slice(0, MOST_ENTRIES).map(describe)
  return values.length > MOST_ENTRIES ? [...shown, `and ${values.length - MOST_ENTRIES} more`] : shown
}

function join(type: string, parts: readonly string[]): string {
  return [type, ...parts.filter((part) => part !== '')].join(' ')
}

function size(bytes: Uint8Array): string {
  return `(${byteCount(bytes.length)})`
}

/** `1 byte`, `2 bytes` */
export function byteCount(count: number): string {
  return count === 1 ? '1 byte' : `${count} bytes`
}

/** Quoted, control and direction characters escaped, cut. */
export function quote(text: string): string {
  const cut = text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT).toWellFormed()}…` : text
  let quoted = ''
  for (const character of cut) {
    const point = character.codePointAt(0)!
    if (character === '"' || character === '\\') quoted += `\\${character}`
    else if (isInvisible(point)) quoted += `\\u{${point.toString(16)}}`
    else quoted += character
  }
  return `"${quoted}"`
}

/** C0, C1, DEL, zero-width, line separators and what turns the direction of text: they would forge a log line. */
function isInvisible(point: number): boolean {
  return (
    point < 0x20 ||
    (point >= 0x7f && point <= 0x9f) ||
    point === 0x061c ||
    (point >= 0x200b && point <= 0x200f) ||
    (point >= 0x2028 && point <= 0x202e) ||
    (point >= 0x2066 && point <= 0x2069) ||
    point === 0xfeff
  )
}
