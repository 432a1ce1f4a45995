import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { unixMillis } from '../../src/base/time.ts'

const start = unixMillis(1_700_000_000_000)

test('node clock: what one turn registers runs in order, together, after the reading of that turn', async () => {
  const clock = nodeClock()
  const order: string[] = []
  await new Promise<void>((resolve) => {
    clock.endOfTurn(() => order.push('a'))
    clock.endOfTurn(() => {
      order.push('b')
      clock.endOfTurn(() => {
        order.push('next turn')
        resolve()
      })
    })
    clock.endOfTurn(() => order.push('c'))
    queueMicrotask(() => order.push('microtask'))
    process.nextTick(() => order.push('tick'))
  })
  assert.deepEqual(order.slice(-4), ['a', 'b', 'c', 'next turn'])
  assert.equal(order.length, 6)
})

test('node clock: a callback that throws does not take the others of its turn with it', async () => {
  const clock = nodeClock()
  const thrown: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => thrown.push(error))
  try {
    await new Promise<void>((resolve) => {
      clock.endOfTurn(() => {
        throw new Error('first')
      })
      clock.endOfTurn(resolve)
    })
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  assert.equal(thrown.length, 1)
})

test('node clock: a timer never comes early, can be cancelled and takes any delay of its range', async () => {
  const clock = nodeClock()
  const began = clock.monotonicMs()
  const cancelLong = clock.setTimer(0x7fffffff, () => assert.fail('the longest timer fired at once'))
  const cancelled = clock.setTimer(1, () => assert.fail('a cancelled timer fired'))
  cancelled()
  await new Promise<void>((resolve) => void clock.setTimer(12.5, resolve))
  assert.ok(clock.monotonicMs() - began >= 12.5)
  cancelLong()
})

test('fake clock: time stands until it is advanced, and timers come in order of time, then of setting', () => {
  const { clock, advance } = fakeClock(start)
  const called: string[] = []
  clock.setTimer(20, () => called.push(`b at ${clock.monotonicMs()}`))
  clock.setTimer(10, () => {
    called.push(`a at ${clock.monotonicMs()}`)
    clock.setTimer(10, () => called.push('set by a'))
  })
  clock.setTimer(20, () => called.push('c'))
  advance(9)
  assert.deepEqual(called, [])
  advance(11)
  assert.deepEqual(called, ['a at 10', 'b at 20', 'c', 'set by a'])
  assert.equal(clock.now(), start + 20)
})

test('fake clock: a cancelled timer is gone', () => {
  const fake = fakeClock(start)
  const cancel = fake.clock.setTimer(5, () => assert.fail('cancelled'))
  assert.equal(fake.pendingTimers, 1)
  cancel()
  assert.equal(fake.pendingTimers, 0)
  fake.advance(10)
})

test('fake clock: a turn runs what was registered before it, in order', () => {
  const { clock, turn } = fakeClock(start)
  const called: string[] = []
  clock.endOfTurn(() => {
    called.push('a')
    clock.endOfTurn(() => called.push('c'))
  })
  clock.endOfTurn(() => called.push('b'))
  turn()
  assert.deepEqual(called, ['a', 'b'])
  turn()
  assert.deepEqual(called, ['a', 'b', 'c'])
})

test('fake clock: settle ends turns until promises and turns have nothing left to do', async () => {
  const { clock, settle } = fakeClock(start)
  const called: string[] = []
  clock.endOfTurn(async () => {
    await Promise.resolve()
    called.push('a')
    clock.endOfTurn(() => called.push('b'))
  })
  await settle()
  assert.deepEqual(called, ['a', 'b'])
})

test('fake clock: the wall clock may step, the monotonic one never does', () => {
  const fake = fakeClock(start)
  fake.advance(100)
  fake.stepWall(-50_000)
  assert.equal(fake.clock.now(), start + 100 - 50_000)
  assert.equal(fake.clock.monotonicMs(), 100)
})
