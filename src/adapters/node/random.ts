import { randomBytes, randomFillSync } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import type { Random } from '../../ports/random.ts'

const uidBytes = 16
/** The operating system is asked once for so many uids; a call for each would cost a fleet's import a third of its time. */
const uidsAtOnce = 256

/** The operating system's randomness. */
export function nodeRandom(): Random {
  const pool = Buffer.alloc(uidBytes * uidsAtOnce)
  let at = pool.length
  return {
    bytes(count) {
      assert(Number.isInteger(count) && count >= 1 && count <= 65_536, `random byte count out of range: ${count}`)
      return new Uint8Array(randomBytes(count))
    },
    uid() {
      if (at === pool.length) {
        randomFillSync(pool)
        at = 0
      }
      const end = at + uidBytes
      const uid = pool.toString('hex', at, end)
      // Nobody reads it here a second time.
      pool.fill(0, at, end)
      at = end
      return uid
    },
  }
}
