import { authorize, type Denied } from '../../auth/authorize.ts'
import { areCurrent } from '../../auth/rights.ts'
import type { PublishView } from '../../mqtt/publish-view.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import { decodeTopicUtf8, parseTopicName } from '../../mqtt/topic.ts'
import type { Core } from '../core/core.ts'
import { type CloseCause, clientError } from '../namespace/close-cause.ts'
import { type LimitFault, topicFault } from '../namespace/message-limits.ts'
import type { OnlineSession } from '../namespace/session.ts'
import { TopicMemory, TopicSlot } from '../publish/topic-memory.ts'

/** The topics that one connection publishes to: found by their bytes or their alias, parsed once, judged on every use. */
export class PublishTopics {
  readonly #core: Core
  readonly #session: OnlineSession
  readonly #memory = new TopicMemory()
  /** By alias; null where none was set, and as a whole until the first one is. */
  #aliases: (TopicSlot | null)[] | null = null

  constructor(core: Core, session: OnlineSession) {
    this.#core = core
    this.#session = session
  }

  /** Null: not among the last ones. */
  remembered(view: PublishView): TopicSlot | null {
    return this.#memory.find(view.bytes, view.topicStart, view.topicEnd)
  }

  /** The topic as it stands in the view; a well-formed one may yet be refused by `faultOf` or `denialOf`. */
  named(view: PublishView): TopicSlot | CloseCause {
    return this.remembered(view) ?? this.#parse(view)
  }

  /** [MQTT-3.3.2-8] to [MQTT-3.3.2-12] */
  aliased(view: PublishView): TopicSlot | CloseCause {
    const alias = view.topicAlias
    const { namespace } = this.#session
    if (alias > namespace.limits.topicAliasMaximum) {
      namespace.limitBites('topicAliasMaximum')
      return clientError(ReasonCode.TopicAliasInvalid, '[MQTT-3.3.2-9] above Topic Alias Maximum')
    }
    if (view.topicStart === view.topicEnd) {
      return this.#aliases?.[alias] ?? clientError(ReasonCode.ProtocolError, '3.3.2.3.4 the alias stands for nothing')
    }
    // The packet makes the mapping, whatever becomes of its message: a later one by alias alone is refused alike.
    const slot = this.named(view)
    if (!(slot instanceof TopicSlot)) return slot
    this.#aliases ??= []
    while (this.#aliases.length <= alias) this.#aliases.push(null)
    this.#aliases[alias] = slot
    return slot
  }

  #parse(view: PublishView): TopicSlot | CloseCause {
    const { namespace } = this.#session
    const text = decodeTopicUtf8(view.bytes, view.topicStart, view.topicEnd)
    if (text === null) return clientError(ReasonCode.MalformedPacket, '[MQTT-3.3.2-1] the topic is not UTF-8')
    const parsed = parseTopicName(text)
    if (!parsed.ok) return clientError(ReasonCode.TopicNameInvalid, `[MQTT-3.3.2-2] topic: ${parsed.error.kind}`)
    const bytes = Buffer.from(view.bytes.subarray(view.topicStart, view.topicEnd))
    return new TopicSlot(namespace, bytes, parsed.value, namespace.router.route(parsed.value))
  }

  /**
   * Checked against the registry of now on every use, remembered grants too (S40). Null: it may be published to, and is
   * remembered.
   */
  faultOf(slot: TopicSlot): Denied | LimitFault | null {
    const { registryStamp, limits } = this.#session.namespace
    if (slot.stamp === registryStamp) return null
    const fault = topicFault(slot.topicName, slot.bytes.length, limits) ?? this.denialOf(slot)
    if (fault !== null) {
      // The slot keeps its old rights: an alias may still lead here, and must be refused again.
      this.#memory.forget(slot)
      return fault
    }
    slot.stamp = registryStamp
    this.#memory.keep(slot)
    return null
  }

  /** Null: its client has the right to publish there. */
  denialOf(slot: TopicSlot): Denied | null {
    const { namespace, principal } = this.#session
    if (slot.rights !== null && areCurrent(slot.rights, principal, namespace.view)) return null
    const rights = this.#core.rights.rightsOf(principal, namespace.view)
    const authorization = authorize(rights, 'publish', slot.topicName)
    if (authorization.outcome === 'denied') return authorization
    slot.rights = rights
    return null
  }
}
