import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryDirectory } from '../listeners/door.ts'
import { runStorm } from './storm.ts'

// The long form with 10,000 devices and times: npm run bench -- storm.
test('S55 a fleet that comes back all at once gets in, and whoever was connected stays and is served', async (t) => {
  const options = { directory: temporaryDirectory(t), devices: 300, witnesses: 5, earlier: 20, quietMs: 300 }
  const { during, witnessesEnded } = await runStorm(options)
  assert.equal(witnessesEnded, 0)
  assert.ok(during.beats > 10, `${during.beats}`)
})
