import type { PacketFailure, ProtocolVersion } from './packet.ts'
import { ReasonCode } from './reason-code.ts'

/**
 * Names the rule that a packet breaks: `3.1.2-3` is a normative statement and prints as `[MQTT-3.1.2-3]`
 * (`[MQTT311-3.1.2-3]` for 3.1.1), anything else is a section of the standard.
 */
function cite(version: ProtocolVersion, place: string): string {
  if (place.includes('-')) return version === 5 ? `[MQTT-${place}]` : `[MQTT311-${place}]`
  return version === 5 ? `MQTT 5.0 ${place}:` : `MQTT 3.1.1 ${place}:`
}

/** Bytes that cannot be read as the packet they claim to be (MQTT 5.0 1.2). */
export function malformed(version: ProtocolVersion, place: string, text: string): PacketFailure {
  return { kind: 'malformed', reasonCode: ReasonCode.MalformedPacket, message: `${cite(version, place)} ${text}` }
}

/** A readable packet that holds what the protocol does not allow (MQTT 5.0 1.2). */
export function protocolError(
  version: ProtocolVersion,
  place: string,
  text: string,
  reasonCode: ReasonCode = ReasonCode.ProtocolError,
): PacketFailure {
  return { kind: 'protocolError', reasonCode, message: `${cite(version, place)} ${text}` }
}

/** The statement that closes the connection on bytes that end too early or go on too long. */
export function wrongLength(version: ProtocolVersion, text: string): PacketFailure {
  return malformed(version, version === 5 ? '4.13.1-1' : '4.8.0-1', text)
}

/** `0x0a` */
export function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`
}
