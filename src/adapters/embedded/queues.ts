import type {
  Append,
  InflightState,
  OutgoingInflight,
  Position,
  QueuedMessage,
  QueueLimits,
  SessionUid,
} from '../../ports/engine.ts'
import { comparePositions } from '../positions.ts'
import type { Tables } from './database.ts'
import { behind, queueKey, uidBytes } from './keys.ts'
import { decodePosition, decodeReference, positionOf, type Reference } from './records.ts'

export interface QueueSize {
  readonly messages: number
  readonly bytes: number
}

/** Durable queues, read. Every walk ends in the turn it began in. */
export class QueueReader {
  readonly #tables: Tables
  /** Sizes of the queues that were asked for since the start; the others are not counted before somebody asks. */
  readonly #sizes = new Map<SessionUid, QueueSize>()

  constructor(tables: Tables) {
    this.#tables = tables
  }

  size(uid: SessionUid): QueueSize {
    const known = this.#sizes.get(uid)
    if (known !== undefined) return known
    let messages = 0
    let bytes = 0
    for (const { length } of this.references(uid, null)) {
      messages++
      bytes += length
    }
    const size = { messages, bytes }
    this.#sizes.set(uid, size)
    return size
  }

  setSize(uid: SessionUid, size: QueueSize): void {
    this.#sizes.set(uid, size)
  }

  forget(uid: SessionUid): void {
    this.#sizes.delete(uid)
  }

  /** References behind `after` in order. */
  *references(uid: SessionUid, after: Position | null, upTo: Position | null = null): Generator<Reference> {
    const prefix = uidBytes(uid)
    const start = after === null ? prefix : queueKey(prefix, Number(after.entry), after.index + 1)
    const end = upTo === null ? behind(prefix) : queueKey(prefix, Number(upTo.entry), upTo.index + 1)
    for (const { key, value } of this.#tables.queue.getRange({ start, end })) {
      yield decodeReference(key as Buffer, value as Buffer)
    }
  }

  reference(uid: SessionUid, position: Position): Reference | undefined {
    const key = queueKey(uidBytes(uid), Number(position.entry), position.index)
    const value = this.#tables.queue.getBinary(key)
    return value && decodeReference(key, value)
  }

  read(uid: SessionUid, after: Position | null, bounds: QueueSize): QueuedMessage[] {
    const found: QueuedMessage[] = []
    let bytes = 0
    if (bounds.messages === 0) return found
    for (const reference of this.references(uid, after)) {
      bytes += reference.length
      if (found.length > 0 && bytes > bounds.bytes) break
      found.push(this.#message(reference))
      if (found.length >= bounds.messages) break
    }
    return found
  }

  cursor(uid: SessionUid): Position | null {
    const stored = this.#tables.cursors.getBinary(uidBytes(uid))
    return stored === undefined ? null : decodePosition(stored).position
  }

  outgoing(uid: SessionUid): Map<number, OutgoingInflight> {
    const found = new Map<number, OutgoingInflight>()
    for (const [packetIdentifier, value] of this.#packets(this.#tables.outgoing, uid)) {
      found.set(packetIdentifier, { packetIdentifier, ...decodePosition(value) })
    }
    return found
  }

  incoming(uid: SessionUid): Map<number, Uint8Array> {
    return new Map(this.#packets(this.#tables.incoming, uid))
  }

  *#packets(table: Tables['outgoing'], uid: SessionUid): Generator<[number, Buffer]> {
    const prefix = uidBytes(uid)
    for (const { key, value } of table.getRange({ start: prefix, end: behind(prefix) })) {
      yield [(key as Buffer).readUInt16BE(16), value as Buffer]
    }
  }

  #message(reference: Reference): QueuedMessage {
    const key = Buffer.allocUnsafe(8)
    key.writeUInt32BE(Math.floor(reference.body / 0x1_0000_0000), 0)
    key.writeUInt32BE(reference.body % 0x1_0000_0000, 4)
    const body = this.#tables.bodies.getBinary(key)
    if (body === undefined) throw new Error('a queued message has lost its body')
    return { ...reference.delivery, position: positionOf(reference), body: plainBytes(body) }
  }
}

