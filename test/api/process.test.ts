import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { type TestContext, test } from 'node:test'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { createMetrics } from '../../src/adapters/node/metrics.ts'
import { nodeRandom } from '../../src/adapters/node/random.ts'
import { readConfig } from '../../src/cli/read-config.ts'
import type { Mode } from '../../src/config.ts'
import { type Running, start } from '../../src/main.ts'
import { temporaryDirectory } from '../listeners/door.ts'

async function started(t: TestContext, mode: Mode, flags: Readonly<Record<string, unknown>> = {}): Promise<Running> {
  const read = readConfig(mode, {
    flags: { dataDir: 'data', mqtts: 'off', wss: 'off', https: '127.0.0.1:0', ...flags },
    environment: {},
    file: null,
    workingDirectory: temporaryDirectory(t),
  })
  assert.ok(read.ok, read.ok ? '' : read.error.join('\n'))
  const clock = nodeClock()
  const running = await start(read.value, {
    clock,
    random: nodeRandom(),
    log: { write: () => {} },
    events: createEvents(),
    metrics: createMetrics(),
    openEngine: async (node) => createMemoryWorld().engine(node, clock),
  })
  t.after(() => running.stop())
  return running
}

/** As a script does it: address, CA and token from what the ready file names. */
function get({ ready }: Running, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const { https, caFile, tokenFile } = ready
  assert.ok(https !== null && caFile !== null)
  return new Promise((resolve, reject) => {
    const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`
    const sent = request(
      { host: https.host, port: https.port, path, ca: readFileSync(caFile), headers: { authorization }, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

test('a started Sealgate answers at the address of its ready file, with the CA and the token named there', async (t) => {
  const running = await started(t, 'dev')
  const { subscriptionId, resourceGroup, namespace } = running.ready
  const path = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.EventGrid/namespaces/${namespace}`
  const found = await get(running, `${path}?api-version=2025-02-15`)
  assert.equal(found.status, 200, found.text)
  assert.equal((JSON.parse(found.text) as { name: string }).name, namespace)
  assert.equal((await get(running, '/healthz')).text, 'ok\n')
  await running.stop()
  await assert.rejects(get(running, '/healthz'), { code: 'ECONNREFUSED' })
})

test('--https off opens no management API', async (t) => {
  const running = await started(t, 'serve', { https: 'off', mqtts: '127.0.0.1:0' })
  assert.equal(running.ready.https, null)
})
