import type { ConnackProperties, ConnectPacket, Will } from '../../mqtt/packet.ts'
import { ReasonCode, ReturnCode } from '../../mqtt/reason-code.ts'
import type { NamespaceLimits } from '../../registry/profile.ts'
import type { NamespaceView } from '../../registry/view.ts'
import type { LimitName } from '../bounds/limit-hits.ts'

/** Session Expiry Interval that means: never. */
const never = 0xffff_ffff

export interface ConnectFault {
  readonly reasonCode: ReasonCode
  readonly returnCode: ReturnCode
  readonly detail: string
  /** Of the profile; null: the standard itself says so. */
  readonly limit: LimitName | null
}

/** What a CONNECT of an authenticated client may not ask for in this namespace; null: nothing. */
export function connectFault(packet: ConnectPacket, limits: NamespaceLimits): ConnectFault | null {
  const { properties, will } = packet
  if (packet.clientId === '' && packet.protocolVersion === 4 && !packet.cleanStart) {
    return identifierFault(null, '[MQTT311-3.1.3-8] an empty Client Identifier needs Clean Session')
  }
  if (packet.clientId.length > limits.maximumClientIdCharacters) {
    const detail = `the Client Identifier is longer than ${limits.maximumClientIdCharacters} characters`
    return identifierFault('maximumClientIdCharacters', detail)
  }
  if (!limits.userPropertiesOutsidePublish && (properties.userProperties?.length ?? 0) > 0) {
    return notServed('userPropertiesOutsidePublish', 'User Properties are not allowed in CONNECT')
  }
  const data = properties.authenticationData?.length ?? 0
  if (data > limits.maximumAuthenticationDataBytes) {
    return notServed('maximumAuthenticationDataBytes', 'the Authentication Data is too long')
  }
  if (will === null) return null
  if (will.qos > limits.maximumQoS) {
    return {
      reasonCode: ReasonCode.QoSNotSupported,
      returnCode: ReturnCode.NotAuthorized,
      detail: '[MQTT-3.2.2-12] the QoS of the will is above Maximum QoS',
      limit: 'maximumQoS',
    }
  }
  if (will.retain && !limits.retainAvailable) {
    return {
      reasonCode: ReasonCode.RetainNotSupported,
      returnCode: ReturnCode.NotAuthorized,
      detail: '[MQTT-3.2.2-13] the will asks to be retained',
      limit: 'retainAvailable',
    }
  }
  return willFault(will, limits)
}

function willFault(will: Will, limits: NamespaceLimits): ConnectFault | null {
  const { responseTopic, contentType, correlationData, userProperties } = will.properties
  const bytes = (text: string | undefined): number => (text === undefined ? 0 : Buffer.byteLength(text))
  const user = (userProperties ?? []).reduce((sum, [name, value]) => sum + bytes(name) + bytes(value), 0)
  const sizes = {
    maximumResponseTopicBytes: bytes(responseTopic),
    maximumContentTypeBytes: bytes(contentType),
    maximumCorrelationDataBytes: correlationData?.length ?? 0,
    maximumUserPropertiesBytes: user,
  }
  for (const limit of Object.keys(sizes) as (keyof typeof sizes)[]) {
    if (sizes[limit] > limits[limit]) return notServed(limit, `a property of the will is over the limit ${limit}`)
  }
  const size = will.payload.length
  if (size > limits.maximumPacketSizeBytes) {
    return { ...notServed('maximumPacketSizeBytes', 'the will is too large'), reasonCode: ReasonCode.PacketTooLarge }
  }
  if (will.retain && size > limits.maximumRetainedMessageBytes) {
    const fault = notServed('maximumRetainedMessageBytes', 'the will is too large to be retained')
    return { ...fault, reasonCode: ReasonCode.QuotaExceeded }
  }
  return null
}

function identifierFault(limit: LimitName | null, detail: string): ConnectFault {
  return { limit, reasonCode: ReasonCode.ClientIdentifierNotValid, returnCode: ReturnCode.IdentifierRejected, detail }
}

function notServed(limit: LimitName, detail: string): ConnectFault {
  return {
    limit,
    reasonCode: ReasonCode.ImplementationSpecificError,
    returnCode: ReturnCode.ServerUnavailable,
    detail,
  }
}

export interface Terms {
  /** Null: never expires. */
  readonly sessionExpiryIntervalSeconds: number | null
  /** 0: none. */
  readonly keepAliveSeconds: number
  connackProperties(clientId: string): ConnackProperties
}

/** What client and namespace agree on; what differs from what the client asked for is told in CONNACK. */
export function negotiate(packet: ConnectPacket, view: NamespaceView): Terms {
  const { limits } = view
  const expiry = sessionExpiry(packet, view.maximumSessionExpirySeconds)
  const longest = limits.maximumKeepAliveSeconds
  const asked = packet.keepAliveSeconds
  const keepAliveSeconds = longest !== null && (asked === 0 || asked > longest) ? longest : asked
  return {
    sessionExpiryIntervalSeconds: expiry === never ? null : expiry,
    keepAliveSeconds,
    connackProperties: (clientId) => ({
      ...(expiry === (packet.properties.sessionExpiryIntervalSeconds ?? 0)
        ? {}
        : { sessionExpiryIntervalSeconds: expiry }),
      ...(limits.receiveMaximum === 65_535 ? {} : { receiveMaximum: limits.receiveMaximum }),
      ...(limits.maximumQoS === 2 ? {} : { maximumQoS: limits.maximumQoS }),
      retainAvailable: limits.retainAvailable ? 1 : 0,
      maximumPacketSizeBytes: limits.maximumPacketSizeBytes,
      ...(packet.clientId === '' ? { assignedClientIdentifier: clientId } : {}),
      ...(limits.topicAliasMaximum === 0 ? {} : { topicAliasMaximum: limits.topicAliasMaximum }),
      wildcardSubscriptionAvailable: 1,
      subscriptionIdentifiersAvailable: limits.subscriptionIdentifiers ? 1 : 0,
      sharedSubscriptionAvailable: limits.sharedSubscriptions ? 1 : 0,
      ...(keepAliveSeconds === asked ? {} : { serverKeepAliveSeconds: keepAliveSeconds }),
    }),
  }
}

/** MQTT 3.1.1 knows only whether a session outlives its connection; how long is the namespace's longest. */
function sessionExpiry(packet: ConnectPacket, maximum: number): number {
  if (packet.protocolVersion === 4) return packet.cleanStart ? 0 : Math.min(maximum, never)
  return Math.min(packet.properties.sessionExpiryIntervalSeconds ?? 0, maximum)
}
