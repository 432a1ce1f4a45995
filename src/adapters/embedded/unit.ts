import { unreachable } from '../../base/assert.ts'
import type { UnixMillis } from '../../base/time.ts'
import type {
  Commit,
  CommitResult,
  Fence,
  NamespaceId,
  OpenOutcome,
  OpenSession,
  Position,
  QueuedMessage,
  QueueLimits,
  RegistryWrite,
  RetainChange,
  Revision,
  SessionUid,
} from '../../ports/engine.ts'
import { applyCommit, type MessageOperation } from '../apply-commit.ts'
import { assertBodiesExist, commitMark, OperationIds } from '../operation-ids.ts'
import { comparePositions } from '../positions.ts'
import { losesMessages, routeChange, type SessionChange } from '../session-table.ts'
import { BodyWork } from './bodies.ts'
import { packetKey, queueKey, uidBytes } from './keys.ts'
import { placeOf, QueueWork, referencesOf } from './queues.ts'
import { bodyElsewhere, encodePosition, encodeReference, positionOf, type Reference } from './records.ts'
import { RegistryWork } from './registry.ts'
import { RetainedWork } from './retained.ts'
import type { Store } from './store.ts'
import { Writes } from './writes.ts'

/**
 * One transaction while it is put together: it reads what is durable and what it has itself done so far. Nothing of it is
 * visible to others before it is durable; what has to happen then waits in `effects`.
 */
export class Unit {
  readonly writes = new Writes()
  readonly effects: (() => void)[] = []
  readonly changes: SessionChange[] = []
  readonly queues = new Map<SessionUid, QueueWork>()
  readonly lost = new Set<SessionUid>()
  readonly wills = new Map<SessionUid, Uint8Array>()
  readonly operations: { readonly opId: string; readonly mark: string; readonly result: CommitResult }[] = []
  readonly bodies: BodyWork
  sequence: number
  revision: Revision
  readonly #store: Store
  readonly #registry: RegistryWork
  readonly #retained: RetainedWork
  readonly #applied = new OperationIds()

  constructor(store: Store) {
    this.#store = store
    this.sequence = store.sequence
    this.revision = store.revision
    this.bodies = new BodyWork(store.tables, this.writes)
    this.#registry = new RegistryWork(store.registry, store.tables, this.writes)
    this.#retained = new RetainedWork(store.tables, this.writes)
  }

  next(): number {
    return ++this.sequence
  }

