import type { Clock } from '../../ports/clock.ts'
import type { Engine } from '../../ports/engine.ts'
import type { NamespaceId, NodeId, SessionUid } from '../../ports/identity.ts'
import type { Fence, Position, RouteChange } from '../../ports/session-store.ts'
import { Callbacks } from '../callbacks.ts'
import { LocalCluster } from '../local-cluster.ts'
import { comparePositions } from '../positions.ts'
import { routeChange } from '../session-entry.ts'
import { SessionTable } from '../session-table.ts'

import { HotTable } from './hot-table.ts'
import { RegistryTable } from './registry-store.ts'
import { RetainedTable } from './retained-table.ts'
import { unavailable, type WriteFault, WriteQueue, type Writer } from './write-queue.ts'

/** One store in memory that several broker nodes share, as they would share a cluster's. */
export interface MemoryWorld {
  /** A node's view. The same node again, after its engine was closed or killed, is a restart. */
  engine(node: NodeId, clock: Clock): Engine
  /** The node's process dies: its calls that are under way fail, its sessions stay open. */
  kill(node: NodeId): void
  /** Later writes of the node meet this fault; null: they succeed again. */
  fault(node: NodeId, fault: WriteFault | null): void
}

export interface MemoryWorldOptions {
  /**
   * True: every session has a queue, as in a cluster, where other nodes must reach it. False (the default, as on one
   * machine): sessions that end with their connection are delivered in process.
   */
  readonly clustered?: boolean
}

interface Acknowledgement {
  readonly fence: Fence
  upTo: Position
  /** False: its write was refused; the next one takes it along. */
  isUnderWay: boolean
}

