import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { AcceptLimiter } from '../../src/listeners/accept-limiter.ts'
import { openDoor } from './door.ts'

const rates = { perAddressPerSecond: 10, perAddressBurst: 3, totalPerSecond: 100, totalBurst: 1_000 }

test('S55: a source spends its burst, then its rate, and another source is unaffected', () => {
  let now = 0
  const limiter = new AcceptLimiter(rates, () => now)
  const outcomes = Array.from({ length: 5 }, () => limiter.admit('192.0.2.1'))
  assert.deepEqual(outcomes, ['admitted', 'admitted', 'admitted', 'refusedFirst', 'refused'])
  assert.equal(limiter.admit('192.0.2.2'), 'admitted')
  now += 99
  assert.equal(limiter.admit('192.0.2.1'), 'refused')
  now += 1
  assert.equal(limiter.admit('192.0.2.1'), 'admitted')
  assert.equal(limiter.admit('192.0.2.1'), 'refusedFirst')
})

test('S55: all sources of one IPv6 /64 share a bucket', () => {
  const limiter = new AcceptLimiter(rates, () => 0)
  for (let i = 1; i <= 3; i++) assert.equal(limiter.admit(`2001:db8:1:2::${i}`), 'admitted')
  assert.equal(limiter.admit('2001:db8:1:2:ffff::1'), 'refusedFirst')
  assert.equal(limiter.admit('2001:db8:1:3::1'), 'admitted')
})

test('S55: the bucket of all sources holds where each has its own', () => {
  const limiter = new AcceptLimiter({ ...rates, totalBurst: 2 }, () => 0)
  assert.equal(limiter.admit('192.0.2.1'), 'admitted')
  assert.equal(limiter.admit('192.0.2.2'), 'admitted')
  assert.equal(limiter.admit('192.0.2.3'), 'refusedFirst')
})

test('a refusal takes no token from either bucket', () => {
  let now = 0
  const limiter = new AcceptLimiter({ ...rates, totalBurst: 3, totalPerSecond: 1 }, () => now)
  for (let i = 0; i < 3; i++) limiter.admit('192.0.2.1')
  for (let i = 0; i < 100; i++) limiter.admit('192.0.2.1')
  now = 1_000
  assert.equal(limiter.admit('192.0.2.2'), 'admitted')
})

test('a rate of 0 is no limit', () => {
  const limiter = new AcceptLimiter({ ...rates, perAddressPerSecond: 0, totalPerSecond: 0 }, () => 0)
  for (let i = 0; i < 5_000; i++) assert.equal(limiter.admit('192.0.2.1', 7), 'admitted')
})

test('a hundred thousand sources do not grow the limiter without bound', () => {
  const limiter = new AcceptLimiter({ ...rates, totalPerSecond: 0 }, () => 0)
  for (let i = 0; i < 3; i++) limiter.admit('198.51.100.1')
  assert.equal(limiter.admit('198.51.100.1'), 'refusedFirst')
  for (let i = 0; i < 100_000; i++) limiter.admit(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  // Forgotten as the one unused for longest: that is the bound at work.
  assert.equal(limiter.admit('198.51.100.1'), 'admitted')
})

test('the plain door turns away a source without tokens', async (t) => {
  const door = await openDoor(t, 'tcp', {
    rates: { perAddressPerSecond: 0.001, perAddressBurst: 1, totalPerSecond: 0, totalBurst: 1 },
  })
  const first = connect(door.listening.port, '127.0.0.1')
  const second = connect(door.listening.port, '127.0.0.1')
  for (const client of [first, second]) {
    client.on('error', () => {})
    t.after(() => client.destroy())
  }
  await door.visitors.next()
  assert.equal(await door.turnedAway.next(), '127.0.0.1')
})

test('a taken port is a failure to open, with its code', async (t) => {
  const door = await openDoor(t, 'tcp')
  const { listenTcp } = await import('../../src/listeners/tcp.ts')
  const { nodeClock } = await import('../../src/adapters/node/clock.ts')
  const again = listenTcp(
    {
      host: '127.0.0.1',
      port: door.listening.port,
      clock: nodeClock(),
      limiter: new AcceptLimiter(rates, () => 0),
      maximumConnections: 1,
    },
    () => {},
  )
  await assert.rejects(again, { code: 'EADDRINUSE' })
})
