/** MQTT 5.0 section 2.4; names as the standard prints them. */
export const ReasonCode = {
  Success: 0x00,
  GrantedQoS1: 0x01,
  GrantedQoS2: 0x02,
  DisconnectWithWillMessage: 0x04,
  NoMatchingSubscribers: 0x10,
  NoSubscriptionExisted: 0x11,
  ContinueAuthentication: 0x18,
  ReAuthenticate: 0x19,
  UnspecifiedError: 0x80,
  MalformedPacket: 0x81,
  ProtocolError: 0x82,
  ImplementationSpecificError: 0x83,
  UnsupportedProtocolVersion: 0x84,
  ClientIdentifierNotValid: 0x85,
  BadUserNameOrPassword: 0x86,
  NotAuthorized: 0x87,
  ServerUnavailable: 0x88,
  ServerBusy: 0x89,
  Banned: 0x8a,
  ServerShuttingDown: 0x8b,
  BadAuthenticationMethod: 0x8c,
  KeepAliveTimeout: 0x8d,
  SessionTakenOver: 0x8e,
  TopicFilterInvalid: 0x8f,
  TopicNameInvalid: 0x90,
  PacketIdentifierInUse: 0x91,
  PacketIdentifierNotFound: 0x92,
  ReceiveMaximumExceeded: 0x93,
  TopicAliasInvalid: 0x94,
  PacketTooLarge: 0x95,
  MessageRateTooHigh: 0x96,
  QuotaExceeded: 0x97,
  AdministrativeAction: 0x98,
  PayloadFormatInvalid: 0x99,
  RetainNotSupported: 0x9a,
  QoSNotSupported: 0x9b,
  UseAnotherServer: 0x9c,
  ServerMoved: 0x9d,
  SharedSubscriptionsNotSupported: 0x9e,
  ConnectionRateExceeded: 0x9f,
  MaximumConnectTime: 0xa0,
  SubscriptionIdentifiersNotSupported: 0xa1,
  WildcardSubscriptionsNotSupported: 0xa2,
} as const
export type ReasonCode = (typeof ReasonCode)[keyof typeof ReasonCode]

/** MQTT 3.1.1 section 3.2.2.3. */
export const ReturnCode = {
  Accepted: 0x00,
  UnacceptableProtocolVersion: 0x01,
  IdentifierRejected: 0x02,
  ServerUnavailable: 0x03,
  BadUserNameOrPassword: 0x04,
  NotAuthorized: 0x05,
} as const
export type ReturnCode = (typeof ReturnCode)[keyof typeof ReturnCode]

/** Packets with a set of their own; DISCONNECT and AUTH have one per sender. */
export type ReasonCodeCarrier =
  | 'CONNACK'
  | 'PUBACK'
  | 'PUBREC'
  | 'PUBREL'
  | 'PUBCOMP'
  | 'SUBACK'
  | 'UNSUBACK'
  | 'clientDISCONNECT'
  | 'serverDISCONNECT'
  | 'clientAUTH'
  | 'serverAUTH'

const PUBLISH_ANSWERS = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
const FOUND_OR_NOT = [0x00, 0x92]
const CLIENT_DISCONNECTS = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]

/** MQTT 5.0 3.2.2.2, 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1, 3.9.3, 3.11.3, 3.14.2.1, 3.15.2.1, with the column "sent by". */
const allowed: Readonly<Record<ReasonCodeCarrier, ReadonlySet<number>>> = {
  // biome-ignore format: a table
  CONNACK: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c,
    0x9d, 0x9f,
  ]),
  PUBACK: new Set(PUBLISH_ANSWERS),
  PUBREC: new Set(PUBLISH_ANSWERS),
  PUBREL: new Set(FOUND_OR_NOT),
  PUBCOMP: new Set(FOUND_OR_NOT),
  SUBACK: new Set([0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
  UNSUBACK: new Set([0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
  clientDISCONNECT: new Set(CLIENT_DISCONNECTS),
  // Section 2.4 gives DISCONNECT 0x8C too, for a failed re-authentication (4.12.1); the packet's own table forgets it.
  // biome-ignore format: a table
  serverDISCONNECT: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
    0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ]),
  clientAUTH: new Set([0x18, 0x19]),
  serverAUTH: new Set([0x00, 0x18]),
}

/** Whether that packet may carry the code. */
export function isReasonCodeOf(carrier: ReasonCodeCarrier, code: number): code is ReasonCode {
  return allowed[carrier].has(code)
}

export function isReturnCode(code: number): code is ReturnCode {
  return code >= 0 && code <= 5
}

/**
 * The return code that tells a 3.1.1 peer a refusal of CONNECT. Codes without a counterpart read "server unavailable":
 * where 3.1.1 wants no CONNACK at all (a packet against the standard [MQTT311-3.1.4-1]) the caller just closes.
 */
export function returnCodeFor(reasonCode: ReasonCode): ReturnCode {
  switch (reasonCode) {
    case ReasonCode.Success:
      return ReturnCode.Accepted
    case ReasonCode.UnsupportedProtocolVersion:
      return ReturnCode.UnacceptableProtocolVersion
    case ReasonCode.ClientIdentifierNotValid:
      return ReturnCode.IdentifierRejected
    case ReasonCode.BadUserNameOrPassword:
      return ReturnCode.BadUserNameOrPassword
    case ReasonCode.NotAuthorized:
    case ReasonCode.Banned:
    case ReasonCode.BadAuthenticationMethod:
      return ReturnCode.NotAuthorized
    default:
      return ReturnCode.ServerUnavailable
  }
}
