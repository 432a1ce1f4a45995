import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../src/adapters/node/metrics.ts'

test('counters add up per label set, whatever the order of the labels', () => {
  const metrics = createMetrics()
  const counter = metrics.counter('messages_total', 'Messages.')
  counter.add(2, { qos: '1', direction: 'in' })
  counter.add(3, { direction: 'in', qos: '1' })
  counter.add(1)
  assert.deepEqual(metrics.snapshot(), [
    {
      name: 'messages_total',
      help: 'Messages.',
      type: 'counter',
      series: [
        { labels: { direction: 'in', qos: '1' }, value: 5 },
        { labels: {}, value: 1 },
      ],
    },
  ])
})

test('a gauge holds its last value', () => {
  const metrics = createMetrics()
  metrics.gauge('connections', 'Connections.').set(5)
  metrics.gauge('connections', 'Connections.').set(3)
  assert.equal(metrics.snapshot()[0]?.series[0]?.value, 3)
})

test('a counter never falls, a name has one type, and a name is a Prometheus name', () => {
  const metrics = createMetrics()
  assert.throws(() => metrics.counter('c', '').add(-1))
  assert.throws(() => metrics.gauge('c', ''))
  assert.throws(() => metrics.counter('with space', ''))
})

test('S64 a metric with an open set of labels is caught as a bug before it grows', () => {
  const counter = createMetrics().counter('c', '')
  assert.throws(() => {
    for (let i = 0; i < 10_000; i++) counter.add(1, { client: `client-${i}` })
  }, /too many series/)
})
