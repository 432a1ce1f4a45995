import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { start, type World } from './contract/world.ts'
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
