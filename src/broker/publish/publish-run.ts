import type { ProtocolVersion } from '../../mqtt/packet.ts'
import { encodePuback } from '../../mqtt/publish-encoder.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import type { Events } from '../../ports/events.ts'
import type { QueuedDelivery } from '../../ports/message-store.ts'
import { BodyBlocks } from '../message/body-blocks.ts'
import { MessageForms } from '../message/message-forms.ts'
import type { Outbox } from '../message/outbox.ts'
import { encodeStoredFrames, type Publisher, type TakeBytes } from '../message/stored-message.ts'
import type { Delivery } from '../namespace/router.ts'
import type { OnlineSession } from '../namespace/session.ts'
import type { Arena } from '../turn/arena.ts'
import type { Turn } from '../turn/turn.ts'
import type { Commits, Settled } from './commits.ts'
import { isTopic, type TopicSlot } from './topic-memory.ts'

/** Frames that are handed on together at most. */
const longestRun = 1_024
const none: readonly number[] = []

/** What every receiver's queue is told of the messages of a run. */
const asItIs = { qos: 1, retain: false, subscriptionIdentifiers: none, expiresAt: null } as const

/** Whose messages they are. */
export interface RunOrigin {
  readonly publisher: Publisher
  /** The store has them, or does not and nothing may be acknowledged. */
  runSettled(identifiers: readonly number[], committed: boolean): void
}

/**
 * PUBLISH frames that follow each other in one chunk of one peer, to one topic, with one QoS below 2, whose receivers get
 * them as they are: they are copied once per turn and receiver instead of once per message. What the receiver's window,
 * version or packet size does not allow goes the ordinary way (bench: TCP pairs and fan-out, QoS 0 and 1). QoS 1 whose
 * receivers all queue in the store goes there as a whole (bench: tcp-pairs-qos1-durable).
 */
export class PublishRun {
  readonly #turn: Turn
  readonly #commits: Commits
  readonly #events: Events
  readonly #forms: MessageForms
  readonly #view = new PublishView()
  readonly #blocks = new BodyBlocks()
  readonly #take: TakeBytes = (size) => this.#blocks.take(size)
  #slot: TopicSlot | null = null
  #version: ProtocolVersion = 4
  #qos: 0 | 1 = 0
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0
  #count = 0
  #longest = 0
  #payloadBytes = 0
  readonly #starts: number[] = []
  /** Receivers that do not get the run as a whole: with QoS 1, and with QoS 0. */
  readonly #singly: OnlineSession[] = []
  readonly #singlyQoS0: OnlineSession[] = []
  /** Offsets of Packet Identifiers, QoS 1 only. */
  readonly #identifiersAt: number[] = []
  /** Used again for every run that goes through the store. */
  readonly #payloadStarts: number[] = []
  readonly #payloadEnds: number[] = []

