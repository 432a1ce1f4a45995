import type { ProtocolVersion } from '../../mqtt/packet.ts'
import { variableByteIntegerLength, writeVariableByteInteger } from '../../mqtt/packet-writer.ts'
import type { Arena, ArenaPool } from '../turn/arena.ts'
import { packetStart } from './stored-message.ts'

/** Takes any Uint8Array and makes no view of it. */
const copy = Buffer.prototype.copy

/**
 * What a subscriber gets with QoS 1 of a stored message without properties, neither DUP nor RETAIN, written in one go. One
 * object serves all messages (bench: tcp-pairs-qos1-durable).
 */
export class PlainDelivery {
  readonly #pool: ArenaPool
  /** The frame that `write` wrote last. */
  arena: Arena
  start = 0
  end = 0
  /** Offset of its Packet Identifier, which is left open. */
  identifierAt = 0
  /** The same of each frame that `writeRun` wrote last, and where it begins; longer than the run was, maybe. */
  readonly starts: number[] = []
  readonly identifiersAt: number[] = []

  constructor(pool: ArenaPool) {
    this.#pool = pool
    this.arena = pool.reserve(0)
  }

  /**
   * Messages that lie one behind the other, each written as `write` does.
   *
   * @returns false: one of them has properties, and nothing was written
   */
  writeRun(bodies: Uint8Array, ends: readonly number[], version: ProtocolVersion): boolean {
    // Each frame is shorter than the stored form of its message, so they find room in front of the forms, which are copied
    // in one go: to move bytes within one piece of memory costs half of what it takes to copy them from another.
    const arena = this.#pool.reserve(2 * bodies.length)
    const { bytes } = arena
    const { starts, identifiersAt } = this
    const begin = arena.used
    const shift = begin + bodies.length
    bytes.set(bodies, shift)
    let at = begin
    let bodyStart = shift
    for (let i = 0; i < ends.length; i++) {
      const end = shift + (ends[i] as number)
      let topicAt = packetStart(bytes, bodyStart) + 1
      while ((bytes[topicAt++] as number) >= 0x80);
      const topicEnd = topicAt + 2 + (((bytes[topicAt] as number) << 8) | (bytes[topicAt + 1] as number))
      if (bytes[topicEnd] !== 0) return false
      const remaining = topicEnd - topicAt + (version === 5 ? 3 : 2) + end - topicEnd - 1
      starts[i] = at
      bytes[at++] = 0x32
      at = writeVariableByteInteger(bytes, at, remaining)
      bytes.copyWithin(at, topicAt, topicEnd)
      at += topicEnd - topicAt
      identifiersAt[i] = at
      at += 2
      if (version === 5) bytes[at++] = 0
      bytes.copyWithin(at, topicEnd + 1, end)
      at += end - topicEnd - 1
      bodyStart = end
    }
    this.arena = arena
    this.start = begin
    this.end = at
    arena.used = at
    return true
  }

  /** @returns false: it has properties, and nothing was written */
  write(body: Uint8Array, version: ProtocolVersion): boolean {
    let topicAt = packetStart(body) + 1
    while ((body[topicAt++] as number) >= 0x80);
    const topicEnd = topicAt + 2 + (((body[topicAt] as number) << 8) | (body[topicAt + 1] as number))
    if (body[topicEnd] !== 0) return false
    const payloadStart = topicEnd + 1
    const remaining = topicEnd - topicAt + (version === 5 ? 3 : 2) + body.length - payloadStart
    const arena = this.#pool.reserve(1 + variableByteIntegerLength(remaining) + remaining)
    const { bytes } = arena
    let at = arena.used
    this.arena = arena
    this.start = at
    bytes[at++] = 0x32
    at = writeVariableByteInteger(bytes, at, remaining)
    at += copy.call(body as Buffer, bytes, at, topicAt, topicEnd)
    this.identifierAt = at
    at += 2
    if (version === 5) bytes[at++] = 0
    at += copy.call(body as Buffer, bytes, at, payloadStart, body.length)
    this.end = at
    arena.used = at
    return true
  }
}
