import type { Clock } from '../../ports/clock.ts'
import type { Engine } from '../../ports/engine.ts'
import type { NodeId, SessionUid } from '../../ports/identity.ts'
import type { Commit } from '../../ports/message-store.ts'
import type { Fence, Position, SessionRecord } from '../../ports/session-store.ts'
import type { Stop } from '../../ports/stop.ts'
import { LocalCluster } from '../local-cluster.ts'
import { comparePositions } from '../positions.ts'
import { Allocator } from './allocate.ts'
import { type DatabaseFile, openDatabase, storePath } from './database.ts'
import { FreeSpace, type FreeSpaceOptions } from './free-space.ts'
import { GroupCommit, isStored } from './group-commit.ts'
import { pendingWrites, recoverJournal } from './journal.ts'
import { LongWrites } from './long-writes.ts'
import { Store, unavailable } from './store.ts'
import { Sweeper } from './sweeper.ts'
import type { Unit } from './unit.ts'

export interface EmbeddedOptions extends FreeSpaceOptions {
  /** Made when it is missing; belongs to this process until `close`. */
  readonly directory: string
  readonly node: NodeId
  readonly clock: Clock
  /**
   * The system refused a write. What was acknowledged is durable, but the library does not keep its memory in order over such
   * a failure (decision record 0010), so it writes nothing more, and the process should end and start anew.
   */
  readonly onBroken?: (error: unknown) => void
  /** Tests only: what the next transaction meets. */
  readonly fault?: () => 'refuse' | 'loseAnswer' | null
}

export interface EmbeddedEngine extends Engine {
  readonly copyTo: (path: string) => Promise<void>
  sizeBytes(): number
  /** Records per table. */
  statistics(): Readonly<Record<string, number>>
  /** Tests only: ends as a killed process does; nothing that waits is written. */
  abort(): Promise<void>
}

/** Acknowledgements that wait for no commit of their queue are written this often. A loss means a repeat. */
const acknowledgeAfterMs = 100
const acknowledgedAtOnce = 500
const purgedAtOnce = 2000
const probeAfterMs = 1000

