import { randomBytes } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import type { Random } from '../../ports/random.ts'

/** The operating system's randomness. */
export function nodeRandom(): Random {
  return {
    bytes(count) {
      assert(Number.isInteger(count) && count >= 1 && count <= 65_536, `random byte count out of range: ${count}`)
      return new Uint8Array(randomBytes(count))
    },
    uid: () => randomBytes(16).toString('hex'),
  }
}
