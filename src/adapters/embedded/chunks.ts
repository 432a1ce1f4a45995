import { unixMillis } from '../../base/time.ts'
import type { QueuedDelivery } from '../../ports/message-store.ts'
import type { QualityOfService } from '../../ports/session-store.ts'
import { readNumber, writeNumber } from './keys.ts'

/**
 * How messages lie on disk. What one turn brings to one queue is one *chunk*, not a record per message: a chunk costs
 * one write and one removal however many messages it holds. A body that only one queue holds stands in its chunk; bodies
 * that several queues hold stand once, in a *bundle* of those that came together for the same queues.
 */

/** A place in one session's queue. */
export interface Place {
  readonly entry: number
  readonly index: number
}

export function comparePlaces(a: Place, b: Place): number {
  return a.entry - b.entry || a.index - b.index
}

/** What a chunk holds at most, unless one message is larger: a message that stays keeps so much with it. */
export const chunkMessages = 256
export const chunkBytes = 64 * 1024
const mostBundles = 200

/** Where a body stands: in the bundle of this number, or with its chunk. */
export interface BundlePlace {
  readonly bundle: number
  readonly index: number
}

export interface ChunkMessage {
  readonly index: number
  readonly length: number
  readonly delivery: Omit<QueuedDelivery, 'body'>
  /** Null: `body` stands in the chunk. */
  readonly shared: BundlePlace | null
  /** Null when it is shared. */
  readonly body: Uint8Array | null
}

/** What has to be known of a chunk to remove it. */
export interface ChunkHead {
  readonly entry: number
  /** Index of the first message. */
  readonly first: number
  readonly count: number
  /** Of all bodies, shared ones included. */
  readonly bytes: number
  /** Numbers of the bundles that its messages are in. */
  readonly bundles: readonly number[]
}

export function lastOf({ entry, first, count }: ChunkHead): Place {
  return { entry, index: first + count - 1 }
}

const chunkVersion = 0x20
const inline = 255
const retainFlag = 0x04
const expiryFlag = 0x08
const identifiersFlag = 0x10
const headBytes = 8

/** A chunk that is put together, of single messages and of runs of them. */
export class ChunkBuilder implements ChunkHead {
  readonly entry: number
  readonly first: number
  /** One of each per message or run. */
  readonly deliveries: Omit<QueuedDelivery, 'body' | 'ends'>[] = []
  readonly bodies: Uint8Array[] = []
  /** Undefined: a single message. */
  readonly ends: (readonly number[] | undefined)[] = []
  /** Where a body stands elsewhere. Empty: all stand in the chunk. */
  readonly #shared: (BundlePlace | null)[] = []
  readonly bundles: number[] = []
  #inlineBytes = 0
  #metaBytes = 0
  count = 0
  bytes = 0

  constructor(entry: number, first: number) {
    this.entry = entry
    this.first = first
  }

  lengthAt(place: number): number {
    let before = 0
    for (let i = 0; i < this.bodies.length; i++) {
      const ends = this.ends[i]
      const at = place - before
      if (ends === undefined) {
        if (at === 0) return (this.bodies[i] as Uint8Array).length
        before++
      } else {
        if (at < ends.length) return (ends[at] as number) - (at === 0 ? 0 : (ends[at - 1] as number))
        before += ends.length
      }
    }
    throw new Error('a chunk is asked for a message that it does not hold')
  }

  hasRoomFor(length: number): boolean {
    if (this.count === 0) return true
    if (this.count >= chunkMessages || this.bytes + length > 16 * chunkBytes) return false
    return this.#inlineBytes + length <= chunkBytes && this.bundles.length < mostBundles
  }

