import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedEngine, openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import { start, type World } from './contract/world.ts'
import { engineContract } from './engine.contract.ts'

engineContract({
  name: 'embedded',
  severalNodes: false,
  transientQueue: 'memory',
  forgetsTransient: true,
  histories: 25,
  async world(): Promise<World> {
    const directory = mkdtempSync(join(tmpdir(), 'sealgate-store-'))
    const { clock } = fakeClock(start)
    const engines = new Map<NodeId, EmbeddedEngine>()
    let fault: 'refuse' | 'loseAnswer' | null = null
    return {
      async engine(node) {
        const engine = openEmbedded({ directory, node, clock, reserveBytes: 0, fault: () => fault })
        engines.set(node, engine)
        return engine
      },
      async crash(node) {
        await engines.get(node)?.abort()
      },
      fault(_node, next) {
        fault = next
      },
      async destroy() {
        for (const engine of engines.values()) await engine.abort()
        rmSync(directory, { recursive: true, force: true })
      },
    }
  },
})
