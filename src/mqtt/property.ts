import type { UserProperties } from './packet.ts'

/** Where properties stand: a packet type, or the will inside CONNECT. */
export type PropertyCarrier =
  | 'CONNECT'
  | 'will'
  | 'CONNACK'
  | 'PUBLISH'
  | 'PUBACK'
  | 'PUBREC'
  | 'PUBREL'
  | 'PUBCOMP'
  | 'SUBSCRIBE'
  | 'SUBACK'
  | 'UNSUBSCRIBE'
  | 'UNSUBACK'
  | 'DISCONNECT'
  | 'AUTH'

/** The union of all property sets in packet.ts; each packet's own type is a part of it. */
export interface AnyProperties {
  payloadFormatIndicator?: 0 | 1
  messageExpiryIntervalSeconds?: number
  contentType?: string
  responseTopic?: string
  correlationData?: Uint8Array
  /** In PUBLISH; several only from server to client. */
  subscriptionIdentifiers?: readonly number[]
  /** In SUBSCRIBE. */
  subscriptionIdentifier?: number
  sessionExpiryIntervalSeconds?: number
  assignedClientIdentifier?: string
  serverKeepAliveSeconds?: number
  authenticationMethod?: string
  authenticationData?: Uint8Array
  requestProblemInformation?: 0 | 1
  willDelayIntervalSeconds?: number
  requestResponseInformation?: 0 | 1
  responseInformation?: string
  serverReference?: string
  reasonString?: string
  receiveMaximum?: number
  topicAliasMaximum?: number
  topicAlias?: number
  maximumQoS?: 0 | 1
  retainAvailable?: 0 | 1
  userProperties?: UserProperties
  maximumPacketSizeBytes?: number
  wildcardSubscriptionAvailable?: 0 | 1
  subscriptionIdentifiersAvailable?: 0 | 1
  sharedSubscriptionAvailable?: 0 | 1
}

export type PropertyType =
  | 'byte'
  | 'twoByteInteger'
  | 'fourByteInteger'
  | 'variableByteInteger'
  | 'text'
  | 'binary'
  | 'pair'

export interface PropertyRow {
  readonly id: number
  /** As the standard prints it. */
  readonly name: string
  readonly key: keyof AnyProperties
  readonly type: PropertyType
  readonly carriers: readonly PropertyCarrier[]
  /** Section of MQTT 5.0 that describes it first. */
  readonly section: string
  /** The normative statement about its value, where it has one of its own. */
  readonly statement?: string
  /** Lowest and highest value, where that is narrower than the type. */
  readonly range?: readonly [lowest: number, highest: number]
}

const ACKNOWLEDGEMENTS = ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBACK', 'UNSUBACK'] as const
const BIT = [0, 1] as const