  constructor(turn: Turn, commits: Commits, events: Events) {
    this.#turn = turn
    this.#commits = commits
    this.#events = events
    this.#forms = new MessageForms(turn.arenas)
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  /** What gathers is acknowledged when the store has it. */
  get waitsForStore(): boolean {
    return this.#qos === 1 && this.#slot !== null && this.#slot.route.storedQoS > 0
  }

  /** May this frame wait for those behind it? The route must be current and the message free of alias and expiry. */
  static admits(slot: TopicSlot, view: PublishView): boolean {
    const { route } = slot
    return (
      view.qos < 2 &&
      !view.retain &&
      !view.dup &&
      view.topicAlias === 0 &&
      view.messageExpiryIntervalSeconds < 0 &&
      route.isPlain &&
      (view.qos === 0 || route.storedQoS === 0 || route.isStoredOnly)
    )
  }

  /** Does what this frame would join go through the store? It is acknowledged when that has it. */
  static isStored({ route }: TopicSlot, view: PublishView): boolean {
    return view.qos > 0 && route.storedQoS > 0
  }

  /** @returns false: it does not continue the run at hand, which has to be finished first */
  add(slot: TopicSlot, view: PublishView): boolean {
    const count = this.#count
    if (count === 0) {
      this.#slot = slot
      this.#version = view.version
      this.#qos = view.qos as 0 | 1
      this.#bytes = view.bytes
      this.#start = view.start
      this.#longest = 0
      this.#payloadBytes = 0
    } else if (
      slot !== this.#slot ||
      view.start !== this.#end ||
      view.qos !== this.#qos ||
      view.bytes !== this.#bytes ||
      count === longestRun
    ) {
      return false
    }
    this.#append(view.start, view.topicEnd, view.payloadStart, view.end)
    return true
  }

  /**
   * Takes a frame that continues the run and differs from its first one in no more than Packet Identifier and payload: what
   * was judged of that one holds within a chunk. Everything else is left to the ordinary way, mistakes as well (bench: pairs).
   */
  takes(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    const slot = this.#slot
    if (slot === null || start !== this.#end || bytes !== this.#bytes || bytes[start] !== bytes[this.#start])
      return false
    if (this.#count === longestRun || slot.route.deliveries.length > 1) return false
    const topicStart = bodyStart + 2
    const topicEnd = topicStart + slot.bytes.length
    const propertiesAt = this.#qos === 0 ? topicEnd : topicEnd + 2
    const payloadStart = this.#version === 4 ? propertiesAt : propertiesAt + 1
    if (payloadStart > end || ((bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!) !== slot.bytes.length) return false
    if (!isTopic(slot.bytes, bytes, topicStart, topicEnd)) return false
    if (this.#qos === 1 && bytes[topicEnd] === 0 && bytes[topicEnd + 1] === 0) return false
    if (this.#version === 5 && bytes[propertiesAt] !== 0) return false
    this.#append(start, topicEnd, payloadStart, end)
    return true
  }

  #append(start: number, topicEnd: number, payloadStart: number, end: number): void {
    const count = this.#count
    this.#starts[count] = start
    if (this.#qos === 1) this.#identifiersAt[count] = topicEnd
    this.#end = end
    if (end - start > this.#longest) this.#longest = end - start
    this.#payloadBytes += end - payloadStart
    this.#count = count + 1
  }

  /** Hands on what gathered, and acknowledges QoS 1 or, where the store has to have it first, sees to that. */
  finish(outbox: Outbox, origin: RunOrigin): void {
    const slot = this.#slot
    const count = this.#count
    if (slot === null || count === 0) return
    const { counters } = slot.namespace
    counters.published.add(this.#version, this.#qos, count)
    counters.publishedBytes += this.#payloadBytes
    const { deliveries } = slot.route
    const singly = this.#singly
    if (this.#qos === 0) {
      this.#deliverAtMostOnce(deliveries)
    } else if (slot.route.isStoredOnly) {
      this.#store(slot, origin)
    } else {
      for (let i = 0; i < deliveries.length; i++) {
        const delivery = deliveries[i] as Delivery
        const { online } = delivery.session
        if (online === null) continue
        if (delivery.maximumQoS === 0) this.#singlyQoS0.push(online)
        else if (!this.#deliverWhole(online)) singly.push(online)
      }
      this.#acknowledge(outbox)
    }
    this.#deliverSingly()
    this.#count = 0
    this.#slot = null
  }

  /** One copy for all receivers of this version. */
  #deliverAtMostOnce(deliveries: readonly Delivery[]): void {
    const length = this.#end - this.#start
    let arena: Arena | null = null
    let at = 0
    for (let i = 0; i < deliveries.length; i++) {
      const { online } = (deliveries[i] as Delivery).session
      if (online === null) continue
      if (online.version !== this.#version || this.#longest > online.maximumPacketSizeBytes || online.goesSingly) {
        this.#singlyQoS0.push(online)
        continue
      }
      const { counters } = online.namespace
      if (!online.outbox.accepts(length)) {
        counters.droppedSlow += this.#count
        online.namespace.limitBites('maximumOutboxBytes')
        continue
      }
      if (arena === null) {
        arena = this.#turn.arenas.reserve(length)
        at = arena.used
        arena.used = at + length
        arena.bytes.set(this.#frames(), at)
      }
      online.outbox.append(arena, at, at + length)
      counters.delivered.add(online.version, 0, this.#count)
    }
  }

  /** Mostly the whole chunk, of which no view has to be made. */
  #frames(): Uint8Array {
    const isAll = this.#start === 0 && this.#end === this.#bytes.length
    return isAll ? this.#bytes : this.#bytes.subarray(this.#start, this.#end)
  }

  /** QoS 1: the receiver's own copy with its own identifiers. @returns false: there is no room for all of them */
  #deliverWhole(online: OnlineSession): boolean {
    const count = this.#count
    const length = this.#end - this.#start
    if (
      online.version !== this.#version ||
      this.#longest > online.maximumPacketSizeBytes ||
      online.queue.length > 0 ||
      online.goesSingly ||
      !online.inflight.hasRoomFor(count) ||
      !online.outbox.accepts(length)
    ) {
      return false
    }
    const arena = this.#turn.arenas.reserve(length)
    const at = arena.used
    arena.used = at + length
    const target = arena.bytes
    target.set(this.#frames(), at)
    const shift = at - this.#start
    for (let i = 0; i < count; i++) {
      const next = i + 1 < count ? (this.#starts[i + 1] as number) : this.#end
      const identifier = online.inflight.take(1, next - (this.#starts[i] as number))
      const identifierAt = (this.#identifiersAt[i] as number) + shift
      target[identifierAt] = identifier >> 8
      target[identifierAt + 1] = identifier & 0xff
    }
    online.outbox.append(arena, at, at + length)
    online.namespace.counters.delivered.add(online.version, 1, count)
    return true
  }

  /** Message by message: those who get the same form share it. */
  #deliverSingly(): void {
    const singly = this.#singly
    const singlyQoS0 = this.#singlyQoS0
    if (singly.length + singlyQoS0.length === 0) return
    const isExclusive = singly.length === 1
    const view = this.#view
    for (let i = 0; i < this.#count; i++) {
      const start = this.#starts[i] as number
      const end = i + 1 < this.#count ? (this.#starts[i + 1] as number) : this.#end
      let bodyStart = start + 1
      while ((this.#bytes[bodyStart] as number) >= 0x80) bodyStart++
      view.read(this.#bytes, start, bodyStart + 1, end, this.#version)
      this.#forms.begin(view, (this.#slot as TopicSlot).topicName)
      for (let j = 0; j < singlyQoS0.length; j++)
        (singlyQoS0[j] as OnlineSession).deliverAtMostOnce(this.#forms, none, false)
      for (let j = 0; j < singly.length; j++) {
        ;(singly[j] as OnlineSession).deliver(this.#forms, 1, none, false, isExclusive, null)
      }
    }
    singly.length = 0
    singlyQoS0.length = 0
  }

  /**
   * One commit has them all, for the receivers' queues; what each queue is told of it sends them. Where there is but one
   * receiver it is told of all of them at once; for several each message is stored once.
   */
  #store({ bytes: topic, route }: TopicSlot, origin: RunOrigin): void {
    const commits = this.#commits
    const count = this.#count
    const payloadStarts = this.#payloadStarts
    const payloadEnds = this.#payloadEnds
    // Behind the Packet Identifier of version 5 stands the length of no properties.
    const skipped = this.#version === 5 ? 3 : 2
    for (let i = 0; i < count; i++) {
      payloadStarts[i] = (this.#identifiersAt[i] as number) + skipped
      payloadEnds[i] = i + 1 < count ? (this.#starts[i + 1] as number) : this.#end
    }
    const frames = { bytes: this.#bytes, count, topic, payloadStarts, payloadEnds }
    const ends: number[] = []
    const block = encodeStoredFrames(frames, origin.publisher, this.#turn.now, this.#take, ends)
    const { deliveries } = route
    const only = deliveries[0]
    if (only !== undefined && deliveries.length === 1) {
      commits.append(only.session.uid, { body: commits.body(block), ends, ...asItIs })
    } else {
      const queued: QueuedDelivery[] = []
      let start = 0
      for (const end of ends) {
        queued.push({ body: commits.body(block.subarray(start, end)), ...asItIs })
        start = end
      }
      for (const { session } of deliveries) commits.appendAll(session.uid, queued)
    }
    commits.wait(new WaitingRun(origin, this.#identifiers(), this.#events, this.#turn))
  }

  #acknowledge(outbox: Outbox): void {
    const count = this.#count
    const bytes = this.#bytes
    const arena = this.#turn.acknowledgements.reserve(4 * count)
    const start = arena.used
    let at = start
    for (let i = 0; i < count; i++) {
      const identifierAt = this.#identifiersAt[i] as number
      at = encodePuback(arena.bytes, at, (bytes[identifierAt]! << 8) | bytes[identifierAt + 1]!)
    }
    arena.used = at
    outbox.append(arena, start, at)
  }

  #identifiers(): number[] {
    const identifiers: number[] = []
    for (let i = 0; i < this.#count; i++) {
      const identifierAt = this.#identifiersAt[i] as number
      identifiers.push(((this.#bytes[identifierAt] as number) << 8) | (this.#bytes[identifierAt + 1] as number))
    }
    return identifiers
  }
}

/** One piece, whatever their number. */
export function appendPubacks({ acknowledgements }: Turn, outbox: Outbox, identifiers: readonly number[]): void {
  const arena = acknowledgements.reserve(4 * identifiers.length)
  const start = arena.used
  let at = start
  for (let i = 0; i < identifiers.length; i++) at = encodePuback(arena.bytes, at, identifiers[i] as number)
  arena.used = at
  outbox.append(arena, start, at)
}

/** Messages of one run, until the store has them. */
class WaitingRun implements Settled {
  readonly #origin: RunOrigin
  readonly #identifiers: readonly number[]
  readonly #events: Events
  readonly #turn: Turn

  constructor(origin: RunOrigin, identifiers: readonly number[], events: Events, turn: Turn) {
    this.#origin = origin
    this.#identifiers = identifiers
    this.#events = events
    this.#turn = turn
  }

  settled(committed: boolean): void {
    try {
      this.#origin.runSettled(this.#identifiers, committed)
    } catch (error) {
      // A bug that one publisher shows must not keep the others of the commit from being acknowledged.
      this.#events.emit({ kind: 'bug', at: this.#turn.now, where: 'publish', error })
    }
  }
}
