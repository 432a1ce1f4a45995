/** Random choices that a seed decides (xorshift32 after a mix), quick enough to be thrown for every byte. */
export class Dice {
  #state: number

  constructor(seed: number) {
    let mixed = (seed + 0x9e3779b9) | 0
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    this.#state = (mixed ^ (mixed >>> 15)) | 1
  }

  /** 0 to 2^32-1. */
  next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return state >>> 0
  }

  /** Whole numbers, both ends included. */
  between(low: number, high: number): number {
    return low + (this.next() % (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000
  }

  pick<T>(from: readonly T[]): T {
    return from[this.next() % from.length] as T
  }

  /** The key with a chance proportional to its weight. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.next() % entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      if (left < weight) return key
      left -= weight
    }
    throw new Error('weights are not all zero')
  }
}
