import type { SessionUid } from '../../ports/identity.ts'
import type { QueuedDelivery } from '../../ports/message-store.ts'
import type { InflightState, OutgoingInflight, Position, QueueLimits } from '../../ports/session-store.ts'
import { comparePositions } from '../positions.ts'
import type { BundleWork } from './bodies.ts'
import {
  type BundlePlace,
  ChunkBuilder,
  type ChunkHead,
  comparePlaces,
  lastOf,
  lengthAt,
  type Place,
} from './chunks.ts'
import type { Tables } from './database.ts'
import { packetKey, queueKey, uidBytes } from './keys.ts'
import { frontChunks, later, positionOf, type QueueReader, type QueueState } from './queues.ts'
import { encodeCursor, encodePosition } from './records.ts'
import type { Writes } from './writes.ts'

export interface QueueServices {
  readonly tables: Tables
  readonly reader: QueueReader
  readonly writes: Writes
  readonly bundles: BundleWork
  /** Bytes of chunks that are put, and less than none of those that are removed. */
  readonly count: (bytes: number) => void
}

interface Live {
  readonly index: number
  readonly length: number
}

/** One session's queue and exchanges in the course of a transaction. */
export class QueueWork {
  readonly uid: SessionUid
  readonly #services: QueueServices
  readonly #prefix: Buffer
  readonly #before: QueueState
  /** Of this transaction, not yet written. */
  readonly #fresh: ChunkBuilder[] = []
  /** Stored chunks in order, as far as they are known; the first of the queue is the first here. */
  readonly #front: ChunkHead[]
  /** Stored chunks up to here are in `#front`, or gone. */
  #knownTo: Place | null
  #isWhole: boolean
  /** Chunks beyond `#knownTo` that this transaction removed. */
  #discarded = noPlaces
  #acknowledged: Place | null
  #floor: Place | null
  #cursorMoved = false
  #holes: number
  #newHoles = noPlaces
  #outgoing: Map<number, OutgoingInflight> | null = null
  #incoming: Map<number, Uint8Array | null> | null = null
  messages: number
  bytes: number

  constructor(uid: SessionUid, services: QueueServices) {
    this.uid = uid
    this.#services = services
    this.#prefix = uidBytes(uid)
    const state = services.reader.stateOf(uid)
    this.#before = state
    this.#front = [...state.front]
    this.#knownTo = state.knownTo
    this.#isWhole = state.isWhole
    this.#acknowledged = state.acknowledged
    this.#floor = state.floor
    this.#holes = state.holes
    this.messages = state.messages
    this.bytes = state.bytes
  }

  /** Chunks of this transaction. */
  get fresh(): readonly ChunkBuilder[] {
    return this.#fresh
  }

  get outgoing(): ReadonlyMap<number, OutgoingInflight> {
    return this.#outgoing ?? this.#before.outgoing
  }

  // ------------------------------------------------------------------------------------------------ growing

  /** One entry at the end, in as many chunks as it takes. @param places of the bodies that several queues get */
  push(
    entry: number,
    messages: readonly QueuedDelivery[],
    bodies: readonly Uint8Array[],
    places: readonly (BundlePlace | null)[],
  ): void {
    const { bundles } = this.#services
    let chunk: ChunkBuilder | null = null
    let index = 0
    for (let i = 0; i < messages.length; i++) {
      const delivery = messages[i] as QueuedDelivery
      const bytes = bodies[delivery.body] as Uint8Array
      this.bytes += bytes.length
      if (delivery.ends !== undefined) {
        chunk = this.#pushRun(chunk ?? this.#begin(entry, index), index, delivery, bytes, delivery.ends)
        index += delivery.ends.length
        continue
      }
      const shared = places[delivery.body] ?? null
      if (chunk === null || !chunk.hasRoomFor(bytes.length)) chunk = this.#begin(entry, index)
      if (chunk.add(delivery, bytes, shared) && shared !== null) bundles.hold(shared.bundle)
      index++
    }
    this.messages += index
  }

