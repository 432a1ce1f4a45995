/**
 * A bounded cache that costs one map read per hit: entries live in a young and an old generation; when the young one is
 * full it becomes the old one, and what was not asked for since is gone.
 */
export class GenerationCache<Key, Value> {
  readonly #size: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()

  /** @param size entries of one generation; at most twice as many are kept */
  constructor(size: number) {
    this.#size = size
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#size && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: Key): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  get count(): number {
    return this.#young.size + this.#old.size
  }
}
