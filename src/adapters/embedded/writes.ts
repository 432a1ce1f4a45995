import { assert } from '../../base/assert.ts'
import type { Table } from './database.ts'
import { longestKey } from './keys.ts'

interface Instruction {
  readonly table: Table
  readonly key: Uint8Array
  /** Null: removed. */
  readonly value: Uint8Array | null
}

/** What one transaction puts and removes, in order. Nothing reaches the store before `flush`. */
export class Writes {
  readonly #instructions: Instruction[] = []
  #bytes = 0

  get count(): number {
    return this.#instructions.length
  }

  get bytes(): number {
    return this.#bytes
  }

  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    // Checked here: an instruction that the library refuses in the middle of `flush` would leave a torn transaction.
    assert(key.length > 0 && key.length <= longestKey, `key of ${key.length} bytes`)
    this.#instructions.push({ table, key, value })
    this.#bytes += key.length + value.length
  }

  remove(table: Table, key: Uint8Array): void {
    assert(key.length > 0 && key.length <= longestKey, `key of ${key.length} bytes`)
    this.#instructions.push({ table, key, value: null })
    this.#bytes += key.length
  }

  /** Hands everything to the store as one transaction. Resolves when it is flushed to disk; rejects when none of it is. */
  async flush(root: Table): Promise<void> {
    // Inside a batch the single operations answer with nothing, so there is one promise, and it is ours: one that nobody
    // handles would end the process when the disk is full.
    const committed = root.batch(() => {
      for (const { table, key, value } of this.#instructions) {
        if (value === null) void table.remove(key)
        else void table.put(key, value)
      }
    })
    try {
      await committed
    } catch (error) {
      throw new Error('the transaction failed', { cause: await causeOf(error) })
    }
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
