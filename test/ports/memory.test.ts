import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import type { Position } from '../../src/ports/session-store.ts'
import { appending, everything, nodeA, open, settled, start, type World } from './contract/world.ts'
import { engineContract } from './engine.contract.ts'

for (const clustered of [false, true]) {
  engineContract({
    name: clustered ? 'memory, clustered' : 'memory',
    severalNodes: true,
    transientQueue: clustered ? 'stored' : 'memory',
    forgetsTransient: false,
    histories: 300,
    async world(): Promise<World> {
      const world = createMemoryWorld({ clustered })
      const { clock } = fakeClock(start)
      return {
        engine: async (node) => world.engine(node, clock),
        crash: async (node) => world.kill(node),
        fault: (node, fault) => world.fault(node, fault),
        destroy: async () => {},
      }
    },
  })
}

test('memory: an acknowledgement whose write was refused is written with the next one', async () => {
  const world = createMemoryWorld()
  const engine = world.engine(nodeA, fakeClock(start).clock)
  const { record, fence } = await open(engine, 'a')
  await engine.hot.commit(appending(record.uid, '1', '2', '3'))
  const [one, two] = await engine.queue.read(record.uid, null, everything)
  world.fault(nodeA, 'refuse')
  engine.hot.acknowledgeSoon(fence, two?.position as Position)
  await settled()
  assert.equal(engine.queue.size(record.uid).messages, 3)
  world.fault(nodeA, null)
  engine.hot.acknowledgeSoon(fence, one?.position as Position)
  await settled()
  assert.equal(engine.queue.size(record.uid).messages, 1)
})