/** The store's bytes without the methods of a Buffer, which callers must not come to rely on. */
export function plainBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** One session's queue and exchanges in the course of a transaction. */
export class QueueWork {
  readonly uid: SessionUid
  readonly #reader: QueueReader
  readonly #appended: Reference[] = []
  readonly #removed = new Set<string>()
  readonly #outgoing = new Map<number, OutgoingInflight | null>()
  readonly #incoming = new Map<number, Uint8Array | null>()
  #cursor: Position | null | undefined
  messages: number
  bytes: number

  constructor(uid: SessionUid, reader: QueueReader) {
    this.uid = uid
    this.#reader = reader
    const { messages, bytes } = reader.size(uid)
    this.messages = messages
    this.bytes = bytes
  }

  get appended(): readonly Reference[] {
    return this.#appended
  }

  get cursor(): Position | null {
    if (this.#cursor === undefined) this.#cursor = this.#reader.cursor(this.uid)
    return this.#cursor
  }

  push(reference: Reference): void {
    this.#appended.push(reference)
    this.messages++
    this.bytes += reference.length
  }

  /** References in order with what this transaction did to them. */
  *all(upTo: Position | null = null): Generator<Reference> {
    if (this.messages > this.#appended.length) {
      for (const reference of this.#reader.references(this.uid, null, upTo)) {
        if (!this.#removed.has(placeOf(reference))) yield reference
      }
    }
    for (const reference of [...this.#appended]) {
      if (upTo === null || comparePositions(positionOf(reference), upTo) <= 0) yield reference
    }
  }

  find(position: Position): Reference | undefined {
    const entry = Number(position.entry)
    const fresh = this.#appended.find((reference) => reference.entry === entry && reference.index === position.index)
    if (fresh !== undefined) return fresh
    const stored = this.#reader.reference(this.uid, position)
    return stored !== undefined && !this.#removed.has(placeOf(stored)) ? stored : undefined
  }

  /** True: it is stored and has to be removed there; false: it was of this transaction and will not be written. */
  remove(reference: Reference): boolean {
    this.messages--
    this.bytes -= reference.length
    const fresh = this.#appended.indexOf(reference)
    if (fresh >= 0) {
      this.#appended.splice(fresh, 1)
      return false
    }
    this.#removed.add(placeOf(reference))
    return true
  }

  setCursor(position: Position): void {
    this.#cursor = position
  }

  setOutgoing(packetIdentifier: number, state: OutgoingInflight | null): void {
    this.#outgoing.set(packetIdentifier, state)
  }

  setIncoming(packetIdentifier: number, body: Uint8Array | null): void {
    this.#incoming.set(packetIdentifier, body)
  }

  outgoing(): OutgoingInflight[] {
    const all = new Map<number, OutgoingInflight | null>(this.#reader.outgoing(this.uid))
    for (const [packetIdentifier, state] of this.#outgoing) all.set(packetIdentifier, state)
    return [...all.values()].filter((state) => state !== null)
  }

  inflight(): InflightState {
    const incoming = new Map<number, Uint8Array | null>(this.#reader.incoming(this.uid))
    for (const [packetIdentifier, body] of this.#incoming) incoming.set(packetIdentifier, body)
    return {
      acknowledged: this.cursor,
      outgoing: this.outgoing().sort((a, b) => comparePositions(a.position, b.position)),
      incoming: [...incoming].flatMap(([packetIdentifier, body]) =>
        body === null ? [] : [{ packetIdentifier, body: new Uint8Array(body) }],
      ),
    }
  }

  isTooLong(limits: QueueLimits): boolean {
    return this.messages > limits.maximumMessages || this.bytes > limits.maximumBytes
  }
}

export function placeOf(reference: { readonly entry: number | bigint; readonly index: number }): string {
  return `${reference.entry}.${reference.index}`
}

/** The entries of one append, in the order of its messages. */
export function referencesOf(
  append: Append,
  entry: number,
  bodies: readonly { readonly number: number; readonly length: number }[],
): Reference[] {
  return append.messages.map(({ body, ...delivery }, index) => {
    const stored = bodies[body] as { readonly number: number; readonly length: number }
    return { entry, index, body: stored.number, length: stored.length, delivery }
  })
}
