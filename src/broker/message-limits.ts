import type { PublishView } from '../mqtt/publish-view.ts'
import { ReasonCode } from '../mqtt/reason-code.ts'
import type { NamespaceLimits } from '../registry/profile.ts'
import type { Namespace } from './namespace.ts'

/** What is wrong with a topic or filter beyond its syntax; null: nothing. */
export function topicFault(text: string, lengthBytes: number, limits: NamespaceLimits): string | null {
  if (lengthBytes > limits.maximumTopicBytes) return `the topic is longer than ${limits.maximumTopicBytes} bytes`
  let segments = 1
  for (let at = text.indexOf('/'); at >= 0; at = text.indexOf('/', at + 1)) segments++
  if (segments > limits.maximumTopicSegments) {
    return `the topic has more than ${limits.maximumTopicSegments} segments`
  }
  if (!limits.dollarTopics && text.charCodeAt(0) === 0x24) return 'topics that begin with $ are reserved'
  return null
}

/** Limits of a PUBLISH's properties and of a retained message; null: all kept. */
export function overLimit(view: PublishView, topicName: string, namespace: Namespace): ReasonCode | null {
  const { limits } = namespace
  if (
    view.responseTopicEnd - view.responseTopicStart > limits.maximumResponseTopicBytes ||
    view.contentTypeEnd - view.contentTypeStart > limits.maximumContentTypeBytes ||
    view.correlationDataEnd - view.correlationDataStart > limits.maximumCorrelationDataBytes ||
    view.userPropertyBytes > limits.maximumUserPropertiesBytes
  ) {
    return ReasonCode.ImplementationSpecificError
  }
  if (!view.retain) return null
  if (!limits.retainAvailable) return ReasonCode.RetainNotSupported
  const size = view.end - view.payloadStart
  if (size > limits.maximumRetainedMessageBytes) return ReasonCode.QuotaExceeded
  if (size === 0 || namespace.retained.size < limits.maximumRetainedMessages) return null
  return namespace.retained.get(topicName) === undefined ? ReasonCode.QuotaExceeded : null
}
