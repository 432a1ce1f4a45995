import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { HandshakePacer } from '../../src/listeners/handshake-pacer.ts'

/**
 * Handshakes in two pieces of a millisecond: one that is there when it may be read, one that is there when `answered`
 * says so. A piece that is there is read in the turn after its handshake got a place.
 */
function setUp({ canHold = true } = {}) {
  const { clock, turn, advance } = fakeClock(unixMillis(0))
  let worked = 0
  const pacer = new HandshakePacer(clock, { workedMs: () => worked })
  const reading = new Set<number>()
  const begun: number[] = []
  const done: number[] = []
  const answered = new Set<number>()
  const leaves: (() => void)[] = []
  const enter = (number: number, source = `192.0.2.${number}`): void => {
    leaves[number] = pacer.enter(source, {
      goOn: () => {
        assert.ok(!reading.has(number), `${number} goes on once`)
        reading.add(number)
      },
      hold: () => canHold && (reading.delete(number) || true),
    })
  }
  /** @returns how many pieces were read in it */
  const poll = (): number => {
    let pieces = 0
    for (const number of reading) {
      if (!begun.includes(number)) begun.push(number)
      else if (answered.has(number)) {
        reading.delete(number)
        done.push(number)
        leaves[number]?.()
      } else continue
      pieces++
      worked++
    }
    turn()
    advance(2)
    return pieces
  }
  return {
    pacer,
    reading,
    begun,
    done,
    answered,
    enter,
    leave,
    poll,
    turn,
    advance,
    work,
  }
  function leave(number: number): void {
    reading.delete(number)
    leaves[number]?.()
  }
  function work(ms: number): void {
    worked += ms
  }
}

test('S55 no more handshakes are read in a turn than there are places, however many answer at once', () => {
  const { pacer, done, answered, enter, poll } = setUp()
  const count = 500
  for (let i = 0; i < count; i++) enter(i)
  // All of them answer while they wait.
  for (let i = 0; i < count; i++) answered.add(i)
  for (let i = 0; i < 2_000 && done.length < count; i++) {
    const { limit } = pacer
    assert.ok(poll() <= limit)
  }
  assert.equal(done.length, count)
  assert.equal(pacer.waiting, 0)
})

test('S55 silent peers hold nobody up: whoever had a turn gives way to those who wait, and gets another', () => {
  const { pacer, reading, done, answered, enter, poll } = setUp()
  const silent = 300
  for (let i = 0; i < silent; i++) enter(i)
  enter(silent)
  answered.add(silent)
  let polls = 0
  for (; polls < 1_000 && done.length === 0; polls++) poll()
  assert.deepEqual(done, [silent])
  assert.ok(polls < 200, `${polls} turns`)
  // One that has been silent for long is read again all the same.
  answered.add(7)
  for (let i = 0; i < 1_000 && done.length === 1; i++) poll()
  assert.deepEqual(done, [silent, 7])
  assert.ok(reading.size <= pacer.limit)
})

test('S55 who waits alone for an answer keeps its place', () => {
  const { reading, done, answered, enter, poll } = setUp()
  enter(1)
  for (let i = 0; i < 50; i++) poll()
  assert.deepEqual([...reading], [1])
  answered.add(1)
  poll()
  assert.deepEqual(done, [1])
})

test('S55 a handshake that cannot be held goes on without a place', () => {
  const { pacer, done, answered, enter, poll } = setUp({ canHold: false })
  for (let i = 0; i < 100; i++) enter(i)
  for (let i = 0; i < 100; i++) poll()
  assert.equal(pacer.waiting, 0)
  for (let i = 0; i < 100; i++) answered.add(i)
  poll()
  assert.equal(done.length, 100)
})

test('S55 sources take turns: a crowd of one address does not stand before others', () => {
  const { begun, enter, poll } = setUp()
  for (let i = 0; i < 1_000; i++) enter(i, '192.0.2.1')
  enter(1_000, '192.0.2.2')
  enter(1_001, '192.0.2.3')
  for (let i = 0; i < 5; i++) poll()
  assert.ok(begun.includes(1_000) && begun.includes(1_001), begun.join())
  assert.ok(begun.length < 100)
})

test('S55 whoever leaves while waiting is never begun, and leaving twice changes nothing', () => {
  const { pacer, begun, enter, leave, poll } = setUp()
  const { limit } = pacer
  for (let i = 0; i < limit + 3; i++) enter(i)
  assert.equal(pacer.waiting, 3)
  leave(limit + 1)
  leave(limit + 1)
  leave(0)
  leave(0)
  assert.equal(pacer.waiting, 2)
  for (let i = 0; i < 10; i++) poll()
  assert.ok(!begun.includes(limit + 1))
  assert.ok(begun.includes(limit) && begun.includes(limit + 2))
})

test('S55 long turns leave fewer places, short ones more; never none, never very many', () => {
  const { pacer, enter, leave, turn, work } = setUp()
  const rounds = (count: number, ms: number): void => {
    for (let i = 0; i < count; i++) {
      enter(0)
      turn()
      work(ms)
      turn()
      leave(0)
    }
  }
  const before = pacer.limit
  rounds(1, 30)
  assert.ok(pacer.limit <= before / 2)
  rounds(50, 30)
  const least = pacer.limit
  assert.ok(least > 0)
  rounds(1_000, 1)
  assert.ok(pacer.limit > least)
  assert.ok(pacer.limit <= 3, `${pacer.limit} while peers answer`)
})

test('S55 the most places are there again when nobody answers, so that silent peers have their turn soon', () => {
  const { pacer, enter, turn, advance, work } = setUp()
  for (let i = 0; i < 100; i++) enter(i)
  for (let i = 0; i < 50; i++) {
    work(30)
    turn()
  }
  const least = pacer.limit
  for (let i = 0; i < 200; i++) {
    turn()
    advance(2)
  }
  assert.ok(pacer.limit > Math.max(least, 3), `${pacer.limit}`)
  assert.ok(pacer.limit <= 8, `${pacer.limit}`)
})

test('the event loop is left alone when nobody is shaking hands', () => {
  const { clock, turn } = fakeClock(unixMillis(0))
  let asked = 0
  const pacer = new HandshakePacer(clock, { workedMs: () => ++asked })
  const leave = pacer.enter('192.0.2.1', { goOn: () => {}, hold: () => true })
  leave()
  for (let i = 0; i < 10; i++) turn()
  const before = asked
  for (let i = 0; i < 10; i++) turn()
  assert.equal(asked, before)
})
