import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { house } from './support.ts'

/** Sessions that one turn judges again, at most (`rejudge.ts`). */
const perTurn = 64

test('S46 a changed group query is judged for live sessions only, a portion per turn, and refuses from the first packet', async () => {
  const names = Array.from({ length: 400 }, (_, i) => `d${i}`)
  const home = house({ clients: ['watcher', ...names] })
  const { namespace } = home
  // Registered and never connected: nobody looks at them.
  for (let i = 0; i < 2_000; i++) namespace.client({ name: `asleep-${i}`, attributes: { role: 'member' } })
  for (const name of names) namespace.change(name, { attributes: { role: 'member' } })
  namespace.group('members', 'attributes.role = "member"')
  namespace.space('hall', 'hall/#')
  namespace.space('news', 'news/#')
  namespace.bind('members', 'Publisher', 'hall')
  namespace.bind('members', 'Subscriber', 'news')
  namespace.bind('$all', 'Subscriber', 'hall')
  home.changed({ type: 'clientGroups', name: 'members', change: 'created' })
  const watcher = await home.connect({ name: 'watcher' })
  await watcher.subscribe('hall/#')
  const members = await Promise.all(names.map((name) => home.connect({ name })))
  for (const member of members) await member.subscribe('news/#')
  members.at(-1)?.publish('hall/before', 'x')
  await home.settle()
  assert.deepEqual(watcher.messages(), ['hall/before x'])

  namespace.lookups = 0
  namespace.group('members', 'attributes.role = "somebody else"')
  home.changed({ type: 'clientGroups', name: 'members' })
  const ended = () => members.filter(({ peer }) => peer.ended !== null).length
  // Their sessions still stand, and already nothing passes; the last one has its turn last.
  assert.equal(ended(), 0)
  const last = members.at(-1)
  assert.ok(last !== undefined)
  last.publish('hall/after', 'x', { qos: 1 })
  const portions: number[] = []
  for (let before = 0; before < members.length; before = ended()) {
    home.clock.turn()
    await new Promise<void>((resolve) => setImmediate(resolve))
    portions.push(ended() - before)
    assert.ok(portions.length < 100, `${ended()} of ${members.length} sessions ended`)
  }
  await home.settle()
  assert.ok(Math.max(...portions) <= perTurn, portions.join(' '))
  assert.equal(last.take('PUBACK').reasonCode, ReasonCode.NotAuthorized)
  assert.deepEqual(watcher.messages(), [])
  assert.equal(watcher.peer.ended, null)
  assert.ok(namespace.lookups <= 4 * members.length, `${namespace.lookups} look-ups`)
})
