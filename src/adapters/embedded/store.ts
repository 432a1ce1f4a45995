import {
  EngineError,
  type RegistryChange,
  type Revision,
  type RouteChange,
  type SessionUid,
} from '../../ports/engine.ts'
import { Callbacks } from '../callbacks.ts'
import { OperationIds } from '../operation-ids.ts'
import { type SessionChange, SessionTable } from '../session-table.ts'
import { Tails } from '../tails.ts'
import type { Tables } from './database.ts'
import { readNumber } from './keys.ts'
import { QueueReader } from './queues.ts'
import { bodyElsewhere, decodeOperation, decodeSession, decodeSubscriptions } from './records.ts'
import { RegistryReader } from './registry.ts'
import { RetainedReader, type Topic } from './retained.ts'
import type { Unit } from './unit.ts'

export const sequenceKey = Buffer.from('sequence')
export const revisionKey = Buffer.from('revision')

/** What is durable, with the parts of it that are kept in memory: session records, operation ids, counters. */
export class Store {
  readonly tables: Tables
  readonly sessions: SessionTable
  readonly tails: Tails
  readonly queues: QueueReader
  readonly retained: RetainedReader
  readonly registry: RegistryReader
  readonly operations = new OperationIds()
  /** Keys of the operations on disk, oldest first; those before the head are forgotten. */
  operationKeys: number[] = []
  operationHead = 0
  /** Last number given to a body, an entry, an epoch or an operation. */
  sequence = 0
  revision = 0n as Revision
  /** The transaction that is being put together; it hears of session changes. */
  unit: Unit | null = null

  readonly routeChanges = new Callbacks<[RouteChange]>()
  readonly topicChanges = new Callbacks<[Topic & { readonly present: boolean }]>()
  readonly registryChanges = new Callbacks<[readonly RegistryChange[]]>()

  constructor(tables: Tables) {
    this.tables = tables
    this.queues = new QueueReader(tables)
    this.retained = new RetainedReader(tables)
    this.registry = new RegistryReader(tables)
    this.sessions = new SessionTable({
      alwaysStored: false,
      nextEpoch: () => BigInt((this.unit as Unit).next()),
      onChange: (change: SessionChange) => (this.unit as Unit).onSessionChange(change),
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
    const { meta, sessions, subscriptions, operations } = this.tables
    const sequence = meta.getBinary(sequenceKey)
    const revision = meta.getBinary(revisionKey)
    if (sequence !== undefined) this.sequence = readNumber(sequence, 0)
    if (revision !== undefined) this.revision = BigInt(readNumber(revision, 0)) as Revision
    for (const { key, value } of sessions.getRange({})) {
      const uid = Buffer.from(key).toString('hex')
      const stored = subscriptions.getBinary(key)
      const entry = decodeSession(uid, value, stored === undefined ? [] : decodeSubscriptions(stored))
      this.sessions.apply({ before: null, after: entry })
    }
    for (const { key, value } of operations.getRange({})) {
      const { opId, mark, result } = decodeOperation(value)
      this.operations.remember(opId, mark, result)
      this.operationKeys.push(readNumber(key as Buffer, 0))
    }
  }
}

export function unavailable(why: string, cause?: unknown): EngineError {
  return new EngineError('unavailable', `store: ${why}`, { cause })
}
