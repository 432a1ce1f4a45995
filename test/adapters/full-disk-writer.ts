import { openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { appending, everything, newUid, nodeA, open } from '../ports/contract/world.ts'

/** The process of `full-disk.test.ts`: its files may not grow beyond a limit. Prints what it saw as one line of JSON. */
const [directory = ''] = process.argv.slice(2)
const engine = openEmbedded({ directory, node: nodeA, clock: nodeClock(), reserveBytes: 0 })
const { record } = await open(engine, 'a', { newUid: newUid() })

let acknowledged = 0
let failure: { readonly code?: string; readonly retryable?: boolean } | undefined
while (failure === undefined && acknowledged < 100_000) {
  // Several in one transaction: all of them fail together, and each of them is told.
  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () => engine.hot.commit(appending(record.uid, 'x'.repeat(3000)))),
  )
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') acknowledged++
    else failure = outcome.reason
  }
}
const health = engine.health()
const readable = (await engine.queue.read(record.uid, null, everything)).length
await engine.close()
console.log(JSON.stringify({ acknowledged, readable, code: failure?.code, retryable: failure?.retryable, health }))
