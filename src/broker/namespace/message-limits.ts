import type { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { NamespaceLimits } from '../../registry/profile.ts'
import type { LimitName } from '../bounds/limit-hits.ts'
import type { Namespace } from './namespace.ts'

/** What is over which limit, for the peer and for the log. */
export interface LimitFault {
  readonly limit: LimitName
  readonly reasonCode: ReasonCode
  readonly detail: string
}

/** What is wrong with a topic or filter beyond its syntax; null: nothing. */
export function topicFault(text: string, lengthBytes: number, limits: NamespaceLimits): LimitFault | null {
  const reasonCode = ReasonCode.TopicNameInvalid
  const { maximumTopicBytes, maximumTopicSegments } = limits
  if (lengthBytes > maximumTopicBytes) {
    return { limit: 'maximumTopicBytes', reasonCode, detail: `the topic is longer than ${maximumTopicBytes} bytes` }
  }
  let segments = 1
  for (let at = text.indexOf('/'); at >= 0; at = text.indexOf('/', at + 1)) segments++
  if (segments > maximumTopicSegments) {
    const detail = `the topic has more than ${maximumTopicSegments} segments`
    return { limit: 'maximumTopicSegments', reasonCode, detail }
  }
  if (limits.dollarTopics || text.charCodeAt(0) !== 0x24) return null
  return { limit: 'dollarTopics', reasonCode, detail: 'topics that begin with $ are reserved' }
}

/** Limits of a PUBLISH's properties and of a retained message; null: all kept. */
export function overLimit(view: PublishView, topicName: string, namespace: Namespace): LimitFault | null {
  const { limits } = namespace
  const property = propertyOver(view, limits)
  if (property !== null) {
    const detail = `a property is over the limit ${property}`
    return { limit: property, reasonCode: ReasonCode.ImplementationSpecificError, detail }
  }
  if (!view.retain) return null
  if (!limits.retainAvailable) {
    const reasonCode = ReasonCode.RetainNotSupported
    return { limit: 'retainAvailable', reasonCode, detail: '[MQTT-3.2.2-14] nothing is retained here' }
  }
  const size = view.end - view.payloadStart
  // [MQTT-3.3.1-6]: it takes no room, it makes some.
  if (size === 0) return null
  const limit =
    size > limits.maximumRetainedMessageBytes
      ? 'maximumRetainedMessageBytes'
      : namespace.retained.exceeds(topicName, view.end - view.start, limits)
  if (limit === null) return null
  return { limit, reasonCode: ReasonCode.QuotaExceeded, detail: `the retained message is over the limit ${limit}` }
}

function propertyOver(view: PublishView, limits: NamespaceLimits): LimitName | null {
  if (view.responseTopicEnd - view.responseTopicStart > limits.maximumResponseTopicBytes) {
    return 'maximumResponseTopicBytes'
  }
  if (view.contentTypeEnd - view.contentTypeStart > limits.maximumContentTypeBytes) return 'maximumContentTypeBytes'
  if (view.correlationDataEnd - view.correlationDataStart > limits.maximumCorrelationDataBytes) {
    return 'maximumCorrelationDataBytes'
  }
  return view.userPropertyBytes > limits.maximumUserPropertiesBytes ? 'maximumUserPropertiesBytes' : null
}
