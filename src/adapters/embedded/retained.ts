import { createHash } from 'node:crypto'
import { type UnixMillis, unixMillis } from '../../base/time.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import type { RetainedRecord, RetainedTopic } from '../../ports/message-store.ts'
import type { Table, Tables } from './database.ts'
import { behind, codeUnitBytes, isHashed, nameKey, numberBytes, textOfCodeUnitBytes, uidBytes } from './keys.ts'
import { plainBytes } from './queues.ts'
import type { Writes } from './writes.ts'

export interface Topic {
  readonly namespace: NamespaceId
  readonly topicName: string
}

const recordVersion = 1
const headerBytes = 13
const none = -1

/** `[version][expiry, -1: none][length of topic][topic where the key holds its hash][body]` */
function encodeRecord(topic: Uint8Array, body: Uint8Array, expiresAt: UnixMillis | null): Buffer {
  const header = Buffer.allocUnsafe(headerBytes)
  header[0] = recordVersion
  header.writeDoubleBE(expiresAt ?? none, 1)
  header.writeUInt32BE(topic.length, 9)
  return Buffer.concat([header, topic, body])
}

function expiryOf(value: Buffer): UnixMillis | null {
  if (value[0] !== recordVersion) throw new Error('a retained message of an unknown version')
  const expiry = value.readDoubleBE(1)
  return expiry === none ? null : unixMillis(expiry)
}

/** `[time][namespace][hash of the topic]`: fixed size, ordered by time. */
function expiryKey(at: number, namespace: Uint8Array, topic: Uint8Array): Buffer {
  return Buffer.concat([numberBytes(at), namespace, createHash('sha256').update(topic).digest().subarray(0, 16)])
}

/** Retained messages, read. Neither topics nor bodies are kept in memory here. */
export class RetainedReader {
  readonly #tables: Tables

  constructor(tables: Tables) {
    this.#tables = tables
  }

  get(namespace: NamespaceId, topicName: string): RetainedRecord | undefined {
    const value = this.#tables.retained.getBinary(nameKey(uidBytes(namespace), codeUnitBytes(topicName)))
    if (value === undefined) return undefined
    const body = value.subarray(headerBytes + value.readUInt32BE(9))
    return { topicName, body: plainBytes(body), expiresAt: expiryOf(value) }
  }

  *topics(): Generator<RetainedTopic> {
    for (const { key, value } of this.#tables.retained.getRange({})) {
      const bytes = value as Buffer
      yield { ...topicOf(key as Buffer, bytes), bytes: bytes.length - headerBytes - bytes.readUInt32BE(9) }
    }
  }

  *topicsOf(namespace: NamespaceId, limit: number): Generator<Topic> {
    const prefix = uidBytes(namespace)
    for (const { key, value } of this.#tables.retained.getRange({ start: prefix, end: behind(prefix), limit })) {
      yield topicOf(key as Buffer, value as Buffer)
    }
  }

  expiredBefore(time: UnixMillis, limit: number): Topic[] {
    const found: Topic[] = []
    const end = numberBytes(Math.max(0, Math.floor(time)) + 1)
    for (const { value } of this.#tables.expiries.getRange({ end, limit })) {
      const bytes = value as Buffer
      found.push({
        namespace: bytes.toString('hex', 0, 16) as NamespaceId,
        topicName: textOfCodeUnitBytes(bytes.subarray(16)),
      })
    }
    return found
  }
}

function topicOf(key: Buffer, value: Buffer): Topic {
  const bytes = isHashed(key, 16) ? value.subarray(headerBytes, headerBytes + value.readUInt32BE(9)) : key.subarray(17)
  return { namespace: key.toString('hex', 0, 16) as NamespaceId, topicName: textOfCodeUnitBytes(bytes) }
}

/** Retained messages in the course of a transaction. */
export class RetainedWork {
  readonly #table: Table
  readonly #expiries: Table
  readonly #writes: Writes
  /** What this transaction has made of a topic, by its key; null: removed. */
  readonly #touched = new Map<string, { readonly expiresAt: UnixMillis | null } | null>()

  constructor(tables: Tables, writes: Writes) {
    this.#table = tables.retained
    this.#expiries = tables.expiries
    this.#writes = writes
  }

  set({ namespace, topicName }: Topic, body: Uint8Array, expiresAt: UnixMillis | null): void {
    const prefix = uidBytes(namespace)
    const topic = codeUnitBytes(topicName)
    const key = nameKey(prefix, topic)
    const before = this.#before(key)
    this.#forgetExpiry(before, prefix, topic)
    this.#writes.put(this.#table, key, encodeRecord(isHashed(key, 16) ? topic : noBytes, body, expiresAt))
    if (expiresAt !== null) {
      this.#writes.put(this.#expiries, expiryKey(expiresAt, prefix, topic), Buffer.concat([prefix, topic]))
    }
    this.#touched.set(key.toString('latin1'), { expiresAt })
  }

  /** False: there was nothing to remove. */
  remove({ namespace, topicName }: Topic): boolean {
    const prefix = uidBytes(namespace)
    const topic = codeUnitBytes(topicName)
    const key = nameKey(prefix, topic)
    const before = this.#before(key)
    if (before === null) return false
    this.#forgetExpiry(before, prefix, topic)
    this.#writes.remove(this.#table, key)
    this.#touched.set(key.toString('latin1'), null)
    return true
  }

  #before(key: Buffer): { readonly expiresAt: UnixMillis | null } | null {
    const touched = this.#touched.get(key.toString('latin1'))
    if (touched !== undefined) return touched
    const stored = this.#table.getBinaryFast(key)
    return stored === undefined ? null : { expiresAt: expiryOf(stored) }
  }

  #forgetExpiry(before: { readonly expiresAt: UnixMillis | null } | null, prefix: Buffer, topic: Buffer): void {
    if (before?.expiresAt == null) return
    this.#writes.remove(this.#expiries, expiryKey(before.expiresAt, prefix, topic))
  }
}

const noBytes = new Uint8Array(0)