  #begin(entry: number, index: number): ChunkBuilder {
    const chunk = new ChunkBuilder(entry, index)
    this.#fresh.push(chunk)
    return chunk
  }

  /** @param index of its first message in the entry. @returns the chunk that holds the last one */
  #pushRun(
    chunk: ChunkBuilder,
    index: number,
    delivery: QueuedDelivery,
    body: Uint8Array,
    ends: readonly number[],
  ): ChunkBuilder {
    let into = chunk
    for (let from = 0, start = 0; from < ends.length; ) {
      const count = into.roomFor(ends, from, start)
      const to = from + count
      if (count === ends.length) into.addRun(delivery, body, ends)
      else if (count > 0) {
        const end = ends[to - 1] as number
        const offset = start
        into.addRun(
          delivery,
          body.subarray(start, end),
          ends.slice(from, to).map((each) => each - offset),
        )
        start = end
      }
      from = to
      if (from < ends.length) into = this.#begin(into.entry, index + from)
    }
    return into
  }

  /** Everything that this transaction appended is there, but for whole chunks that are no longer in `fresh`. */
  get keepsAll(): boolean {
    const [first] = this.#fresh
    return this.#newHoles.size === 0 && (first === undefined || this.#isBeyondCursor(first.entry, first.first))
  }

  /** A message of `fresh` may have been dropped again, for those behind it. */
  keeps(entry: number, index: number): boolean {
    return this.#isBeyondCursor(entry, index) && !this.#newHoles.has(`${entry}.${index}`)
  }

  #isBeyondCursor(entry: number, index: number): boolean {
    const done = later(this.#acknowledged, this.#floor)
    return done === null || comparePlaces(done, { entry, index }) < 0
  }

  isTooLong(limits: QueueLimits): boolean {
    return this.messages > limits.maximumMessages || this.bytes > limits.maximumBytes
  }

  // ------------------------------------------------------------------------------------------------ shrinking

  /** @param lastEntry the cursor is never ahead of what was appended: it would swallow what comes later */
  acknowledge(upTo: Position, lastEntry: number): void {
    const place = { entry: Number(upTo.entry), index: upTo.index }
    // A cursor never goes back.
    if (this.#acknowledged !== null && comparePlaces(place, this.#acknowledged) <= 0) return
    if (place.entry > lastEntry) return
    this.#dropUpTo(place)
    for (const { packetIdentifier, position } of this.outgoing.values()) {
      if (comparePositions(position, upTo) <= 0) this.setOutgoing(packetIdentifier, null)
    }
    this.#acknowledged = place
    this.#cursorMoved = true
  }

  /** Removes messages, oldest first, but none that is under way; returns how many. */
  shorten(limits: QueueLimits): number {
    const before = this.messages
    if (this.outgoing.size === 0) {
      while (this.messages > 0 && this.isTooLong(limits)) this.#dropFirst(limits)
      return before - this.messages
    }
    const bound = new Set([...this.outgoing.values()].map(({ position }) => `${position.entry}.${position.index}`))
    for (let number = 0; ; ) {
      const chunk = this.#chunk(number)
      if (chunk === null) break
      for (const { index } of [...this.#live(chunk)]) {
        if (!this.isTooLong(limits)) return before - this.messages
        if (!bound.has(`${chunk.entry}.${index}`)) this.remove({ entry: chunk.entry, index })
      }
      if (this.#chunk(number) === chunk) number++
    }
    return before - this.messages
  }

  /** One message is done, whatever is before it. */
  remove(place: Place): void {
    const chunk = this.#chunkAt(place)
    if (chunk === null) return
    const live = [...this.#live(chunk)]
    const message = live.find(({ index }) => index === place.index)
    if (message === undefined) return
    this.messages--
    this.bytes -= message.length
    if (live.length === 1) {
      this.#discard(chunk)
    } else if (message === live[0] && chunk === this.#chunk(0)) {
      this.#setFloor({ entry: chunk.entry, index: (live[1] as Live).index - 1 })
    } else {
      this.#holes++
      if (this.#newHoles === noPlaces) this.#newHoles = new Set()
      this.#newHoles.add(`${place.entry}.${place.index}`)
      const { tables, writes } = this.#services
      writes.put(tables.holes, queueKey(this.#prefix, place.entry, place.index), mark)
    }
  }

  setOutgoing(packetIdentifier: number, state: OutgoingInflight | null): void {
    const { tables, writes } = this.#services
    this.#outgoing ??= new Map(this.#before.outgoing)
    const key = packetKey(this.#prefix, packetIdentifier)
    if (state !== null) {
      this.#outgoing.set(packetIdentifier, state)
      writes.put(tables.outgoing, key, encodePosition(state.position, state.phase))
    } else if (this.#outgoing.delete(packetIdentifier)) {
      writes.remove(tables.outgoing, key)
    }
  }

  setIncoming(packetIdentifier: number, body: Uint8Array | null): void {
    const { tables, writes } = this.#services
    this.#incoming ??= new Map()
    this.#incoming.set(packetIdentifier, body)
    const key = packetKey(this.#prefix, packetIdentifier)
    if (body === null) writes.remove(tables.incoming, key)
    else writes.put(tables.incoming, key, body)
  }

  inflight(): InflightState {
    const incoming = new Map<number, Uint8Array | null>(this.#services.reader.incoming(this.uid))
    for (const [packetIdentifier, body] of this.#incoming ?? []) incoming.set(packetIdentifier, body)
    return {
      acknowledged: this.#acknowledged === null ? null : positionOf(this.#acknowledged),
      outgoing: [...this.outgoing.values()].sort((a, b) => comparePositions(a.position, b.position)),
      incoming: [...incoming].flatMap(([packetIdentifier, body]) =>
        body === null ? [] : [{ packetIdentifier, body: new Uint8Array(body) }],
      ),
    }
  }

  // ------------------------------------------------------------------------------------------------ the end

  /** The session is gone: nothing of this transaction is written, and its bodies lose these holders. */
  abandon(): void {
    for (const { bundles } of this.#fresh) for (const bundle of bundles) this.#services.bundles.release(bundle)
    this.#fresh.length = 0
    this.#cursorMoved = false
  }

  /** What is left goes to the store. */
  seal(): void {
    const { tables, writes, count } = this.#services
    for (const chunk of this.#fresh) {
      count(chunk.bytes)
      const value = writes.allocate(chunk.encodedBytes)
      chunk.encode(value)
      writes.put(tables.queue, queueKey(this.#prefix, chunk.entry, chunk.first), value)
    }
    if (this.#cursorMoved) writes.put(tables.cursors, this.#prefix, encodeCursor(this.#acknowledged, this.#floor))
  }

  /** The queue after this transaction. */
  state(): QueueState {
    const front = this.#front.slice(0, frontChunks)
    let isWhole = this.#isWhole && this.#front.length <= frontChunks
    if (isWhole) {
      for (const { entry, first, count, bytes, bundles } of this.#fresh) {
        if (front.length < frontChunks) front.push({ entry, first, count, bytes, bundles })
        else isWhole = false
      }
    }
    const last = front.at(-1)
    return {
      messages: this.messages,
      bytes: this.bytes,
      acknowledged: this.#acknowledged,
      floor: this.#floor,
      holes: this.#holes,
      outgoing: this.outgoing,
      front,
      knownTo: last === undefined ? this.#knownTo : lastOf(last),
      isWhole,
    }
  }

  // ------------------------------------------------------------------------------------------------ chunks

  #setFloor(place: Place): void {
    this.#floor = place
    this.#cursorMoved = true
  }

  #dropUpTo(place: Place): void {
    for (let chunk = this.#chunk(0); chunk !== null; chunk = this.#chunk(0)) {
      if (comparePlaces({ entry: chunk.entry, index: chunk.first }, place) > 0) return
      const goes = comparePlaces(lastOf(chunk), place) <= 0
      let isEmpty = true
      if (goes && this.#isUntouched(chunk)) {
        this.messages -= chunk.count
        this.bytes -= chunk.bytes
      } else {
        for (const { index, length } of this.#live(chunk)) {
          isEmpty = goes || index <= place.index
          if (!isEmpty) break
          this.messages--
          this.bytes -= length
        }
      }
      if (!isEmpty) return
      this.#discard(chunk)
    }
  }

  /** Drops as much of the first chunk as it takes. */
  #dropFirst(limits: QueueLimits): void {
    const chunk = this.#chunk(0) as ChunkHead
    let last = -1
    for (const { index, length } of this.#live(chunk)) {
      if (!this.isTooLong(limits)) {
        if (last >= 0) this.#setFloor({ entry: chunk.entry, index: last })
        return
      }
      this.messages--
      this.bytes -= length
      last = index
    }
    this.#discard(chunk)
  }

  /** The chunk with this number from the front; null: there are not so many. */
  #chunk(number: number): ChunkHead | null {
    while (number >= this.#front.length && !this.#isWhole) {
      const heads = this.#services.reader.heads(this.uid, this.#knownTo, frontChunks)
      this.#isWhole = heads.length < frontChunks
      const last = heads.at(-1)
      if (last !== undefined) this.#knownTo = lastOf(last)
      for (const head of heads) {
        if (this.#discarded.size === 0 || !this.#discarded.has(`${head.entry}.${head.first}`)) this.#front.push(head)
      }
    }
    return this.#front[number] ?? this.#fresh[number - this.#front.length] ?? null
  }

  #chunkAt(place: Place): ChunkHead | null {
    const done = later(this.#acknowledged, this.#floor)
    if (done !== null && comparePlaces(place, done) <= 0) return null
    const holds = (chunk: ChunkHead): boolean =>
      chunk.entry === place.entry && chunk.first <= place.index && place.index < chunk.first + chunk.count
    const known = this.#fresh.find(holds) ?? this.#front.find(holds)
    if (known !== undefined || this.#isWhole) return known ?? null
    if (this.#knownTo !== null && comparePlaces(place, this.#knownTo) <= 0) return null
    const stored = this.#services.reader.headAt(this.uid, place)
    return stored === null || this.#discarded.has(`${stored.entry}.${stored.first}`) ? null : stored
  }

  /** Messages of a chunk that are still there. */
  *#live(chunk: ChunkHead): Generator<Live> {
    const done = later(this.#acknowledged, this.#floor)
    let index = chunk.first
    if (done !== null && done.entry > chunk.entry) return
    if (done !== null && done.entry === chunk.entry) index = Math.max(index, done.index + 1)
    if (index >= chunk.first + chunk.count) return
    const { reader } = this.#services
    const isFresh = chunk instanceof ChunkBuilder
    const value = isFresh ? null : reader.chunk(this.uid, chunk)
    const holes = isFresh || this.#before.holes === 0 ? noHoles : reader.holesIn(this.uid, chunk)
    for (; index < chunk.first + chunk.count; index++) {
      if (holes.has(index) || (this.#newHoles.size > 0 && this.#newHoles.has(`${chunk.entry}.${index}`))) continue
      const place = index - chunk.first
      yield { index, length: isFresh ? chunk.lengthAt(place) : lengthAt(value as Buffer, place) }
    }
  }

  /** All messages of the chunk are still there, for all we know. */
  #isUntouched(chunk: ChunkHead): boolean {
    if (this.#holes > 0) return false
    const done = later(this.#acknowledged, this.#floor)
    return done === null || done.entry < chunk.entry || (done.entry === chunk.entry && done.index < chunk.first)
  }

  /** The chunk goes with its bodies; its messages are counted out already. */
  #discard(chunk: ChunkHead): void {
    const { tables, writes, bundles, count } = this.#services
    for (const bundle of chunk.bundles) bundles.release(bundle)
    if (this.#holes > 0) this.#forgetHoles(chunk)
    if (chunk instanceof ChunkBuilder) {
      this.#fresh.splice(this.#fresh.indexOf(chunk), 1)
      return
    }
    count(-chunk.bytes)
    writes.remove(tables.queue, queueKey(this.#prefix, chunk.entry, chunk.first))
    const number = this.#front.indexOf(chunk)
    if (number === 0) this.#front.shift()
    else if (number > 0) this.#front.splice(number, 1)
    else {
      if (this.#discarded === noPlaces) this.#discarded = new Set()
      this.#discarded.add(`${chunk.entry}.${chunk.first}`)
    }
  }

  #forgetHoles(chunk: ChunkHead): void {
    const { tables, writes, reader } = this.#services
    const isFresh = chunk instanceof ChunkBuilder
    const holes = new Set(isFresh || this.#before.holes === 0 ? [] : reader.holesIn(this.uid, chunk))
    for (let index = chunk.first; index < chunk.first + chunk.count; index++) {
      if (this.#newHoles.delete(`${chunk.entry}.${index}`)) holes.add(index)
    }
    this.#holes -= holes.size
    for (const index of holes) writes.remove(tables.holes, queueKey(this.#prefix, chunk.entry, index))
  }
}

const noHoles: ReadonlySet<number> = new Set()
/** Never added to: most transactions of most queues need none of their own. */
const noPlaces = new Set<string>()
const mark = new Uint8Array([1])