/** MQTT 5.0 table 2-4, in the order of the identifiers, which is also the order in which we write them. */
// biome-ignore format: a table
export const properties: readonly PropertyRow[] = [
  { id: 0x01, name: 'Payload Format Indicator', key: 'payloadFormatIndicator', type: 'byte', carriers: ['PUBLISH', 'will'], section: '3.3.2.3.2', range: BIT },
  { id: 0x02, name: 'Message Expiry Interval', key: 'messageExpiryIntervalSeconds', type: 'fourByteInteger', carriers: ['PUBLISH', 'will'], section: '3.3.2.3.3' },
  { id: 0x03, name: 'Content Type', key: 'contentType', type: 'text', carriers: ['PUBLISH', 'will'], section: '3.3.2.3.9', statement: '3.3.2-19' },
  { id: 0x08, name: 'Response Topic', key: 'responseTopic', type: 'text', carriers: ['PUBLISH', 'will'], section: '3.3.2.3.5', statement: '3.3.2-13' },
  { id: 0x09, name: 'Correlation Data', key: 'correlationData', type: 'binary', carriers: ['PUBLISH', 'will'], section: '3.3.2.3.6' },
  { id: 0x0b, name: 'Subscription Identifier', key: 'subscriptionIdentifiers', type: 'variableByteInteger', carriers: ['PUBLISH', 'SUBSCRIBE'], section: '3.8.2.1.2', range: [1, 268_435_455] },
  { id: 0x11, name: 'Session Expiry Interval', key: 'sessionExpiryIntervalSeconds', type: 'fourByteInteger', carriers: ['CONNECT', 'CONNACK', 'DISCONNECT'], section: '3.1.2.11.2' },
  { id: 0x12, name: 'Assigned Client Identifier', key: 'assignedClientIdentifier', type: 'text', carriers: ['CONNACK'], section: '3.2.2.3.7' },
  { id: 0x13, name: 'Server Keep Alive', key: 'serverKeepAliveSeconds', type: 'twoByteInteger', carriers: ['CONNACK'], section: '3.2.2.3.14' },
  { id: 0x15, name: 'Authentication Method', key: 'authenticationMethod', type: 'text', carriers: ['CONNECT', 'CONNACK', 'AUTH'], section: '3.1.2.11.9' },
  { id: 0x16, name: 'Authentication Data', key: 'authenticationData', type: 'binary', carriers: ['CONNECT', 'CONNACK', 'AUTH'], section: '3.1.2.11.10' },
  { id: 0x17, name: 'Request Problem Information', key: 'requestProblemInformation', type: 'byte', carriers: ['CONNECT'], section: '3.1.2.11.7', range: BIT },
  { id: 0x18, name: 'Will Delay Interval', key: 'willDelayIntervalSeconds', type: 'fourByteInteger', carriers: ['will'], section: '3.1.3.2.2' },
  { id: 0x19, name: 'Request Response Information', key: 'requestResponseInformation', type: 'byte', carriers: ['CONNECT'], section: '3.1.2.11.6', range: BIT },
  { id: 0x1a, name: 'Response Information', key: 'responseInformation', type: 'text', carriers: ['CONNACK'], section: '3.2.2.3.15' },
  { id: 0x1c, name: 'Server Reference', key: 'serverReference', type: 'text', carriers: ['CONNACK', 'DISCONNECT'], section: '3.2.2.3.16' },
  { id: 0x1f, name: 'Reason String', key: 'reasonString', type: 'text', carriers: ['CONNACK', ...ACKNOWLEDGEMENTS, 'DISCONNECT', 'AUTH'], section: '3.2.2.3.9' },
  { id: 0x21, name: 'Receive Maximum', key: 'receiveMaximum', type: 'twoByteInteger', carriers: ['CONNECT', 'CONNACK'], section: '3.1.2.11.3', range: [1, 65_535] },
  { id: 0x22, name: 'Topic Alias Maximum', key: 'topicAliasMaximum', type: 'twoByteInteger', carriers: ['CONNECT', 'CONNACK'], section: '3.1.2.11.5' },
  { id: 0x23, name: 'Topic Alias', key: 'topicAlias', type: 'twoByteInteger', carriers: ['PUBLISH'], section: '3.3.2.3.4', statement: '3.3.2-8', range: [1, 65_535] },
  { id: 0x24, name: 'Maximum QoS', key: 'maximumQoS', type: 'byte', carriers: ['CONNACK'], section: '3.2.2.3.4', range: BIT },
  { id: 0x25, name: 'Retain Available', key: 'retainAvailable', type: 'byte', carriers: ['CONNACK'], section: '3.2.2.3.5', range: BIT },
  { id: 0x26, name: 'User Property', key: 'userProperties', type: 'pair', carriers: ['CONNECT', 'will', 'CONNACK', 'PUBLISH', 'SUBSCRIBE', 'UNSUBSCRIBE', ...ACKNOWLEDGEMENTS, 'DISCONNECT', 'AUTH'], section: '3.3.2.3.7', statement: '1.5.7-1' },
  { id: 0x27, name: 'Maximum Packet Size', key: 'maximumPacketSizeBytes', type: 'fourByteInteger', carriers: ['CONNECT', 'CONNACK'], section: '3.1.2.11.4', range: [1, 4_294_967_295] },
  { id: 0x28, name: 'Wildcard Subscription Available', key: 'wildcardSubscriptionAvailable', type: 'byte', carriers: ['CONNACK'], section: '3.2.2.3.11', range: BIT },
  { id: 0x29, name: 'Subscription Identifiers Available', key: 'subscriptionIdentifiersAvailable', type: 'byte', carriers: ['CONNACK'], section: '3.2.2.3.12', range: BIT },
  { id: 0x2a, name: 'Shared Subscription Available', key: 'sharedSubscriptionAvailable', type: 'byte', carriers: ['CONNACK'], section: '3.2.2.3.13', range: BIT },
]

const byId: readonly (PropertyRow | undefined)[] = Array.from({ length: 0x2b }, (_, id) =>
  properties.find((row) => row.id === id),
)

/** The row of a property that may stand there, or undefined. */
export function propertyFor(id: number, carrier: PropertyCarrier): PropertyRow | undefined {
  const row = byId[id]
  return row?.carriers.includes(carrier) ? row : undefined
}

/** The row of any property, or undefined. */
export function propertyOf(id: number): PropertyRow | undefined {
  return byId[id]
}
