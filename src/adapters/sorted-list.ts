import { assert } from '../base/assert.ts'

const chunkLimit = 256

/** An ordered set: insertion and removal cost a short copy, not one of the whole. `compare` gives 0 for equal items only. */
export class SortedList<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #chunks: T[][] = []
  #size = 0

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#size
  }

  /** Many items at once, in any order and none twice; only while the list is empty. */
  fill(items: T[]): void {
    assert(this.#size === 0, 'a list is filled once')
    items.sort(this.#compare)
    for (let at = 0; at < items.length; at += chunkLimit / 2) this.#chunks.push(items.slice(at, at + chunkLimit / 2))
    this.#size = items.length
  }

  /** False: an equal item is there already. */
  add(item: T): boolean {
    const at = Math.min(this.#chunkFor(item), this.#chunks.length - 1)
    const chunk = this.#chunks[at]
    if (chunk === undefined) {
      this.#chunks.push([item])
      this.#size++
      return true
    }
    const place = this.#placeIn(chunk, item)
    const there = chunk[place]
    if (there !== undefined && this.#compare(there, item) === 0) return false
    chunk.splice(place, 0, item)
    if (chunk.length > chunkLimit) this.#chunks.splice(at + 1, 0, chunk.splice(chunkLimit / 2))
    this.#size++
    return true
  }

  delete(item: T): boolean {
    const at = this.#chunkFor(item)
    const chunk = this.#chunks[at]
    if (chunk === undefined) return false
    const place = this.#placeIn(chunk, item)
    const there = chunk[place]
    if (there === undefined || this.#compare(there, item) !== 0) return false
    chunk.splice(place, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
    this.#size--
    return true
  }

  /** Items greater than `item` in order; null: all. Finish the walk before the list is changed. */
  *after(item: T | null): Generator<T, void, undefined> {
    for (let at = item === null ? 0 : this.#chunkFor(item); at < this.#chunks.length; at++) {
      for (const candidate of this.#chunks[at] ?? []) {
        if (item === null || this.#compare(candidate, item) > 0) yield candidate
      }
    }
  }

  /** Items that are `item` or greater, in order. */
  *from(item: T): Generator<T, void, undefined> {
    for (let at = this.#chunkFor(item); at < this.#chunks.length; at++) {
      for (const candidate of this.#chunks[at] ?? []) {
        if (this.#compare(candidate, item) >= 0) yield candidate
      }
    }
  }

  /** First chunk whose last item is not less than `item`; the number of chunks when there is none. */
  #chunkFor(item: T): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const chunk = this.#chunks[middle] as T[]
      if (this.#compare(chunk[chunk.length - 1] as T, item) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #placeIn(chunk: readonly T[], item: T): number {
    let low = 0
    let high = chunk.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(chunk[middle] as T, item) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Order of UTF-16 code units, which is JavaScript's own. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
