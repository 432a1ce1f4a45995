import { unreachable } from '../../base/assert.ts'
import type { UnixMillis } from '../../base/time.ts'
import type { NamespaceId, Revision, SessionUid } from '../../ports/identity.ts'
import type {
  Commit,
  CommitResult,
  QueuedDelivery,
  QueuedMessage,
  QueuedRun,
  RetainChange,
} from '../../ports/message-store.ts'
import type { RegistryWrite } from '../../ports/registry-store.ts'
import type { Fence, OpenOutcome, OpenSession, Position, SessionRecord } from '../../ports/session-store.ts'
import { applyCommit, type MessageOperation } from '../apply-commit.ts'
import { assertBodiesExist, commitMark, OperationIds } from '../operation-ids.ts'
import { losesMessages, routeChange, type SessionChange } from '../session-entry.ts'
import { BundleWork } from './bodies.ts'
import { uidBytes } from './keys.ts'
import { QueueWork } from './queue-work.ts'
import { RegistryWork } from './registry.ts'
import { RetainedWork } from './retained.ts'
import { bodyElsewhere } from './session-records.ts'
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
  readonly bundles: BundleWork
  /** How many bytes the queues of a namespace grow by, or shrink. */
  readonly queuedBytes = new Map<NamespaceId, number>()
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
    this.bundles = new BundleWork(store.tables, this.writes)
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
    const willBefore = existing?.will == null ? null : (this.wills.get(existing.uid) ?? this.#store.will(existing.uid))
    const will = request.will === null ? null : { ...request.will, body: bodyElsewhere }
    const outcome = sessions.open({ ...request, will })
    if (outcome.kind !== 'opened') return outcome
    const uid = outcome.record.uid
    // The session goes on under its uid; the will waits under one of its own.
    if (outcome.willIsDue && outcome.present && willBefore !== null) this.wills.set(request.newUid, willBefore)
    if (request.will === null) this.wills.delete(uid)
    else this.wills.set(uid, new Uint8Array(request.will.body))
    return {
      ...outcome,
      record: { ...outcome.record, will: request.will },
      inflight: outcome.present ? this.queue(uid).inflight() : outcome.inflight,
    }
  }

  onSessionChange(change: SessionChange): void {
    this.changes.push(change)
    const route = routeChange(change)
    if (route !== null) this.effects.push(() => this.#store.routeChanges.call(route))
    const { before, after } = change
    if (before === null && after?.queue === 'stored') {
      this.effects.push(() => this.#store.queues.begin(after.record.uid))
    }
    if (change.before?.queue === 'stored' && losesMessages(change)) this.#lose(change.before.record)
  }

  /** The queue is unreachable from here on; its entries are removed little by little. */
  #lose({ uid, namespace }: SessionRecord): void {
    this.queues.get(uid)?.abandon()
    this.queues.delete(uid)
    this.lost.add(uid)
    this.writes.put(this.#store.tables.garbage, uidBytes(uid), Buffer.from(namespace))
  }

  // ------------------------------------------------------------------------------------------------ messages

  queue(uid: SessionUid): QueueWork {
    const known = this.queues.get(uid)
    if (known !== undefined) return known
    const { tables, queues: reader } = this.#store
    const namespace = this.#store.sessions.get(uid)?.record.namespace
    const work = new QueueWork(uid, {
      tables,
      reader,
      writes: this.writes,
      bundles: this.bundles,
      count: (bytes) => {
        if (namespace !== undefined) this.countQueued(namespace, bytes)
      },
    })
    this.queues.set(uid, work)
    return work
  }

  countQueued(namespace: NamespaceId, bytes: number): void {
    this.queuedBytes.set(namespace, (this.queuedBytes.get(namespace) ?? 0) + bytes)
  }

  commit(commit: Commit, now: UnixMillis): CommitResult {
    const repeat = this.#store.operations.repeatOf(commit) ?? this.#applied.repeatOf(commit)
    if (repeat !== undefined) return repeat
    assertBodiesExist(commit)
    const places = this.bundles.gather(commit, () => this.next())
    const result = applyCommit(
      commit,
      this.#store.sessions,
      {
        operate: (uid, operation) => this.#operate(uid, operation),
        retain: (change) => this.#retain(change, commit.bodies),
        push: ({ session, messages }) => this.queue(session).push(this.next(), messages, commit.bodies, places),
        size: (uid) => this.queue(uid),
        shorten: (uid, limits) => this.queue(uid).shorten(limits),
      },
      now,
    )
    const operation = { opId: commit.opId, mark: commitMark(commit), result }
    this.operations.push(operation)
    this.#applied.remember(operation.opId, operation.mark, result)
    return result
  }

  acknowledge(fence: Fence, upTo: Position): void {
    if (this.#store.sessions.holds(fence)) this.queue(fence.session).acknowledge(upTo, this.sequence)
  }

  #operate(uid: SessionUid, operation: MessageOperation): void {
    const queue = this.queue(uid)
    switch (operation.kind) {
      case 'acknowledge':
        queue.acknowledge(operation.upTo, this.sequence)
        break
      case 'outgoing': {
        const { position, packetIdentifier, phase } = operation
        queue.setOutgoing(packetIdentifier, phase === 'done' ? null : { position, packetIdentifier, phase })
        if (phase === 'done') queue.remove({ entry: Number(position.entry), index: position.index })
        break
      }
      case 'incoming':
        queue.setIncoming(operation.packetIdentifier, operation.body)
        break
      default:
        unreachable(operation)
    }
  }

  #retain({ namespace, topicName, body, expiresAt }: RetainChange, bodies: readonly Uint8Array[]): void {
    if (body === null) {
      this.removeRetained(namespace, topicName)
      return
    }
    const message = bodies[body] as Uint8Array
    const bytes = message.length
    this.#retained.set({ namespace, topicName }, message, expiresAt)
    this.effects.push(() => this.#store.topicChanges.call({ namespace, topicName, bytes }))
  }

  removeRetained(namespace: NamespaceId, topicName: string): void {
    if (!this.#retained.remove({ namespace, topicName })) return
    this.effects.push(() => this.#store.topicChanges.call({ namespace, topicName, bytes: null }))
  }

  // ------------------------------------------------------------------------------------------------ the end

  /** Turns queues and bodies into writes. Afterwards the transaction takes nothing more. */
  sealMessages(): void {
    for (const queue of this.queues.values()) queue.seal()
    this.bundles.flush()
  }

  /** What followers of queues are told once it is durable: their bodies are those of the commit, which stay until it is answered. */
  appended(): { readonly uid: SessionUid; readonly runs: readonly QueuedRun[] }[] {
    const told: { readonly uid: SessionUid; readonly runs: readonly QueuedRun[] }[] = []
    for (const queue of this.queues.values()) {
      const { uid, fresh } = queue
      if (fresh.length === 0 || !this.#store.tails.has(uid)) continue
      const { keepsAll } = queue
      const runs: QueuedRun[] = []
      for (const { entry: number, first, deliveries, bodies, ends: allEnds } of fresh) {
        const entry = BigInt(number)
        let index = first
        for (let i = 0; i < bodies.length; i++) {
          const { qos, retain, subscriptionIdentifiers, expiresAt } = deliveries[i] as Omit<QueuedDelivery, 'body'>
          const body = bodies[i] as Uint8Array
          const ends = allEnds[i]
          const message = { position: { entry, index }, body, qos, retain, subscriptionIdentifiers, expiresAt }
          if (keepsAll) runs.push(ends === undefined ? message : { ...message, ends })
          else for (const one of singly(message, ends)) if (queue.keeps(number, one.position.index)) runs.push(one)
          index += ends === undefined ? 1 : ends.length
        }
      }
      told.push({ uid, runs })
    }
    return told
  }
}

/** The messages of a run; without ends it is one. */
function* singly(run: QueuedMessage, ends: readonly number[] = [run.body.length]): Generator<QueuedMessage> {
  const { entry, index } = run.position
  let start = 0
  for (const [i, end] of ends.entries()) {
    yield { ...run, position: { entry, index: index + i }, body: run.body.subarray(start, end) }
    start = end
  }
}

const touchedKey = Buffer.from('touched')
const mark = new Uint8Array([1])
