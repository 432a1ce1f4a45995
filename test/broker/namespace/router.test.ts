import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Route, Router } from '../../../src/broker/namespace/router.ts'
import { SessionEntry } from '../../../src/broker/namespace/session-table.ts'
import type { Subscription } from '../../../src/broker/namespace/subscription.ts'
import { parseTopicFilter, parseTopicName, type TopicFilter, type TopicName } from '../../../src/mqtt/topic.ts'
import type { SessionUid } from '../../../src/ports/identity.ts'
import { matches } from './naive-match.ts'

const levels = ['a', 'b', '$x']
const names = levels.flatMap((first) => [first, ...levels.map((second) => `${first}/${second}`)]) as TopicName[]
const filters = ['+', '#', ...levels].flatMap((first) =>
  first === '#' ? [first] : [first, ...['+', '#', ...levels].map((second) => `${first}/${second}`)],
) as TopicFilter[]
const sessions = ['one', 'two', 'three'].map((name) => new SessionEntry(name as SessionUid, name, name === 'three'))

function subscription(topicFilter: TopicFilter, shareName: string | null, maximumQoS: 0 | 1 | 2): Subscription {
  const sent = shareName === null ? topicFilter : `$share/${shareName}/${topicFilter}`
  const options = { noLocal: false, retainAsPublished: false, retainHandling: 0, subscriptionIdentifier: null } as const
  return { stored: { topicFilter: sent, maximumQoS, ...options }, shareName, topicFilter } as Subscription
}

/** What a route says, in words: who gets it with which QoS, and which groups one of whose members does. */
function told({ deliveries, groups, storedQoS }: Route): readonly string[] {
  const single = deliveries.map(({ session, maximumQoS }) => `${session.clientId} ${maximumQoS}`)
  return [...single, ...groups.map((group) => `${group.shareName} ${group.topicFilter}`), `stored ${storedQoS}`].sort()
}

test('subscribing and leaving costs the topics that the filter matches their route, and no other topic', () => {
  assert.ok(names.every((name) => parseTopicName(name).ok) && filters.every((filter) => parseTopicFilter(filter).ok))
  const command = fc.record({
    isAdded: fc.boolean(),
    session: fc.nat(sessions.length - 1),
    topicFilter: fc.constantFrom(...filters),
    shareName: fc.constantFrom(null, null, 'team'),
    maximumQoS: fc.constantFrom(0 as const, 1 as const, 2 as const),
  })
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const router = new Router()
      /** By session and filter as sent. */
      const held = new Map<string, { readonly session: SessionEntry; readonly subscription: Subscription }>()
      let before = new Map(names.map((name) => [name, router.route(name)]))
      for (const { isAdded, session: index, topicFilter, shareName, maximumQoS } of commands) {
        const session = sessions[index]!
        const fresh = subscription(topicFilter, shareName, maximumQoS)
        const key = `${index} ${fresh.stored.topicFilter}`
        const there = held.get(key)
        if (isAdded) {
          router.add(session, fresh)
          held.set(key, { session, subscription: fresh })
        } else if (there !== undefined) {
          router.remove(session, there.subscription)
          held.delete(key)
        } else continue
        const after = new Map(names.map((name) => [name, router.route(name)]))
        for (const [name, route] of after) {
          const isTouched = matches(topicFilter, name)
          assert.equal(before.get(name) === route, !isTouched, `${name} after a change of ${topicFilter}`)
          assert.equal(before.get(name)?.isValid, !isTouched)
          assert.ok(route.isValid)
          assert.deepEqual(told(route), naively(name, [...held.values()]))
        }
        before = after
      }
    }),
  )
})

function naively(
  name: TopicName,
  held: readonly { readonly session: SessionEntry; readonly subscription: Subscription }[],
): readonly string[] {
  const found = held.filter(({ subscription: { topicFilter } }) => matches(topicFilter, name))
  const own = found.filter(({ subscription: { shareName } }) => shareName === null)
  const highest = (of: typeof found): number =>
    Math.max(0, ...of.map(({ subscription: { stored } }) => stored.maximumQoS))
  const single = sessions.flatMap((session) => {
    const its = own.filter((one) => one.session === session)
    return its.length === 0 ? [] : [`${session.clientId} ${highest(its)}`]
  })
  const shared = found.flatMap(({ subscription: { shareName, topicFilter } }) =>
    shareName === null ? [] : [`${shareName} ${topicFilter}`],
  )
  return [...single, ...new Set(shared), `stored ${highest(found.filter(({ session }) => session.isStored))}`].sort()
}