  /** Writes something, so that the transaction reaches the disk. */
  touch(): void {
    this.writes.put(this.#store.tables.meta, touchedKey, mark)
  }

  // ------------------------------------------------------------------------------------------------ registry

  writeRegistry(write: RegistryWrite): Revision {
    this.#registry.check(write)
    const revision = (this.revision + 1n) as Revision
    this.revision = revision
    const changes = this.#registry.apply(write, revision)
    if (changes.length > 0) this.effects.push(() => this.#store.registryChanges.call(changes))
    return revision
  }

  // ------------------------------------------------------------------------------------------------ sessions

  open(request: OpenSession): OpenOutcome {
    const { sessions } = this.#store
    const existing = sessions.find(request.namespace, request.clientId)?.record
    const will = request.will === null ? null : { ...request.will, body: bodyElsewhere }
    const outcome = sessions.open({ ...request, will })
    if (outcome.kind !== 'opened') return outcome
    const dueWill =
      outcome.dueWill === null || existing === undefined
        ? null
        : { ...outcome.dueWill, body: this.wills.get(existing.uid) ?? this.#store.will(existing.uid) }
    const uid = outcome.record.uid
    if (request.will === null) this.wills.delete(uid)
    else this.wills.set(uid, new Uint8Array(request.will.body))
    return {
      ...outcome,
      record: { ...outcome.record, will: request.will },
      dueWill,
      inflight: outcome.present ? this.queue(uid).inflight() : outcome.inflight,
    }
  }

  onSessionChange(change: SessionChange): void {
    this.changes.push(change)
    const route = routeChange(change)
    if (route !== null) this.effects.push(() => this.#store.routeChanges.call(route))
    if (change.before?.queue === 'stored' && losesMessages(change)) this.#lose(change.before.record.uid)
  }

  /** The queue is unreachable from here on; its entries are removed little by little. */
  #lose(uid: SessionUid): void {
    for (const { body } of this.queues.get(uid)?.appended ?? []) this.bodies.release(body)
    this.queues.delete(uid)
    this.lost.add(uid)
    this.writes.put(this.#store.tables.garbage, uidBytes(uid), mark)
  }

  // ------------------------------------------------------------------------------------------------ messages

  queue(uid: SessionUid): QueueWork {
    const work = this.queues.get(uid) ?? new QueueWork(uid, this.#store.queues)
    this.queues.set(uid, work)
    return work
  }

  commit(commit: Commit, now: UnixMillis): CommitResult {
    const repeat = this.#store.operations.repeatOf(commit) ?? this.#applied.repeatOf(commit)
    if (repeat !== undefined) return repeat
    assertBodiesExist(commit)
    const bodies: { readonly number: number; readonly length: number }[] = []
    if (commit.appends.length > 0) {
      for (const bytes of commit.bodies) {
        const number = this.next()
        this.bodies.add(number, bytes)
        bodies.push({ number, length: bytes.length })
      }
    }
    const result = applyCommit(
      commit,
      this.#store.sessions,
      {
        operate: (uid, operation) => this.#operate(uid, operation),
        retain: (change) => this.#retain(change, commit.bodies),
        push: (append) => {
          const queue = this.queue(append.session)
          for (const reference of referencesOf(append, this.next(), bodies)) {
            this.bodies.hold(reference.body)
            queue.push(reference)
          }
        },
        size: (uid) => this.queue(uid),
        shorten: (uid, limits) => this.#shorten(this.queue(uid), limits),
      },
      now,
    )
    const operation = { opId: commit.opId, mark: commitMark(commit), result }
    this.operations.push(operation)
    this.#applied.remember(operation.opId, operation.mark, result)
    return result
  }

  acknowledge(fence: Fence, upTo: Position): void {
    if (this.#store.sessions.holds(fence)) this.#acknowledge(fence.session, upTo)
  }

  #operate(uid: SessionUid, operation: MessageOperation): void {
    const { outgoing, incoming } = this.#store.tables
    switch (operation.kind) {
      case 'acknowledge':
        this.#acknowledge(uid, operation.upTo)
        break
      case 'outgoing': {
        const { position, packetIdentifier, phase } = operation
        const queue = this.queue(uid)
        const key = packetKey(uidBytes(uid), packetIdentifier)
        if (phase !== 'done') {
          queue.setOutgoing(packetIdentifier, { position, packetIdentifier, phase })
          this.writes.put(outgoing, key, encodePosition(position, phase))
          break
        }
        queue.setOutgoing(packetIdentifier, null)
        this.writes.remove(outgoing, key)
        const reference = queue.find(position)
        if (reference !== undefined) this.#drop(queue, reference)
        break
      }
      case 'incoming': {
        const { packetIdentifier, body } = operation
        const key = packetKey(uidBytes(uid), packetIdentifier)
        this.queue(uid).setIncoming(packetIdentifier, body)
        if (body === null) this.writes.remove(incoming, key)
        else this.writes.put(incoming, key, body)
        break
      }
      default:
        unreachable(operation)
    }
  }

  #acknowledge(uid: SessionUid, upTo: Position): void {
    const queue = this.queue(uid)
    // A cursor never goes back, and never ahead of what was appended: it would swallow what comes later.
    if (queue.cursor !== null && comparePositions(upTo, queue.cursor) <= 0) return
    if (upTo.entry > BigInt(this.sequence)) return
    for (const reference of queue.all(upTo)) this.#drop(queue, reference)
    for (const { packetIdentifier, position } of queue.outgoing()) {
      if (comparePositions(position, upTo) > 0) continue
      queue.setOutgoing(packetIdentifier, null)
      this.writes.remove(this.#store.tables.outgoing, packetKey(uidBytes(uid), packetIdentifier))
    }
    queue.setCursor(upTo)
    this.writes.put(this.#store.tables.cursors, uidBytes(uid), encodePosition(upTo))
  }

  #shorten(queue: QueueWork, limits: QueueLimits): number {
    const bound = new Set(queue.outgoing().map(({ position }) => placeOf(position)))
    let dropped = 0
    for (const reference of queue.all()) {
      if (!queue.isTooLong(limits)) break
      if (bound.has(placeOf(reference))) continue
      this.#drop(queue, reference)
      dropped++
    }
    return dropped
  }

  #drop(queue: QueueWork, reference: Reference): void {
    this.bodies.release(reference.body)
    if (!queue.remove(reference)) return
    const { entry, index } = reference
    this.writes.remove(this.#store.tables.queue, queueKey(uidBytes(queue.uid), entry, index))
  }

  #retain({ namespace, topicName, body, expiresAt }: RetainChange, bodies: readonly Uint8Array[]): void {
    if (body === null) {
      this.removeRetained(namespace, topicName)
    } else if (this.#retained.set({ namespace, topicName }, bodies[body] as Uint8Array, expiresAt)) {
      this.effects.push(() => this.#store.topicChanges.call({ namespace, topicName, present: true }))
    }
  }

  removeRetained(namespace: NamespaceId, topicName: string): void {
    if (!this.#retained.remove({ namespace, topicName })) return
    this.effects.push(() => this.#store.topicChanges.call({ namespace, topicName, present: false }))
  }

  // ------------------------------------------------------------------------------------------------ the end

  /** Turns queues and bodies into writes. Afterwards the transaction takes nothing more. */
  sealMessages(): void {
    for (const queue of this.queues.values()) {
      const prefix = uidBytes(queue.uid)
      for (const reference of queue.appended) {
        const key = queueKey(prefix, reference.entry, reference.index)
        this.writes.put(this.#store.tables.queue, key, encodeReference(reference))
      }
    }
    this.bodies.flush()
  }

  /** What followers of queues are told once it is durable; each body is copied once, whoever follows. */
  appended(): { readonly uid: SessionUid; readonly messages: readonly QueuedMessage[] }[] {
    const copies = new Map<number, Uint8Array>()
    const told: { readonly uid: SessionUid; readonly messages: readonly QueuedMessage[] }[] = []
    for (const { uid, appended } of this.queues.values()) {
      if (appended.length === 0 || !this.#store.tails.has(uid)) continue
      const messages = appended.map((reference) => {
        const body = copies.get(reference.body) ?? new Uint8Array(this.bodies.fresh(reference.body) ?? bodyElsewhere)
        copies.set(reference.body, body)
        return { ...reference.delivery, position: positionOf(reference), body }
      })
      told.push({ uid, messages })
    }
    return told
  }
}

const touchedKey = Buffer.from('touched')
const mark = new Uint8Array([1])
