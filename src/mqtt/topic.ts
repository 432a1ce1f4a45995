import type { Brand } from '../base/brand.ts'

/** A valid topic that one publishes to: 1 to 65,535 bytes, no wildcard, no U+0000 (MQTT 5.0 4.7). */
export type TopicName = Brand<string, 'TopicName'>

/** A valid filter that one subscribes with, without any `$share/<name>/` before it. */
export type TopicFilter = Brand<string, 'TopicFilter'>
