import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryDirectory } from '../listeners/door.ts'
import { runLiveTrust } from './live-trust.ts'

// The long form with 5,000 connections and times: scripts/live-trust.ts.
test('EG 3.7 each change of fact ends exactly those whom it concerns, of many connections over TLS; the others go on', async (t) => {
  const options = { directory: temporaryDirectory(t), connections: 100, witnesses: 6, lifeSeconds: 6 }
  const { changes } = await runLiveTrust(options)
  assert.equal(changes.length, 17)
  for (const { change, affected, ended, strays, told, pulse } of changes) {
    assert.equal(affected > 0, !change.endsWith('another path stays'), change)
    assert.equal(ended, affected, change)
    assert.deepEqual(strays, [], change)
    assert.ok(
      told.every((one) => one === 'MQTT 5 87' || one === 'MQTT 4 none'),
      `${change}: ${told}`,
    )
    assert.ok(pulse.beats > 0, change)
  }
})
