import { toHex } from '../../base/bytes.ts'
import type { Random } from '../../ports/random.ts'

/** The same bytes for the same seed (xoshiro128**, seeded by splitmix32). For tests and the simulator only. */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0
  function splitmix(): number {
    mix = (mix + 0x9e3779b9) >>> 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return (z ^ (z >>> 16)) >>> 0
  }
  let a = splitmix()
  let b = splitmix()
  let c = splitmix()
  let d = splitmix()

  function next(): number {
    const scrambled = Math.imul(b, 5)
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return result
  }

  function bytes(count: number): Uint8Array {
    const result = new Uint8Array(count)
    for (let i = 0; i < count; i++) result[i] = next() & 0xff
    return result
  }
  return { bytes, uid: () => toHex(bytes(16)) }
}
