import type { SessionUid } from '../../ports/identity.ts'
import type { QueuedMessage } from '../../ports/message-store.ts'
import type { OutgoingInflight, Position } from '../../ports/session-store.ts'
import {
  type ChunkHead,
  type ChunkMessage,
  chunkMessages,
  comparePlaces,
  decodeBundle,
  decodeChunk,
  decodeHead,
  lastOf,
  lengthAt,
  type Place,
} from './chunks.ts'
import type { Tables } from './database.ts'
import { behind, numberBytes, queueKey, readNumber, uidBytes } from './keys.ts'
import { decodeCursor, decodePosition } from './records.ts'

export interface QueueSize {
  readonly messages: number
  readonly bytes: number
}

/** What is known of one durable queue without reading it. Replaced as a whole by the transaction that changes it. */
export interface QueueState extends QueueSize {
  /** The owner's cursor; null: nothing is acknowledged yet. */
  readonly acknowledged: Place | null
  /** Everything up to here was dropped or done, whatever the cursor says. */
  readonly floor: Place | null
  /** Messages behind cursor and floor that are gone. */
  readonly holes: number
  /** By Packet Identifier. */
  readonly outgoing: ReadonlyMap<number, OutgoingInflight>
  /** The first chunks in order, so that whoever keeps up needs no look at the disk. */
  readonly front: readonly ChunkHead[]
  /** Chunks up to here are in `front`, or gone. */
  readonly knownTo: Place | null
  /** True: there are no other chunks. */
  readonly isWhole: boolean
}

/** Chunks that are known in advance per queue. */
export const frontChunks = 32

/** Durable queues, read. Every walk ends in the turn it began in. */
export class QueueReader {
  readonly #tables: Tables
  /** Queues that were asked for since the start; the others are not looked at before somebody asks. */
  readonly #states = new Map<SessionUid, QueueState>()

  constructor(tables: Tables) {
    this.#tables = tables
  }

  get known(): number {
    return this.#states.size
  }

  stateOf(uid: SessionUid): QueueState {
    const known = this.#states.get(uid)
    if (known !== undefined) return known
    const state = this.#load(uid)
    this.#states.set(uid, state)
    return state
  }

