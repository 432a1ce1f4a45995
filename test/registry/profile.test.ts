import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitsOf, profileTable, profileValue, readOverride } from '../../src/registry/profile.ts'

test('each row has a sentence, a source and values that its own rule accepts', () => {
  assert.ok(profileTable.length > 60)
  for (const { name, row } of profileTable) {
    assert.match(row.meaning, /\.$/, name)
    assert.ok(row.source.length > 0, name)
    for (const profile of ['full', 'event-grid'] as const) {
      const value = profileValue(row, profile, 1)
      const override = readOverride(name, value ?? 'none')
      assert.deepEqual(override, { ok: true, value }, `${name} of ${profile}`)
    }
  }
})

test('EG 9 rows per throughput unit grow with the capacity in event-grid only', () => {
  assert.equal(limitsOf('event-grid').maximumClients, 10_000)
  assert.equal(limitsOf('event-grid', {}, 40).maximumClients, 400_000)
  assert.equal(limitsOf('event-grid', {}, 3).publishesPerSecond, 3_000)
  assert.equal(limitsOf('full', {}, 40).maximumClients, limitsOf('full').maximumClients)
})

test('an override replaces the value of one row, null means no limit, unknown rows are passed over', () => {
  const limits = limitsOf('event-grid', { maximumCaCertificates: 3, publishesPerSecond: null }, 2)
  assert.equal(limits.maximumCaCertificates, 3)
  assert.equal(limits.publishesPerSecond, null)
  assert.equal(limits.maximumTopicSegments, 15)
  assert.ok(Object.isFrozen(limits))
  assert.ok(!('later' in limitsOf('full', JSON.parse('{"later":1}'))))
})

test('an override of the wrong kind, range or name is refused with what to write', () => {
  const message = (name: string, value: unknown) => {
    const read = readOverride(name, value)
    assert.ok(!read.ok)
    return read.error
  }
  assert.match(message('maximumTopicSegments', 0), /from 1 to 65535/)
  assert.match(message('maximumTopicSegments', 1.5), /whole number/)
  assert.match(message('maximumTopicSegments', '5'), /whole number/)
  assert.match(message('maximumTopicSegments', 'none'), /whole number/)
  assert.match(message('publishesPerSecond', 0), /"none" for no limit/)
  assert.match(message('dollarTopics', 1), /true or false/)
  assert.match(message('maximumQoS', 0), /one of 1, 2/)
  assert.match(message('queueOverflow', 'drop'), /dropOldest, endSession/)
  assert.match(message('nope', 1), /no limit of the name "nope"/)
  assert.match(message('toString', 1), /no limit/)
})
