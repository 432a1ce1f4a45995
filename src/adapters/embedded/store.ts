import { type UnixMillis, unixMillis } from '../../base/time.ts'
import { EngineError } from '../../ports/engine-error.ts'
import type { NamespaceId, Revision, SessionUid } from '../../ports/identity.ts'
import type { RetainedTopic } from '../../ports/message-store.ts'
import type { RegistryChange } from '../../ports/registry-store.ts'
import type { RouteChange, StoredSubscription } from '../../ports/session-store.ts'
import { Callbacks } from '../callbacks.ts'
import { OperationIds } from '../operation-ids.ts'
import { QueuedBytes } from '../queued-bytes.ts'
import type { SessionChange, SessionEntry } from '../session-entry.ts'
import { SessionTable } from '../session-table.ts'
import { Tails } from '../tails.ts'
import type { Table, Tables } from './database.ts'
import { behind, numberBytes, readNumber } from './keys.ts'
import { QueueReader } from './queues.ts'
import { decodeOperation } from './records.ts'
import { RegistryReader } from './registry.ts'
import { RetainedReader } from './retained.ts'
import { bodyElsewhere, decodeSubscription, type OrderedSubscription, SessionReader } from './session-records.ts'

export const sequenceKey = Buffer.from('sequence')
export const revisionKey = Buffer.from('revision')

/** `[last number given out][when]` */
export function encodeSequence(sequence: number, now: UnixMillis): Buffer {
  return Buffer.concat([numberBytes(sequence), numberBytes(now)])
}

/** When the last transaction was put together; null: nothing was written yet, or by a version that did not say. */
export function lastWriteOf({ meta }: Pick<Tables, 'meta'>): UnixMillis | null {
  const bytes = meta.getBinary(sequenceKey)
  return bytes === undefined || bytes.length < 16 ? null : unixMillis(readNumber(bytes, 8))
}

const queuedPrefix = 'queued '

/** Of the bytes in the queues of a namespace. */
export function queuedKey(namespace: string): Buffer {
  return Buffer.from(queuedPrefix + namespace)
}

/** A transaction that is being put together, as what it changes sees it. */
export interface OpenUnit {
  /** The next number. */
  next(): number
  onSessionChange(change: SessionChange): void
}

/** Who puts changes of sessions together: a transaction, or a single change that nothing has to be written for. */
export interface SessionWork {
  /** The next number of the store. */
  next(): number
  onSessionChange(change: SessionChange): void
}

/** What is durable, with the parts of it that are kept in memory: session records, operation ids, counters. */
export class Store {
  readonly tables: Tables
  readonly sessions: SessionTable
  readonly tails: Tails
  readonly queues: QueueReader
  readonly retained: RetainedReader
  readonly registry: RegistryReader
  readonly operations = new OperationIds()
  readonly queuedBytes = new QueuedBytes()
  /** Keys of the operations on disk, oldest first; those before the head are forgotten. */
  operationKeys: number[] = []
  operationHead = 0
  /** Last number given to a body, an entry, an epoch or an operation. */
  sequence = 0
  revision = 0n as Revision
  /** The transaction that is being put together; it hears of session changes. */
  unit: OpenUnit | null = null

  readonly routeChanges = new Callbacks<[RouteChange]>()
  readonly topicChanges = new Callbacks<[RetainedTopic]>()
  readonly registryChanges = new Callbacks<[readonly RegistryChange[]]>()

  constructor(tables: Tables) {
    this.tables = tables
    this.queues = new QueueReader(tables)
    this.retained = new RetainedReader(tables)
    this.registry = new RegistryReader(tables)
    this.sessions = new SessionTable({
      alwaysStored: false,
      nextEpoch: () => BigInt((this.unit as OpenUnit).next()),
      onChange: (change: SessionChange) => (this.unit as OpenUnit).onSessionChange(change),
    })
    this.tails = new Tails(this.sessions)
    this.#load()
  }

  /** The stored body of a session's will. */
  will(uid: SessionUid): Uint8Array {
    const body = this.tables.wills.getBinary(Buffer.from(uid, 'hex'))
    return body === undefined ? bodyElsewhere : new Uint8Array(body.buffer, body.byteOffset, body.length)
  }

  #load(): void {
    const { meta, sessions, operations } = this.tables
    const sequence = meta.getBinary(sequenceKey)
    const revision = meta.getBinary(revisionKey)
    if (sequence !== undefined) this.sequence = readNumber(sequence, 0)
    if (revision !== undefined) this.revision = BigInt(readNumber(revision, 0)) as Revision
    for (const { key, value } of meta.getRange({ start: queuedKey(''), end: behind(queuedKey('')) })) {
      const namespace = (key as Buffer).toString().slice(queuedPrefix.length) as NamespaceId
      this.queuedBytes.set(namespace, readNumber(value as Buffer, 0))
    }
    const reader = new SessionReader()
    const entries: SessionEntry[] = []
    const held = new SubscriptionWalk(this.tables.subscriptions)
    for (const { key, value } of sessions.getRange({})) {
      const uid = key as Buffer
      entries.push(reader.decode(uid.toString('hex'), value as Buffer, held.of(uid)))
    }
    this.sessions.fill(entries)
    for (const { key, value } of operations.getRange({})) {
      const { opId, mark, result } = decodeOperation(value as Buffer)
      this.operations.remember(opId, mark, result)
      this.operationKeys.push(readNumber(key as Buffer, 0))
    }
  }
}

/** Subscriptions in the order of their sessions: one walk beside that over the sessions themselves. */
class SubscriptionWalk {
  readonly #rows: Iterator<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  #next: { readonly key: Buffer; readonly value: Buffer } | null

  constructor(table: Table) {
    this.#rows = table.getRange({})[Symbol.iterator]()
    this.#next = this.#read()
  }

  of(uid: Buffer): readonly StoredSubscription[] {
    const found: OrderedSubscription[] = []
    for (; this.#next !== null; this.#next = this.#read()) {
      const order = this.#next.key.compare(uid, 0, 16, 0, 16)
      if (order > 0) break
      if (order === 0) found.push(decodeSubscription(this.#next.key, this.#next.value))
    }
    if (found.length > 1) found.sort((a, b) => a.order - b.order)
    return found.map(({ subscription }) => subscription)
  }

  #read(): { readonly key: Buffer; readonly value: Buffer } | null {
    const { done, value } = this.#rows.next()
    return done === true ? null : { key: value.key as Buffer, value: value.value as Buffer }
  }
}

export function unavailable(why: string, cause?: unknown): EngineError {
  return new EngineError('unavailable', `store: ${why}`, { cause })
}
