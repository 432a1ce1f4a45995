import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixMillis } from '../../../src/base/time.ts'
import { DecisionLog } from '../../../src/broker/bounds/decision-log.ts'
import type { DecisionFacts } from '../../../src/ports/events.ts'

function refusal(id: string, at: number, presented: string): DecisionFacts {
  return {
    id,
    at: unixMillis(at),
    action: 'connect',
    outcome: 'refused',
    code: 'clientNotFound',
    remedy: 'Register it.',
    namespaceName: 'plant',
    listener: 'mqtts',
    remoteAddress: '192.0.2.1',
    serverName: null,
    protocol: 'MQTT5',
    clientId: 'c',
    username: presented,
    authenticationName: presented,
    nameSource: 'UserName',
    method: null,
    certificateFingerprint: 'ab',
    steps: [{ step: 'client', outcome: 'failed', expected: null, presented, detail: null }],
  }
}

test('S61: what one source repeats is one counted entry, and it shows what the last attempt compared', () => {
  const log = new DecisionLog(10)
  log.add('refusedUnproven', refusal('first', 1_000, 'press-7 '))
  log.add('refusedUnproven', refusal('second', 2_000, 'press_7'))
  const [entry, ...others] = log.recent(10)
  assert.deepEqual(others, [])
  assert.equal(entry?.count, 2)
  assert.equal(entry?.lastAt, 2_000)
  assert.deepEqual(
    [entry?.record.id, entry?.record.at, entry?.record.username, entry?.record.steps[0]?.presented],
    ['first', 1_000, 'press_7', 'press_7'],
  )
})
