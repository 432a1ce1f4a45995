import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { createMetrics } from '../../src/adapters/node/metrics.ts'
import { unixMillis } from '../../src/base/time.ts'
import { AcceptLimiter } from '../../src/listeners/accept-limiter.ts'
import { listenTcp } from '../../src/listeners/tcp.ts'
import { countTurnedAway, turnedAwayMetric } from '../../src/main/turned-away.ts'

const noLimit = { perAddressPerSecond: 0, perAddressBurst: 1, totalPerSecond: 0, totalBurst: 1 }

for (const [reason, rates, maximumConnections] of [
  ['rate', { ...noLimit, perAddressPerSecond: 0.001, perAddressBurst: 2 }, 1_000],
  ['maximum', noLimit, 2],
] as const) {
  test(`S55 bounds: a flood of connections beyond the ${reason} is cut, a metric counts each and the log names it once`, async (t) => {
    const told: string[] = []
    const door = await listenTcp(
      {
        ...{ host: '127.0.0.1', port: 0, clock: nodeClock(), maximumConnections },
        limiter: new AcceptLimiter(rates, () => 0),
        onTurnedAway: (listener, why) => told.push(`${listener} ${why}`),
      },
      () => {},
    )
    t.after(() => door.close())
    for (let i = 0; i < 7; i++) {
      const socket = connect(door.port, '127.0.0.1')
      t.after(() => socket.destroy())
      socket.on('error', () => {})
    }
    while (told.length < 5) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(told, Array(5).fill(`mqtt-tcp ${reason}`))
  })
}

test('bounds: a spell of peers that are turned away is said when it begins, then once a minute with how many', async () => {
  const clock = fakeClock(unixMillis(0))
  const metrics = createMetrics()
  const lines: unknown[] = []
  const log = { write: (level: string, event: string, facts: object) => void lines.push([level, event, facts]) }
  const turnedAway = countTurnedAway(clock.clock, log, metrics)
  for (let i = 0; i < 100; i++) turnedAway('mqtts', 'rate')
  turnedAway('mqtts', 'maximum')
  await clock.run(60_000)
  turnedAway('mqtts', 'rate')
  const line = { listener: 'mqtts', reason: 'rate' }
  assert.deepEqual(lines, [
    ['warn', 'peersTurnedAway', { ...line, times: 1 }],
    ['warn', 'peersTurnedAway', { listener: 'mqtts', reason: 'maximum', times: 1 }],
    ['warn', 'peersTurnedAway', { ...line, times: 100 }],
  ])
  const [counter] = metrics.snapshot().filter(({ name }) => name === turnedAwayMetric.name)
  assert.deepEqual(
    counter?.series.map(({ labels, value }) => [labels['listener'], labels['reason'], value]),
    [
      ['mqtts', 'rate', 101],
      ['mqtts', 'maximum', 1],
      ['wss', 'rate', 0],
      ['wss', 'maximum', 0],
      ['mqtt-tcp', 'rate', 0],
      ['mqtt-tcp', 'maximum', 0],
    ],
  )
})
