/**
 * A process that allocates, for allocate.test.ts: `node allocate-process.ts PATH WHAT`. It says how each allocation ended, one
 * a line, and then ends by itself, unless something keeps it.
 */
import { closeSync, openSync } from 'node:fs'
import { Allocator } from '../../src/adapters/embedded/allocate.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { helpersOf } from './helpers-of.ts'

const [path = '', what = ''] = process.argv.slice(2)
const mebibyte = 2 ** 20

const allocator = new Allocator(path, nodeClock())
if (what !== 'neverAsk') console.log(await allocator.allocate(mebibyte))
switch (what) {
  case 'close':
    await allocator.close()
    console.log(helpersOf(path).length)
    break
  case 'stay':
    setInterval(() => {}, 1_000)
    break
  case 'withoutDescriptors': {
    const [helper] = helpersOf(path)
    const opened: number[] = []
    try {
      for (;;) opened.push(openSync('/dev/null', 'r'))
    } catch {
      // As many as there may be.
    }
    const withHelper = await allocator.allocate(2 * mebibyte)
    process.kill(helper as number, 'SIGKILL')
    const withoutHelper = await allocator.allocate(3 * mebibyte)
    for (const descriptor of opened) closeSync(descriptor)
    console.log(withHelper, withoutHelper, await allocator.allocate(3 * mebibyte))
    break
  }
}
