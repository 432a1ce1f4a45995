import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from '../../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../../src/base/time.ts'
import { TimerWheel, WheelEntry } from '../../../src/broker/turn/timers.ts'

const grainMs = 100

function wheel() {
  const fake = fakeClock(unixMillis(0))
  const called: { readonly owner: number; readonly at: number }[] = []
  const timers = new TimerWheel<number>(fake.clock, (owner) => called.push({ owner, at: fake.clock.monotonicMs() }), {
    grainMs,
    slots: 8,
  })
  return { fake, timers, called }
}

test('a deadline is called once, never early and at most one grain late, however many rounds away', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: 1, maxLength: 40 }), (delays) => {
      const { fake, timers, called } = wheel()
      for (const [owner, delay] of delays.entries()) timers.schedule(new WheelEntry(owner), delay)
      fake.advance(6_000)
      assert.equal(called.length, delays.length)
      for (const { owner, at } of called) {
        const due = delays[owner] as number
        assert.ok(at >= due && at <= due + grainMs, `due ${due}, called ${at}`)
      }
      assert.equal(timers.count, 0)
      assert.equal(fake.pendingTimers, 0, 'an empty wheel keeps no timer')
    }),
    { numRuns: 100 },
  )
})

test('scheduling again moves a deadline, cancelling drops it', () => {
  const { fake, timers, called } = wheel()
  const moved = new WheelEntry(1)
  const dropped = new WheelEntry(2)
  timers.schedule(moved, 300)
  timers.schedule(dropped, 300)
  timers.schedule(moved, 900)
  timers.cancel(dropped)
  fake.advance(800)
  assert.deepEqual(called, [])
  fake.advance(300)
  assert.deepEqual(
    called.map(({ owner }) => owner),
    [1],
  )
})

test('a callback may cancel and schedule others that are due with it', () => {
  const fake = fakeClock(unixMillis(0))
  const called: string[] = []
  const first = new WheelEntry('first')
  const cancelled = new WheelEntry('cancelled')
  const later = new WheelEntry('later')
  const timers: TimerWheel<string> = new TimerWheel(
    fake.clock,
    (owner) => {
      called.push(owner)
      if (called.length > 1) return
      for (const other of [first, cancelled, later]) if (other.owner !== owner) timers.cancel(other)
      timers.schedule(later, fake.clock.monotonicMs() + 500)
    },
    { grainMs, slots: 8 },
  )
  for (const entry of [first, cancelled, later]) timers.schedule(entry, 200)
  fake.advance(400)
  assert.equal(called.length, 1)
  fake.advance(600)
  assert.equal(called.at(-1), 'later')
  assert.equal(called.length, 2)
})

test('a wheel that was empty for long does not call early', () => {
  const { fake, timers, called } = wheel()
  fake.advance(100_050)
  timers.schedule(new WheelEntry(1), fake.clock.monotonicMs() + 250)
  fake.advance(249)
  assert.equal(called.length, 0)
  fake.advance(200)
  assert.equal(called.length, 1)
})
