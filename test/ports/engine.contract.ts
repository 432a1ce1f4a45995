import { hotPathContract } from './contract/hot-path.ts'
import { modelContract } from './contract/model.ts'
import { nodesContract } from './contract/nodes.ts'
import { openingContract } from './contract/opening.ts'
import { queueContract } from './contract/queue.ts'
import { registryContract } from './contract/registry.ts'
import { sessionsContract } from './contract/sessions.ts'
import { willsContract } from './contract/wills.ts'
import type { EngineUnderTest } from './contract/world.ts'

/** Registers every test that an adapter of `ports/engine.ts` has to pass. */
export function engineContract(adapter: EngineUnderTest): void {
  registryContract(adapter)
  openingContract(adapter)
  sessionsContract(adapter)
  hotPathContract(adapter)
  willsContract(adapter)
  queueContract(adapter)
  nodesContract(adapter)
  modelContract(adapter)
}
