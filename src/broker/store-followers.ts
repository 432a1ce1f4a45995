import type { NamespaceId } from '../ports/identity.ts'
import type { Stop } from '../ports/stop.ts'
import type { Core } from './core/core.ts'
import { takenOver } from './namespace/close-cause.ts'
import { SessionEntry } from './namespace/session-table.ts'
import type { Subscription } from './namespace/subscription.ts'
import { parseStored } from './packets/subscribe.ts'

/** What the store and the other nodes tell: routes of stored sessions, retained topics, takeovers. */
export function followStore(core: Core): Stop {
  const { engine, namespaces, turn, unfinished } = core
  const gone = new Set<NamespaceId>()
  const stops = [
    engine.sessions.routes(({ namespace: id, session: uid, clientId, subscriptions }) => {
      const namespace = namespaces.get(id)
      if (namespace === null) {
        gone.add(id)
        return
      }
      let entry = namespace.sessions.get(uid)
      if (subscriptions === null) {
        if (entry === undefined) return
        namespace.setSubscriptions(entry, [])
        namespace.heldRights.delete(entry)
        // While it is connected here somebody still has to be told.
        if (entry.online === null) namespace.sessions.delete(uid)
        else entry.isRemoved = true
        return
      }
      if (entry === undefined) {
        entry = new SessionEntry(uid, clientId, true)
        namespace.sessions.add(entry)
        namespace.heldRights.set(entry, null, namespace.view)
      }
      const parsed: Subscription[] = []
      for (const stored of subscriptions) {
        const subscription = parseStored(stored)
        if (subscription !== null) parsed.push(subscription)
      }
      namespace.setSubscriptions(entry, parsed)
    }),
    engine.retained.topics(({ namespace, topicName, bytes }) => {
      namespaces.get(namespace)?.retained.changed(topicName, bytes)
    }),
    engine.bus.onTell((_from, message) => {
      turn.begin()
      for (const namespace of namespaces.all()) {
        const online = namespace.sessions.get(message.session)?.online
        if (online != null && online.fence.epoch < message.epoch) online.link.end(takenOver)
      }
    }),
  ]
  // All that is stored was told by now: of these a process died between their end and that of what was in them (S50).
  for (const id of gone) void unfinished.do('purge', id, () => engine.purge(id))
  return () => {
    for (const stop of stops) stop()
  }
}
