import { requiredFlags } from './decode.ts'
import type { AcknowledgementPacket, ProtocolVersion } from './packet.ts'
import { PacketReader } from './packet-reader.ts'
import { decodeAcknowledgement } from './packets/acknowledgement.ts'

const types: readonly AcknowledgementPacket['type'][] = ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP']

/**
 * Reads PUBACK, PUBREC, PUBREL or PUBCOMP (the caller has looked at the type) without an object: what nearly all of them
 * are is a Packet Identifier and nothing else.
 *
 * @returns `reasonCode * 65536 + packetIdentifier`, taken apart by `packetIdentifierOf` and `reasonCodeOf`; -1 when
 *   `decodePacket` refuses these bytes, which then also says why
 */
export function readAcknowledgement(
  bytes: Uint8Array,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
): number {
  const first = bytes[start]!
  if (end - bodyStart === 2 && (first & 0x0f) === ((first & 0xf0) === 0x60 ? 0x02 : 0)) {
    const identifier = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!
    return identifier === 0 ? -1 : identifier
  }
  const type = types[(first >> 4) - 4]
  if (type === undefined || (first & 0x0f) !== requiredFlags(type)) return -1
  const reader = new PacketReader(bytes, bodyStart, end, version)
  const { packetIdentifier, reasonCode } = decodeAcknowledgement(reader, type)
  return reader.failure === null ? reasonCode * 0x1_0000 + packetIdentifier : -1
}

export function packetIdentifierOf(acknowledgement: number): number {
  return acknowledgement & 0xffff
}

/** 0 (Success) when the packet carries none. */
export function reasonCodeOf(acknowledgement: number): number {
  return acknowledgement >> 16
}
