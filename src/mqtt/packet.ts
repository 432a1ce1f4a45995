import type { ReasonCode, ReturnCode } from './reason-code.ts'

/** 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 4 | 5
export type QoS = 0 | 1 | 2

/** In order of appearance; a name may repeat [MQTT-3.3.2-18]. */
export type UserProperties = readonly (readonly [name: string, value: string])[]

/** Properties that a PUBLISH and a will carry through the broker (MQTT 5.0 3.3.2.3, 3.1.3.2). */
export interface MessageProperties {
  readonly payloadFormatIndicator?: 0 | 1
  readonly messageExpiryIntervalSeconds?: number
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Uint8Array
  readonly userProperties?: UserProperties
}

export interface WillProperties extends MessageProperties {
  readonly willDelayIntervalSeconds?: number
}

export interface Will {
  readonly topicName: string
  readonly payload: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: WillProperties
}

export interface ConnectProperties {
  readonly sessionExpiryIntervalSeconds?: number
  readonly receiveMaximum?: number
  readonly maximumPacketSizeBytes?: number
  readonly topicAliasMaximum?: number
  readonly requestResponseInformation?: 0 | 1
  readonly requestProblemInformation?: 0 | 1
  readonly userProperties?: UserProperties
  readonly authenticationMethod?: string
  readonly authenticationData?: Uint8Array
}

export interface ConnectPacket {
  readonly type: 'CONNECT'
  readonly protocolVersion: ProtocolVersion
  /** Clean Session in MQTT 3.1.1. */
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  readonly clientId: string
  /** Null: the flag is not set. Empty is not null. */
  readonly username: string | null
  readonly password: Uint8Array | null
  readonly will: Will | null
  readonly properties: ConnectProperties
}

export interface ConnackProperties {
  readonly sessionExpiryIntervalSeconds?: number
  readonly receiveMaximum?: number
  readonly maximumQoS?: 0 | 1
  readonly retainAvailable?: 0 | 1
  readonly maximumPacketSizeBytes?: number
  readonly assignedClientIdentifier?: string
  readonly topicAliasMaximum?: number
  readonly reasonString?: string
  readonly userProperties?: UserProperties
  readonly wildcardSubscriptionAvailable?: 0 | 1
  readonly subscriptionIdentifiersAvailable?: 0 | 1
  readonly sharedSubscriptionAvailable?: 0 | 1
  readonly serverKeepAliveSeconds?: number
  readonly responseInformation?: string
  readonly serverReference?: string
  readonly authenticationMethod?: string
  readonly authenticationData?: Uint8Array
}

export interface ConnackPacket {
  readonly type: 'CONNACK'
  readonly sessionPresent: boolean
  /** A `ReturnCode` in MQTT 3.1.1. */
  readonly reasonCode: ReasonCode | ReturnCode
  readonly properties: ConnackProperties
}

export interface PublishProperties extends MessageProperties {
  readonly topicAlias?: number
  /** Several only from server to client. */
  readonly subscriptionIdentifiers?: readonly number[]
}

export interface PublishPacket {
  readonly type: 'PUBLISH'
  readonly dup: boolean
  readonly qos: QoS
  readonly retain: boolean
  /** As on the wire: empty when only an alias is sent (MQTT 5.0). */
  readonly topicName: string
  /** Null exactly when `qos` is 0. */
  readonly packetIdentifier: number | null
  readonly properties: PublishProperties
  readonly payload: Uint8Array
}

export interface AcknowledgementProperties {
  readonly reasonString?: string
  readonly userProperties?: UserProperties
}

export interface AcknowledgementPacket {
  readonly type: 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP'
  readonly packetIdentifier: number
  /** Success in MQTT 3.1.1. */
  readonly reasonCode: ReasonCode
  readonly properties: AcknowledgementProperties
}

export interface SubscriptionRequest {
  readonly topicFilter: string
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
}

export interface SubscribePacket {
  readonly type: 'SUBSCRIBE'
  readonly packetIdentifier: number
  readonly subscriptions: readonly SubscriptionRequest[]
  readonly properties: { readonly subscriptionIdentifier?: number; readonly userProperties?: UserProperties }
}

export interface SubackPacket {
  readonly type: 'SUBACK'
  readonly packetIdentifier: number
  /** One per filter, in order; MQTT 3.1.1 knows 0, 1, 2 and 0x80. */
  readonly reasonCodes: readonly ReasonCode[]
  readonly properties: AcknowledgementProperties
}

export interface UnsubscribePacket {
  readonly type: 'UNSUBSCRIBE'
  readonly packetIdentifier: number
  readonly topicFilters: readonly string[]
  readonly properties: { readonly userProperties?: UserProperties }
}

export interface UnsubackPacket {
  readonly type: 'UNSUBACK'
  readonly packetIdentifier: number
  /** One per filter, in order; empty in MQTT 3.1.1. */
  readonly reasonCodes: readonly ReasonCode[]
  readonly properties: AcknowledgementProperties
}

export interface PingreqPacket {
  readonly type: 'PINGREQ'
}

export interface PingrespPacket {
  readonly type: 'PINGRESP'
}

export interface DisconnectPacket {
  readonly type: 'DISCONNECT'
  readonly reasonCode: ReasonCode
  readonly properties: {
    readonly sessionExpiryIntervalSeconds?: number
    readonly reasonString?: string
    readonly userProperties?: UserProperties
    readonly serverReference?: string
  }
}

/** MQTT 5.0 only. */
export interface AuthPacket {
  readonly type: 'AUTH'
  readonly reasonCode: ReasonCode
  readonly properties: {
    readonly authenticationMethod?: string
    readonly authenticationData?: Uint8Array
    readonly reasonString?: string
    readonly userProperties?: UserProperties
  }
}

/** The 15 control packets (MQTT 5.0 table 2-1). */
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | AcknowledgementPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket

export type PacketType = Packet['type']

/** Why bytes are not a packet, with the code a version 5 peer is told. */
export interface PacketFailure {
  readonly kind:
    | 'malformed'
    | 'protocolError'
    | 'packetTooLarge'
    | 'unsupportedProtocolVersion'
    | 'clientIdentifierNotValid'
  readonly reasonCode: ReasonCode
  /** What was wrong, where, and the normative statement: `[MQTT-2.2.1-2] Packet Identifier is 0`. */
  readonly message: string
}
