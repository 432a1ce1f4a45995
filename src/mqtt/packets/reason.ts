import { hexByte, protocolError } from '../failure.ts'
import type { PacketReader } from '../packet-reader.ts'
import { isReasonCodeOf, ReasonCode, type ReasonCodeCarrier } from '../reason-code.ts'

/** The statement that ties a packet to its set of codes. */
const statements: Readonly<Record<ReasonCodeCarrier, string>> = {
  CONNACK: '3.2.2-8',
  PUBACK: '3.4.2-1',
  PUBREC: '3.5.2-1',
  PUBREL: '3.6.2-1',
  PUBCOMP: '3.7.2-1',
  SUBACK: '3.9.3-2',
  UNSUBACK: '3.11.3-2',
  clientDISCONNECT: '3.14.2-1',
  serverDISCONNECT: '3.14.2-1',
  clientAUTH: '3.15.2-1',
  serverAUTH: '3.15.2-1',
}

/** Reads a version 5 Reason Code and refuses one that this packet may not carry. */
export function readReasonCode(reader: PacketReader, carrier: ReasonCodeCarrier): ReasonCode {
  const code = reader.u8('Reason Code')
  if (isReasonCodeOf(carrier, code)) return code
  reader.fail(protocolError(5, statements[carrier], `reason code ${hexByte(code)} is not one of ${carrier}`))
  return ReasonCode.Success
}
