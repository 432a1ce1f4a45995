import { assert } from '../../base/assert.ts'
import type { Table } from './database.ts'
import { longestKey } from './keys.ts'

/** Small values are gathered in blocks of this size: the library asks for the address of each block only once. */
const blockBytes = 256 * 1024
const spareBlocks = 8
const spare: Buffer[] = []

/** What one transaction puts and removes, in order. Nothing reaches the store before `flush`. */
export class Writes {
  readonly #tables: Table[] = []
  readonly #keys: Uint8Array[] = []
  /** Null: removed. */
  readonly #values: (Uint8Array | null)[] = []
  readonly #blocks: Buffer[] = []
  #used = blockBytes
  #bytes = 0

  get count(): number {
    return this.#keys.length
  }

  get bytes(): number {
    return this.#bytes
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#add(table, key, value)
    this.#bytes += value.length
  }

  remove(table: Table, key: Uint8Array): void {
    this.#add(table, key, null)
  }

  /** Memory for a value of this transaction; it is used again when the transaction is over. */
  allocate(size: number): Buffer {
    if (size > blockBytes / 4) return Buffer.allocUnsafeSlow(size)
    let block = this.#blocks.at(-1)
    if (block === undefined || this.#used + size > blockBytes) {
      block = spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
      this.#blocks.push(block)
      this.#used = 0
    }
    const start = this.#used
    this.#used = start + size
    return block.subarray(start, start + size)
  }

  /** Hands everything to the store as one transaction. Resolves when it is flushed to disk; rejects when none of it is. */
  async flush(root: Table): Promise<void> {
    // Inside a batch the single operations answer with nothing, so there is one promise, and it is ours: one that nobody
    // handles would end the process when the disk is full.
    const committed = root.batch(() => {
      for (let i = 0; i < this.#keys.length; i++) {
        const table = this.#tables[i] as Table
        const value = this.#values[i] as Uint8Array | null
        if (value === null) void table.remove(this.#keys[i] as Uint8Array)
        else void table.put(this.#keys[i] as Uint8Array, value)
      }
    })
    try {
      await committed
    } catch (error) {
      throw new Error('the transaction failed', { cause: await causeOf(error) })
    }
    // After a failure nobody says whether the blocks are still being read.
    for (const block of this.#blocks) if (spare.length < spareBlocks) spare.push(block)
    this.#blocks.length = 0
  }

  #add(table: Table, key: Uint8Array, value: Uint8Array | null): void {
    // Checked here: an instruction that the library refuses in the middle of `flush` would leave a torn transaction.
    assert(key.length > 0 && key.length <= longestKey, 'a key has a length that the store can take')
    this.#tables.push(table)
    this.#keys.push(key)
    this.#values.push(value)
    this.#bytes += key.length
  }
}

/** The library tells the reason in a promise of its own that may never settle. */
async function causeOf(error: unknown): Promise<unknown> {
  const reason = (error as { readonly commitError?: Promise<unknown> }).commitError
  if (reason === undefined) return error
  const told = reason.then(
    () => error,
    (cause: unknown) => cause,
  )
  const enough = new Promise<unknown>((resolve) => void setTimeout(resolve, 100, error).unref())
  return Promise.race([told, enough])
}