export function createMemoryWorld(options: MemoryWorldOptions = {}): MemoryWorld {
  const registry = new RegistryTable()
  const retained = new RetainedTable()
  const routeChanges = new Callbacks<[RouteChange]>()
  let epoch = 0n
  const sessions = new SessionTable({
    alwaysStored: options.clustered ?? false,
    nextEpoch: () => ++epoch,
    onChange(change) {
      hot.onSessionChange(change)
      const route = routeChange(change)
      if (route !== null) routeChanges.call(route)
    },
  })
  const hot = new HotTable(sessions, retained)
  const cluster = new LocalCluster()
  const queue = new WriteQueue()
  const nodes = new Map<NodeId, Writer & { leave(): void }>()

  function engine(node: NodeId, clock: Clock): Engine {
    if (nodes.get(node)?.open === true) throw new Error(`node ${node} has an engine already`)
    const stops = new Set<() => void>()
    const writer = { open: true, fault: null as WriteFault | null, leave }
    nodes.set(node, writer)
    cluster.connect(node)
    const soon = new Map<SessionUid, Acknowledgement>()

    function leave(): void {
      writer.open = false
      soon.clear()
      for (const stop of [...stops]) stop()
      cluster.disconnect(node)
      sessions.abandon(node)
    }
    function guard(): void {
      if (!writer.open) throw unavailable('closed')
    }
    const read = <T>(query: () => T): T => {
      guard()
      return query()
    }
    /** Callbacks end with the engine that registered them. */
    function kept(stop: () => void): () => void {
      const once = (): void => {
        stops.delete(once)
        stop()
      }
      stops.add(once)
      return once
    }
    const write = <T>(apply: () => T): Promise<T> => queue.run(writer, apply)

    function acknowledgeSoon(fence: Fence, upTo: Position): void {
      if (!writer.open) return
      const waiting = soon.get(fence.session)
      if (waiting !== undefined && waiting.fence.epoch === fence.epoch) {
        if (comparePositions(upTo, waiting.upTo) > 0) waiting.upTo = upTo
        if (!waiting.isUnderWay) writeSoon(waiting)
        return
      }
      const acknowledgement = { fence, upTo, isUnderWay: false }
      soon.set(fence.session, acknowledgement)
      writeSoon(acknowledgement)
    }
    function writeSoon(acknowledgement: Acknowledgement): void {
      acknowledgement.isUnderWay = true
      write(() => flush(acknowledgement.fence)).catch(() => {
        acknowledgement.isUnderWay = false
      })
    }
    function flush(fence: Fence): void {
      const waiting = soon.get(fence.session)
      if (waiting === undefined) return
      soon.delete(fence.session)
      hot.acknowledge(waiting.fence, waiting.upTo)
    }

    return {
      kind: 'memory',
      registry: {
        get: (key) => read(() => registry.get(key)),
        lookup: (index, value) => read(() => registry.lookup(index, value)),
        range: (prefix, after, limit) => read(() => registry.range(prefix, after, limit)),
        write: (change) => write(() => registry.write(change)),
        watch: (callback) => read(() => kept(registry.changes.add(callback))),
        revision: () => read(() => registry.revision()),
      },
      sessions: {
        open: (request) =>
          write(() => {
            const outcome = sessions.open(request)
            if (outcome.kind !== 'opened') return outcome
            return { ...outcome, inflight: hot.inflightOf(outcome.record.uid) }
          }),
        wouldRefuse: (question) => read(() => sessions.refusalOf(question)),
        close: (fence, how) => write(() => sessions.close(fence, how)),
        remove: (session, expected) => write(() => sessions.remove(session, expected)),
        discard: (session, expected, now) => write(() => sessions.discard(session, expected, now)),
        get: (session) => read(() => sessions.named(session)?.record),
        find: (namespace, clientId) => read(() => sessions.find(namespace, clientId)?.record),
        list: (query) => read(() => sessions.list(query)),
        routes(callback) {
          guard()
          for (const route of [...sessions.routes()]) callback(route)
          return kept(routeChanges.add(callback))
        },
        dueBefore: (time, limit) => read(() => sessions.dueBefore(time, limit, (other) => cluster.isGone(other))),
        willDone: (session, dueAt) => write(() => sessions.willDone(session, dueAt)),
      },
      hot: {
        commit: (commit) => write(() => hot.commit(commit, clock.now())),
        acknowledgeSoon,
        flushAcknowledgements: (fence) =>
          write(() => {
            flush(fence)
            sessions.owned(fence)
          }),
      },
      queue: {
        read: async (session, after, bounds) => {
          guard()
          return hot.queueOf(session)?.read(after, bounds) ?? []
        },
        tail: (fence, callback) => read(() => kept(hot.tail(fence, callback))),
        size(session) {
          guard()
          const queue = hot.queueOf(session)
          return { messages: queue?.messages ?? 0, bytes: queue?.bytes ?? 0 }
        },
        bytesOf: (namespace) => read(() => hot.bytesOf(namespace)),
      },
      retained: {
        topics(callback) {
          guard()
          for (const change of [...retained.topics()]) callback(change)
          return kept(retained.changes.add(callback))
        },
        get: (namespace, topicName) => read(() => retained.get(namespace, topicName)),
        expiredBefore: (time, limit) => read(() => retained.expiredBefore(time, limit)),
      },
      bus: cluster.bus(node),
      leases: cluster.leases(node),
      health() {
        if (!writer.open) return { writable: false, isFull: false, reason: 'closed' }
        return { writable: writer.fault === null, isFull: writer.fault === 'full', reason: writer.fault }
      },
      purge: (namespace: NamespaceId) =>
        write(() => {
          sessions.purge(namespace)
          retained.purge(namespace)
        }),
      async close() {
        if (!writer.open) return
        const flushed = queue.run({ open: true, fault: null }, leave)
        writer.open = false
        await flushed
      },
    }
  }

  return {
    engine,
    kill(node) {
      const writer = nodes.get(node)
      if (writer === undefined || !writer.open) return
      writer.fault = 'refuse'
      writer.leave()
    },
    fault(node, fault) {
      const writer = nodes.get(node)
      if (writer !== undefined) writer.fault = fault
    },
  }
}