  /** @returns how many messages of this run have room, from the one with this number on, which begins at `start` */
  roomFor(ends: readonly number[], from: number, start: number): number {
    const behind = Math.min(ends.length, from + chunkMessages - this.count)
    const last = start + Math.min(chunkBytes - this.#inlineBytes, 16 * chunkBytes - this.bytes)
    let to = behind
    while (to > from && (ends[to - 1] as number) > last) to--
    // The first one of a chunk always has room.
    return to <= from ? (this.count === 0 ? 1 : 0) : to - from
  }

  /** @param shared null: the body stands in the chunk. @returns true: it is the first in its bundle */
  add(delivery: Omit<QueuedDelivery, 'body' | 'ends'>, body: Uint8Array, shared: BundlePlace | null): boolean {
    if (shared !== null) {
      while (this.#shared.length < this.bodies.length) this.#shared.push(null)
      this.#shared.push(shared)
    }
    this.#add(delivery, body, undefined)
    this.#metaBytes += messageBytes(delivery) + (shared === null ? 0 : 2)
    if (shared === null) this.#inlineBytes += body.length
    else if (this.bundles.at(-1) !== shared.bundle && !this.bundles.includes(shared.bundle)) {
      this.bundles.push(shared.bundle)
      return true
    }
    return false
  }

  /** Messages that stand in the chunk, and are delivered alike. */
  addRun(delivery: Omit<QueuedDelivery, 'body' | 'ends'>, body: Uint8Array, ends: readonly number[]): void {
    this.#add(delivery, body, ends)
    this.#metaBytes += ends.length * messageBytes(delivery)
    this.#inlineBytes += body.length
  }

  #add(delivery: Omit<QueuedDelivery, 'body' | 'ends'>, body: Uint8Array, ends: readonly number[] | undefined): void {
    this.deliveries.push(delivery)
    this.bodies.push(body)
    this.ends.push(ends)
    this.count += ends === undefined ? 1 : ends.length
    this.bytes += body.length
  }

  get encodedBytes(): number {
    return headBytes + 8 * this.bundles.length + 4 * this.count + this.#metaBytes + this.#inlineBytes
  }

  /**
   * `[version][bundles][messages][bytes of all bodies]`, the bundles' numbers, the bodies' lengths, per message `[flags]
   * [bundle's place, 255: in here][index in it][expiry][identifiers]`, then the bodies that stand in here.
   */
  encode(into: Buffer): void {
    const { deliveries, bodies, bundles } = this
    into[0] = chunkVersion
    into[1] = bundles.length
    into.writeUInt16BE(this.count, 2)
    into.writeUInt32BE(this.bytes, 4)
    let at = headBytes
    for (const bundle of bundles) {
      writeNumber(into, bundle, at)
      at += 8
    }
    for (let i = 0; i < bodies.length; i++) {
      const ends = this.ends[i]
      if (ends === undefined) {
        at = into.writeUInt32BE((bodies[i] as Uint8Array).length, at)
        continue
      }
      let start = 0
      for (let j = 0; j < ends.length; j++) {
        const end = ends[j] as number
        at = into.writeUInt32BE(end - start, at)
        start = end
      }
    }
    for (let i = 0; i < bodies.length; i++) {
      const delivery = deliveries[i] as Omit<QueuedDelivery, 'body' | 'ends'>
      const shared = this.#shared[i] ?? null
      const place = shared === null ? inline : bundles.indexOf(shared.bundle)
      for (let left = this.ends[i]?.length ?? 1; left > 0; left--) at = encodeMessage(into, at, delivery, place, shared)
    }
    for (let i = 0; i < bodies.length; i++) {
      if ((this.#shared[i] ?? null) !== null) continue
      const body = bodies[i] as Uint8Array
      into.set(body, at)
      at += body.length
    }
  }
}

/** Without a place in a bundle. */
function messageBytes({ expiresAt, subscriptionIdentifiers }: Omit<QueuedDelivery, 'body'>): number {
  const identifiers = subscriptionIdentifiers.length
  return 2 + (expiresAt === null ? 0 : 8) + (identifiers === 0 ? 0 : 2 + 4 * identifiers)
}

function encodeMessage(
  into: Buffer,
  start: number,
  { qos, retain, expiresAt, subscriptionIdentifiers }: Omit<QueuedDelivery, 'body'>,
  place: number,
  shared: BundlePlace | null,
): number {
  const identifiers = subscriptionIdentifiers.length
  let at = start
  into[at++] =
    qos | (retain ? retainFlag : 0) | (expiresAt === null ? 0 : expiryFlag) | (identifiers === 0 ? 0 : identifiersFlag)
  into[at++] = place
  if (shared !== null) at = into.writeUInt16BE(shared.index, at)
  if (expiresAt !== null) at = into.writeDoubleBE(expiresAt, at)
  if (identifiers === 0) return at
  at = into.writeUInt16BE(identifiers, at)
  for (const identifier of subscriptionIdentifiers) at = into.writeUInt32BE(identifier, at)
  return at
}

/** @param key `[uid][entry][first index]` */
export function decodeHead(key: Buffer, value: Buffer): ChunkHead {
  if (value[0] !== chunkVersion) throw new Error('a queue entry of an unknown version')
  const bundles: number[] = []
  for (let i = 0, at = headBytes; i < (value[1] as number); i++, at += 8) bundles.push(readNumber(value, at))
  return {
    entry: readNumber(key, 16),
    first: key.readUInt32BE(24),
    count: value.readUInt16BE(2),
    bytes: value.readUInt32BE(4),
    bundles,
  }
}

/** Length of the chunk's body at this place of it. */
export function lengthAt(value: Buffer, place: number): number {
  return value.readUInt32BE(headBytes + 8 * (value[1] as number) + 4 * place)
}

export function decodeChunk(head: ChunkHead, value: Buffer): ChunkMessage[] {
  const { bundles, count, first } = head
  const lengthsAt = headBytes + 8 * bundles.length
  let at = lengthsAt + 4 * count
  const found: { shared: BundlePlace | null; delivery: ChunkMessage['delivery'] }[] = []
  for (let i = 0; i < count; i++) {
    const flags = value[at++] as number
    const place = value[at++] as number
    let shared: BundlePlace | null = null
    if (place !== inline) {
      shared = { bundle: bundles[place] as number, index: value.readUInt16BE(at) }
      at += 2
    }
    let expiresAt = null
    if ((flags & expiryFlag) !== 0) {
      expiresAt = unixMillis(value.readDoubleBE(at))
      at += 8
    }
    const subscriptionIdentifiers: number[] = []
    if ((flags & identifiersFlag) !== 0) {
      const identifiers = value.readUInt16BE(at)
      at += 2
      for (let j = 0; j < identifiers; j++, at += 4) subscriptionIdentifiers.push(value.readUInt32BE(at))
    }
    const qos = (flags & 0x03) as QualityOfService
    found.push({ shared, delivery: { qos, retain: (flags & retainFlag) !== 0, expiresAt, subscriptionIdentifiers } })
  }
  return found.map(({ shared, delivery }, i) => {
    const length = value.readUInt32BE(lengthsAt + 4 * i)
    const body = shared === null ? value.subarray(at, at + length) : null
    if (body !== null) at += length
    return { index: first + i, length, delivery, shared, body }
  })
}

// ------------------------------------------------------------------------------------------------- bundles

/** `[version][bodies]`, their lengths, the bodies. */
export function bundleBytes(bodies: readonly Uint8Array[]): number {
  let bytes = 3 + 4 * bodies.length
  for (const body of bodies) bytes += body.length
  return bytes
}

export function encodeBundle(bodies: readonly Uint8Array[], into: Buffer): void {
  into[0] = chunkVersion
  let at = into.writeUInt16BE(bodies.length, 1)
  for (const body of bodies) at = into.writeUInt32BE(body.length, at)
  for (const body of bodies) {
    into.set(body, at)
    at += body.length
  }
}

export function decodeBundle(value: Buffer): Uint8Array[] {
  if (value[0] !== chunkVersion) throw new Error('a bundle of bodies of an unknown version')
  const count = value.readUInt16BE(1)
  const bodies: Uint8Array[] = []
  let at = 3 + 4 * count
  for (let i = 0; i < count; i++) {
    const length = value.readUInt32BE(3 + 4 * i)
    bodies.push(value.subarray(at, at + length))
    at += length
  }
  return bodies
}