/** The store of one process on one machine: an LMDB file. @throws Error with one clear line when it cannot be opened */
export function openEmbedded(options: EmbeddedOptions): EmbeddedEngine {
  const { node, clock } = options
  const { file, space } = openFile(options)
  let store: Store
  let isRoom = true
  try {
    const pending = pendingWrites(file.tables)
    isRoom = pending === null || space.makeSync(space.need(pending.writes, pending.bytes))
    if (!isRoom) throw noRoom(options.directory)
    recoverJournal(file.tables)
    store = new Store(file.tables)
  } catch (error) {
    void space.close().then(() => file.close())
    if (!isRoom) throw error
    throw new Error(`the store cannot be read: ${options.directory}`, { cause: error })
  }
  let cancelProbe: Stop | null = null
  const group = new GroupCommit(store, {
    space,
    now: () => clock.now(),
    ...(options.fault === undefined ? {} : { fault: options.fault }),
    onFailure: probe,
    onBroken: (error) => options.onBroken?.(error),
  })
  const sweeper = new Sweeper(store, group)
  const longWrites = new LongWrites({ store, group, clock, isLow: () => space.isLow() })
  const cluster = new LocalCluster()
  cluster.connect(node)
  const stops = new Set<Stop>()
  const soon = new Map<SessionUid, { readonly fence: Fence; upTo: Position }>()
  let cancelSoon: Stop | null = null
  let open = true
  let closed: Promise<void> | null = null

  function read<T>(query: () => T): T {
    if (!open) throw unavailable('closed')
    return query()
  }
  async function write<T>(apply: (unit: Unit) => T): Promise<T> {
    if (!open) throw unavailable('closed')
    let loses = false
    const value = await group.run((unit) => {
      const before = unit.lost.size
      const result = apply(unit)
      loses = unit.lost.size > before
      return result
    })
    if (loses) sweeper.start()
    return value
  }
  /** Null: something is stored of it, or others come first. */
  function inMemory<T extends object>(isOnlyHere: () => boolean, apply: () => T): T | null {
    if (!open) throw unavailable('closed')
    return isOnlyHere() ? group.runInMemory(apply) : null
  }
  /** Nobody may dare to write after a failure; so the store itself finds out when it can be written again. */
  function probe(): void {
    if (cancelProbe !== null || !open) return
    cancelProbe = clock.setTimer(probeAfterMs, () => {
      cancelProbe = null
      write((unit) => unit.touch()).then(
        () => sweeper.resume(),
        () => {},
      )
    })
  }
  function kept(stop: Stop): Stop {
    const once = (): void => {
      stops.delete(once)
      stop()
    }
    stops.add(once)
    return once
  }
  function withWill(record: SessionRecord): SessionRecord {
    if (record.will === null) return record
    return { ...record, will: { body: store.will(record.uid), delaySeconds: record.will.delaySeconds } }
  }

  /** Applies what waits for this session. */
  function flushOne(unit: Unit, session: SessionUid): void {
    const waiting = soon.get(session)
    if (waiting === undefined) return
    soon.delete(session)
    unit.acknowledge(waiting.fence, waiting.upTo)
  }
  async function flushSome(): Promise<void> {
    const sessions = [...soon.keys()].slice(0, acknowledgedAtOnce)
    await write((unit) => {
      for (const session of sessions) flushOne(unit, session)
    })
    if (soon.size > 0) armSoon()
  }
  function armSoon(): void {
    if (cancelSoon !== null || !open) return
    cancelSoon = clock.setTimer(acknowledgeAfterMs, () => {
      cancelSoon = null
      // A failure shows in health and at the next commit; the loss of these means a repeat.
      flushSome().catch(() => {})
    })
  }

  function refuseGrowth(commit: Commit): void {
    const grows =
      commit.appends.length > 0 ||
      commit.retain.some(({ body }) => body !== null) ||
      commit.wills.length > 0 ||
      commit.owner.some(({ operations }) => operations.some((o) => o.kind === 'incoming' && o.body !== null))
    if (grows && space.isCritical()) throw unavailable('diskAlmostFull')
  }

  async function end(): Promise<void> {
    cancelSoon?.()
    cancelProbe?.()
    for (const stop of [...stops]) stop()
    cluster.disconnect(node)
    await space.close()
    await file.close()
  }

  if (file.tables.garbage.getCount({ limit: 1 }) > 0) sweeper.start()

  return {
    kind: 'embedded',
    registry: {
      get: (key) => read(() => store.registry.get(key)),
      lookup: (index, value) => read(() => store.registry.lookup(index, value)),
      range: (prefix, after, limit) => read(() => store.registry.range(prefix, after, limit)),
      write: async (change) => {
        if (!open) throw unavailable('closed')
        if (change.put.length > 0 && space.isCritical()) throw unavailable('diskAlmostFull')
        return longWrites.write(change)
      },
      watch: (callback) => read(() => kept(store.registryChanges.add(callback))),
      revision: () => read(() => store.revision),
    },
    sessions: {
      async open(request) {
        if (request.expiryIntervalSeconds === 0 && request.will === null) {
          const opened = inMemory(
            () => store.sessions.find(request.namespace, request.clientId) === undefined,
            () => store.sessions.open(request),
          )
          if (opened !== null) return opened
        }
        return write((unit) => {
          const existing = store.sessions.find(request.namespace, request.clientId)
          if (existing !== undefined) flushOne(unit, existing.record.uid)
          return unit.open(request)
        })
      },
      wouldRefuse: (question) => read(() => store.sessions.refusalOf(question)),
      async close(fence, how) {
        if (how.expiryIntervalSeconds === 0) {
          const closed = inMemory(
            () => !isStored(store.sessions.get(fence.session) ?? null),
            () => store.sessions.close(fence, how),
          )
          if (closed !== null) return closed
        }
        return write((unit) => {
          flushOne(unit, fence.session)
          return store.sessions.close(fence, how)
        })
      },
      remove: (session, expected) => write(() => store.sessions.remove(session, expected)),
      discard: (session, expected, now) => write(() => store.sessions.discard(session, expected, now)),
      get: (session) =>
        read(() => {
          const record = store.sessions.named(session)?.record
          return record && withWill(record)
        }),
      find: (namespace, clientId) =>
        read(() => {
          const record = store.sessions.find(namespace, clientId)?.record
          return record && withWill(record)
        }),
      list: (query) => read(() => store.sessions.list(query).map(withWill)),
      routes: (callback) =>
        read(() => {
          for (const route of [...store.sessions.routes()]) callback(route)
          return kept(store.routeChanges.add(callback))
        }),
      // Whatever was connected when the store was opened is marked; there are no other nodes.
      dueBefore: (time, limit) => read(() => store.sessions.dueBefore(time, limit, () => false).map(withWill)),
      willDone: (session, dueAt) => write(() => store.sessions.willDone(session, dueAt)),
    },
    hot: {
      async commit(commit) {
        if (!open) throw unavailable('closed')
        refuseGrowth(commit)
        return write((unit) => {
          // The pages of this queue are written anyway: what is acknowledged is taken out of them now, not each 100 ms, so
          // that the queues of those who keep up stay small (bench: store, tcp-pairs-qos1-durable).
          if (soon.size > 0) for (const { session } of commit.appends) flushOne(unit, session)
          return unit.commit(commit, clock.now())
        })
      },
      acknowledgeSoon(fence, upTo) {
        if (!open) return
        const waiting = soon.get(fence.session)
        if (waiting === undefined || waiting.fence.epoch < fence.epoch) soon.set(fence.session, { fence, upTo })
        else if (waiting.fence.epoch === fence.epoch && comparePositions(upTo, waiting.upTo) > 0) waiting.upTo = upTo
        armSoon()
      },
      flushAcknowledgements: (fence) =>
        write((unit) => {
          flushOne(unit, fence.session)
          store.sessions.owned(fence)
        }),
    },
    queue: {
      read: async (session, after, bounds) =>
        read(() => (isReachable(session) ? store.queues.read(session, after, bounds) : [])),
      tail: (fence, callback) => read(() => kept(store.tails.add(fence, callback))),
      size: (session) =>
        read(() => {
          const { messages, bytes } = isReachable(session) ? store.queues.stateOf(session) : empty
          return { messages, bytes }
        }),
      bytesOf: (namespace) => read(() => store.queuedBytes.of(namespace)),
    },
    retained: {
      topics: (callback) =>
        read(() => {
          for (const topic of store.retained.topics()) callback(topic)
          return kept(store.topicChanges.add(callback))
        }),
      get: (namespace, topicName) => read(() => store.retained.get(namespace, topicName)),
      expiredBefore: (time, limit) => read(() => store.retained.expiredBefore(time, limit)),
    },
    bus: cluster.bus(node),
    leases: cluster.leases(node),
    health() {
      if (!open) return { writable: false, isFull: false, reason: 'closed' }
      const { failure } = group
      if (failure !== null) return { writable: false, isFull: failure === 'diskFull' || space.isLow(), reason: failure }
      if (space.isLow()) return { writable: false, isFull: true, reason: 'diskAlmostFull' }
      return { writable: true, isFull: false, reason: null }
    },
    async purge(namespace) {
      await write(() => store.sessions.purge(namespace))
      // A million retained messages are no single transaction; whoever purges again after a crash goes on.
      for (;;) {
        const topics = read(() => [...store.retained.topicsOf(namespace, purgedAtOnce)])
        if (topics.length === 0) return
        await write((unit) => {
          for (const { topicName } of topics) unit.removeRetained(namespace, topicName)
        })
      }
    },
    copyTo: (path) => read(() => file.backup(path)),
    sizeBytes: () => read(() => file.sizeBytes()),
    statistics: () => read(() => file.statistics()),
    close() {
      closed ??= (async () => {
        open = false
        sweeper.stop()
        if (soon.size > 0) {
          const flushed = group.run((unit) => {
            for (const session of [...soon.keys()]) flushOne(unit, session)
          })
          await flushed.catch(() => {})
        }
        await longWrites.close('afterThis')
        await group.drained()
        await end()
      })()
      return closed
    },
    abort() {
      closed ??= (async () => {
        open = false
        sweeper.stop()
        const stopped = longWrites.close('now')
        await group.stop()
        await stopped
        await end()
      })()
      return closed
    },
  }

  /** The entries of a queue whose session is gone are still there until they are swept. */
  function isReachable(session: SessionUid): boolean {
    const entry = store.sessions.get(session)
    return entry?.named === true && entry.queue === 'stored' && !entry.stateless
  }
}

function openFile(options: EmbeddedOptions): { readonly file: DatabaseFile; readonly space: FreeSpace } {
  const { directory, clock, reserveBytes, freeBytes } = options
  const isAhead = freeBytes === undefined && reserveBytes !== 0
  const allocator = isAhead ? new Allocator(storePath(directory), clock) : null
  try {
    const file = openDatabase(directory)
    return { file, space: new FreeSpace(file, clock, allocator, options) }
  } catch (error) {
    void allocator?.close()
    throw error
  }
}

const empty = { messages: 0, bytes: 0 }

/** The store does not survive a write that the disk has no room for, so it is not tried. */
function noRoom(directory: string): Error {
  return new Error(
    `no room on the disk of ${directory}: a change of the registry that was confirmed is still to be brought to its place; ` +
      'make room and start again, nothing is lost',
  )
}
