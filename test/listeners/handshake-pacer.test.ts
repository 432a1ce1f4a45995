import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { HandshakePacer } from '../../src/listeners/handshake-pacer.ts'

/** Handshakes that each cost a millisecond when they begin and one when they end. */
function setUp() {
  const { clock, turn, advance } = fakeClock(unixMillis(0))
  let worked = 0
  const pacer = new HandshakePacer(clock, { workedMs: () => worked })
  const begun: number[] = []
  const leaves: (() => void)[] = []
  const enter = (number: number, source = '192.0.2.1'): void => {
    leaves[number] = pacer.enter(source, () => {
      begun.push(number)
      worked++
    })
  }
  return {
    pacer,
    begun,
    enter,
    leave: (number: number) => leaves[number]?.(),
    work: (ms: number) => {
      worked += ms
    },
    turn,
    advance,
  }
}

test('S55 handshakes beyond what may be under way wait, and begin in order when others are over', () => {
  const { pacer, begun, enter, leave } = setUp()
  const { limit } = pacer
  for (let i = 0; i < limit + 3; i++) enter(i)
  assert.equal(begun.length, limit)
  assert.equal(pacer.waiting, 3)
  leave(5)
  leave(0)
  // Leaving again gives no second place.
  leave(0)
  assert.deepEqual(begun.slice(limit), [limit, limit + 1])
  // Whoever leaves while waiting is never begun.
  leave(limit + 2)
  leave(1)
  assert.equal(begun.length, limit + 2)
  assert.equal(pacer.waiting, 0)
})

test('S55 silent peers hold nobody up: a place is leased for 200 ms, for 50 ms where others wait', () => {
  const { pacer, begun, enter, advance } = setUp()
  const { limit } = pacer
  for (let i = 0; i < 3 * limit; i++) enter(i)
  advance(199)
  assert.equal(begun.length, limit)
  advance(1)
  assert.equal(begun.length, 2 * limit)
  advance(50)
  assert.equal(begun.length, 3 * limit)
})

test('S55 sources take turns: a crowd of one address does not stand before others', () => {
  const { pacer, begun, enter, leave, advance } = setUp()
  const { limit } = pacer
  const crowd = limit + 1_000
  for (let i = 0; i < crowd; i++) enter(i)
  enter(crowd, '192.0.2.2')
  enter(crowd + 1, '192.0.2.3')
  leave(0)
  leave(1)
  leave(2)
  assert.deepEqual(begun.slice(limit), [limit, crowd, crowd + 1])
  assert.equal(pacer.waiting, 999)
  for (let i = 0; i < 2_000 && pacer.waiting > 0; i++) advance(50)
  assert.equal(begun.length, crowd + 2, 'nobody is forgotten')
})

test('S55 long turns make fewer handshakes, short ones more; it never stands still', () => {
  const { pacer, enter, leave, turn, work } = setUp()
  const rounds = (count: number, ms: number): void => {
    for (let i = 0; i < count; i++) {
      enter(i)
      turn()
      work(ms)
      turn()
      leave(i)
    }
  }
  const before = pacer.limit
  rounds(1, 30)
  assert.ok(pacer.limit <= before / 2)
  rounds(50, 30)
  assert.ok(pacer.limit > 0)
  const least = pacer.limit
  rounds(100, 2)
  assert.ok(pacer.limit > least + 50, `${pacer.limit}`)
  rounds(10_000, 1)
  assert.ok(pacer.limit < 1_000, 'and not without end')
})

test('the event loop is left alone when nobody is shaking hands', () => {
  const { clock, turn } = fakeClock(unixMillis(0))
  let asked = 0
  const pacer = new HandshakePacer(clock, { workedMs: () => ++asked })
  const leave = pacer.enter('192.0.2.1', () => {})
  leave()
  for (let i = 0; i < 10; i++) turn()
  const { length } = Array.from({ length: asked })
  for (let i = 0; i < 10; i++) turn()
  assert.equal(asked, length)
})