  /** A session that was just made: nothing has to be looked for. */
  begin(uid: SessionUid): void {
    if (!this.#states.has(uid)) this.#states.set(uid, emptyQueue)
  }

  setState(uid: SessionUid, state: QueueState): void {
    this.#states.set(uid, state)
  }

  forget(uid: SessionUid): void {
    this.#states.delete(uid)
  }

  #load(uid: SessionUid): QueueState {
    const stored = this.#tables.cursors.getBinary(uidBytes(uid))
    const { acknowledged, floor } = stored === undefined ? nowhere : decodeCursor(stored)
    const done = later(acknowledged, floor)
    let messages = 0
    let bytes = 0
    const front: ChunkHead[] = []
    let isWhole = true
    for (const [head, value] of this.#chunks(uid, null)) {
      if (front.length < frontChunks) front.push(head)
      else isWhole = false
      if (done !== null && head.entry <= done.entry) {
        const gone = head.entry < done.entry ? head.count : Math.max(0, done.index - head.first + 1)
        for (let place = 0; place < Math.min(gone, head.count); place++) {
          messages--
          bytes -= lengthAt(value, place)
        }
      }
      messages += head.count
      bytes += head.bytes
    }
    let holes = 0
    for (const key of this.#holeKeys(uid, null)) {
      holes++
      const place = { entry: readNumber(key, 16), index: key.readUInt32BE(24) }
      if (done !== null && comparePlaces(place, done) <= 0) continue
      messages--
      bytes -= this.#lengthAt(uid, place)
    }
    const last = front.at(-1)
    const knownTo = last === undefined ? null : lastOf(last)
    return { messages, bytes, acknowledged, floor, holes, outgoing: this.#outgoing(uid), front, knownTo, isWhole }
  }

  /** Heads of chunks whose first message is behind `after`. */
  heads(uid: SessionUid, after: Place | null, limit: number): ChunkHead[] {
    const found: ChunkHead[] = []
    for (const [head] of this.#chunks(uid, after)) {
      found.push(head)
      if (found.length >= limit) break
    }
    return found
  }

  chunk(uid: SessionUid, { entry, first }: ChunkHead): Buffer {
    const value = this.#tables.queue.getBinary(queueKey(uidBytes(uid), entry, first))
    if (value === undefined) throw new Error('a queue has lost a chunk')
    return value
  }

  /** The chunk that holds this place. */
  headAt(uid: SessionUid, place: Place): ChunkHead | null {
    const start = queueKey(uidBytes(uid), place.entry, place.index)
    for (const { key, value } of this.#tables.queue.getRange({ start, reverse: true, limit: 1 })) {
      if (Buffer.compare((key as Buffer).subarray(0, 24), start.subarray(0, 24)) !== 0) return null
      const head = decodeHead(key as Buffer, value as Buffer)
      return comparePlaces(lastOf(head), place) < 0 ? null : head
    }
    return null
  }

  /** Indexes of the messages of this chunk that are gone although those before them may not be. */
  holesIn(uid: SessionUid, head: ChunkHead): Set<number> {
    const found = new Set<number>()
    for (const key of this.#holeKeys(uid, head)) found.add(key.readUInt32BE(24))
    return found
  }

  read(uid: SessionUid, after: Position | null, bounds: QueueSize): QueuedMessage[] {
    const found: QueuedMessage[] = []
    if (bounds.messages === 0) return found
    const state = this.stateOf(uid)
    const asked = after === null ? null : { entry: Number(after.entry), index: after.index }
    const from = later(later(state.acknowledged, state.floor), asked)
    const bundles = new Map<number, readonly Uint8Array[]>()
    let bytes = 0
    for (const [head, value] of this.#chunks(uid, from === null ? null : this.#chunkBefore(uid, from))) {
      if (from !== null && comparePlaces(lastOf(head), from) <= 0) continue
      const holes = state.holes === 0 ? noHoles : this.holesIn(uid, head)
      for (const message of decodeChunk(head, value)) {
        const place = { entry: head.entry, index: message.index }
        if ((from !== null && comparePlaces(place, from) <= 0) || holes.has(message.index)) continue
        bytes += message.length
        if (found.length > 0 && bytes > bounds.bytes) return found
        found.push({ ...message.delivery, position: positionOf(place), body: this.#body(message, bundles) })
        if (found.length >= bounds.messages) return found
      }
    }
    return found
  }

  incoming(uid: SessionUid): Map<number, Uint8Array> {
    return new Map(this.#packets(this.#tables.incoming, uid))
  }

  #lengthAt(uid: SessionUid, place: Place): number {
    const head = this.headAt(uid, place)
    return head === null ? 0 : lengthAt(this.chunk(uid, head), place.index - head.first)
  }

  #outgoing(uid: SessionUid): ReadonlyMap<number, OutgoingInflight> {
    let found: Map<number, OutgoingInflight> | null = null
    for (const [packetIdentifier, value] of this.#packets(this.#tables.outgoing, uid)) {
      found ??= new Map()
      found.set(packetIdentifier, { packetIdentifier, ...decodePosition(value) })
    }
    return found ?? nothingOutgoing
  }

  /** A place from which a walk meets the chunk that holds `place`, and not many before it. */
  #chunkBefore(uid: SessionUid, place: Place): Place | null {
    if (place.index < chunkMessages) return { entry: place.entry - 1, index: 0xffff_ffff }
    const head = this.headAt(uid, place)
    if (head === null) return place
    return head.first === 0
      ? { entry: place.entry - 1, index: 0xffff_ffff }
      : { entry: place.entry, index: head.first - 1 }
  }

  /** Chunks whose first message is behind `after`, in order. */
  *#chunks(uid: SessionUid, after: Place | null): Generator<[ChunkHead, Buffer]> {
    const prefix = uidBytes(uid)
    const start =
      after === null
        ? prefix
        : after.index === 0xffff_ffff
          ? queueKey(prefix, after.entry + 1, 0)
          : queueKey(prefix, after.entry, after.index + 1)
    for (const { key, value } of this.#tables.queue.getRange({ start, end: behind(prefix) })) {
      yield [decodeHead(key as Buffer, value as Buffer), value as Buffer]
    }
  }

  *#holeKeys(uid: SessionUid, head: ChunkHead | null): Generator<Buffer> {
    const prefix = uidBytes(uid)
    const start = head === null ? prefix : queueKey(prefix, head.entry, head.first)
    const end = head === null ? behind(prefix) : queueKey(prefix, head.entry, head.first + head.count)
    for (const key of this.#tables.holes.getKeys({ start, end })) yield key as Buffer
  }

  *#packets(table: Tables['outgoing'], uid: SessionUid): Generator<[number, Buffer]> {
    const prefix = uidBytes(uid)
    for (const { key, value } of table.getRange({ start: prefix, end: behind(prefix) })) {
      yield [(key as Buffer).readUInt16BE(16), value as Buffer]
    }
  }

  #body({ shared, body }: ChunkMessage, bundles: Map<number, readonly Uint8Array[]>): Uint8Array {
    if (shared === null) return plainBytes(body as Buffer)
    let bodies = bundles.get(shared.bundle)
    if (bodies === undefined) {
      const value = this.#tables.bodies.getBinary(numberBytes(shared.bundle))
      if (value === undefined) throw new Error('a queued message has lost its body')
      bodies = decodeBundle(value)
      bundles.set(shared.bundle, bodies)
    }
    return plainBytes(bodies[shared.index] as Buffer)
  }
}

const noHoles: ReadonlySet<number> = new Set()
const nowhere = { acknowledged: null, floor: null }
const nothingOutgoing: ReadonlyMap<number, OutgoingInflight> = new Map()

const emptyQueue: QueueState = {
  ...nowhere,
  messages: 0,
  bytes: 0,
  holes: 0,
  outgoing: nothingOutgoing,
  front: [],
  knownTo: null,
  isWhole: true,
}

export function later(a: Place | null, b: Place | null): Place | null {
  if (a === null) return b
  return b === null || comparePlaces(a, b) >= 0 ? a : b
}

export function positionOf({ entry, index }: Place): Position {
  return { entry: BigInt(entry), index }
}

/** The store's bytes without the methods of a Buffer, which callers must not come to rely on. */
export function plainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
