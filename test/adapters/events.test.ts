import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEvents } from '../../src/adapters/node/events.ts'
import { unixMillis } from '../../src/base/time.ts'
import type { BrokerEvent } from '../../src/ports/events.ts'

const bug: BrokerEvent = { kind: 'bug', at: unixMillis(0), where: 'here', error: null }

test('an event reaches the listeners of its kind in the order of their registration', () => {
  const events = createEvents()
  const called: string[] = []
  events.on(['bug'], () => void called.push('first'))
  events.on(['resourceChanged'], () => void called.push('other'))
  events.on(['bug', 'decision'], () => void called.push('second'))
  events.emit(bug)
  assert.deepEqual(called, ['first', 'second'])
})

test('wants tells whether somebody listens now', () => {
  const events = createEvents()
  assert.equal(events.wants('published'), false)
  const stop = events.on(['published', 'bug'], () => {})
  assert.equal(events.wants('published'), true)
  stop()
  assert.equal(events.wants('published'), false)
  assert.equal(events.wants('bug'), false)
})

test('a listener that throws is counted and told of; the emitter and the other listeners go on', () => {
  const failures: unknown[] = []
  const events = createEvents({ onFailure: ({ error }) => void failures.push(error) })
  let reached = false
  const error = new Error('listener')
  events.on(['bug'], () => {
    throw error
  })
  events.on(['bug'], () => {
    reached = true
  })
  events.emit(bug)
  assert.equal(reached, true)
  assert.deepEqual(failures, [error])
  assert.equal(events.failures, 1)
})

test('emitting never throws, not even when the report of a failure does', () => {
  const events = createEvents({
    onFailure: () => {
      throw new Error('report')
    },
  })
  events.on(['bug'], () => {
    throw new Error('listener')
  })
  events.emit(bug)
  assert.equal(events.failures, 1)
})

test('events that emit events for ever are cut off and counted', () => {
  const events = createEvents()
  let calls = 0
  events.on(['bug'], () => {
    calls++
    events.emit(bug)
  })
  events.emit(bug)
  assert.ok(calls < 100)
  assert.equal(events.failures, 1)
  events.emit(bug)
  assert.equal(events.failures, 2)
})

test('a listener added or removed during an event changes the next one, not this one', () => {
  const events = createEvents()
  const called: string[] = []
  const stop = events.on(['bug'], () => {
    called.push('a')
    stop()
    events.on(['bug'], () => void called.push('c'))
  })
  events.on(['bug'], () => void called.push('b'))
  events.emit(bug)
  assert.deepEqual(called, ['a', 'b'])
  events.emit(bug)
  assert.deepEqual(called, ['a', 'b', 'b', 'c'])
})

test('listeners are bounded', () => {
  const events = createEvents()
  assert.throws(() => {
    for (let i = 0; i < 1000; i++) events.on(['bug'], () => {})
  }, /too many listeners/)
})
