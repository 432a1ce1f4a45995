import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryDirectory } from '../listeners/door.ts'
import { runHalfOpen } from './half-open.ts'

test('S55: strangers who begin and do not go on are cut in time, cost bounded memory and stop nobody', async (t) => {
  const options = { directory: temporaryDirectory(t), peers: 600, timeoutSeconds: 2, quietMs: 200 }
  const { opened, left, mebibytes, messages } = await runHalfOpen(options)
  // On a busy machine some handshakes take longer than they may.
  assert.ok(opened > 300, `${opened}`)
  assert.equal(left, 0)
  assert.ok(messages > 20, `the neighbour's messages: ${messages}`)
  // Unbounded, half the CONNECTs and half the WebSocket messages alone would come to 76 MiB.
  assert.ok(mebibytes.peak - mebibytes.before < 300, JSON.stringify(mebibytes))
})
