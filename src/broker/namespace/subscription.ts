import type { TopicFilter } from '../../mqtt/topic.ts'
import type { StoredSubscription } from '../../ports/session-store.ts'

/** A subscription with its filter taken apart. */
export interface Subscription {
  readonly stored: StoredSubscription
  /** Null: not shared. */
  readonly shareName: string | null
  /** Without `$share/<name>/`. */
  readonly topicFilter: TopicFilter
}
