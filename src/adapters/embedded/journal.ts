import type { Tables } from './database.ts'
import { numberBytes, readNumber } from './keys.ts'

/** One record or index entry that is put or removed. */
export interface Entry {
  readonly table: 'registry' | 'indexes'
  readonly key: Buffer
  /** Null: removed. */
  readonly value: Buffer | null
}

/**
 * A write of the registry that is too long for one transaction, as it lies on the disk: chunks of entries, and a mark that
 * says it counts. Without the mark it never was; with it, it is brought to its place, now or when the store is next opened.
 */
const markKey = Buffer.from('committed')
const headBytes = 7
const isIndex = 1
const isRemoval = 2

/** What one step of bringing it to its place takes: a few milliseconds. */
const chunkBytes = 128 * 1024

export function chunkKey(number: number): Buffer {
  return numberBytes(number)
}

/** Puts entries one behind the other; values are readable in their chunk from then on. */
export class ChunkWriter {
  #chunk = Buffer.allocUnsafeSlow(chunkBytes)
  #at = 0

  /** @returns the value where it lies now, and the chunk before when this entry began a new one */
  add(
    table: Entry['table'],
    key: Buffer,
    value: readonly Uint8Array[] | null,
  ): { readonly value: Buffer; readonly full: Buffer | null } {
    const valueBytes = value === null ? 0 : value.reduce((sum, { length }) => sum + length, 0)
    const size = headBytes + key.length + valueBytes
    const full = this.#at > 0 && this.#at + size > this.#chunk.length ? this.close() : null
    if (size > this.#chunk.length) this.#chunk = Buffer.allocUnsafeSlow(size)
    const chunk = this.#chunk
    chunk[this.#at] = (table === 'indexes' ? isIndex : 0) | (value === null ? isRemoval : 0)
    chunk.writeUInt16BE(key.length, this.#at + 1)
    chunk.writeUInt32BE(valueBytes, this.#at + 3)
    chunk.set(key, this.#at + headBytes)
    const start = this.#at + headBytes + key.length
    let at = start
    for (const part of value ?? []) {
      chunk.set(part, at)
      at += part.length
    }
    this.#at = at
    return { value: chunk.subarray(start, at), full }
  }

  /** What was added since the last one. */
  close(): Buffer {
    const chunk = this.#chunk.subarray(0, this.#at)
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes)
    this.#at = 0
    return chunk
  }
}

export function* entriesOf(chunk: Buffer): Generator<Entry> {
  for (let at = 0; at < chunk.length; ) {
    const flags = chunk.readUInt8(at)
    const keyEnd = at + headBytes + chunk.readUInt16BE(at + 1)
    const end = keyEnd + chunk.readUInt32BE(at + 3)
    yield {
      table: (flags & isIndex) === 0 ? 'registry' : 'indexes',
      key: chunk.subarray(at + headBytes, keyEnd),
      value: (flags & isRemoval) === 0 ? chunk.subarray(keyEnd, end) : null,
    }
    at = end
  }
}

export const journalMark = {
  key: markKey,
  value: (chunks: number): Buffer => numberBytes(chunks),
}

/** What bringing the journal to its place will write; null: there is nothing that counts. */
export function pendingWrites({ journal }: Tables): { readonly writes: number; readonly bytes: number } | null {
  const mark = journal.getBinary(markKey)
  if (mark === undefined) return null
  let writes = 0
  let bytes = 0
  for (let number = 0; number < readNumber(mark, 0); number++) {
    const chunk = journal.getBinary(chunkKey(number))
    if (chunk === undefined) continue
    bytes += chunk.length
    for (const _ of entriesOf(chunk)) writes++
  }
  return { writes, bytes }
}

/** Brings what a killed process left behind to its place, or forgets it. The caller has made sure that there is room. */
export function recoverJournal({ journal, registry, indexes, meta }: Tables): void {
  if (journal.getCount({ limit: 1 }) === 0) return
  const mark = journal.getBinary(markKey)
  meta.transactionSync(() => {
    const chunks = mark === undefined ? 0 : readNumber(mark, 0)
    for (let number = 0; number < chunks; number++) {
      // Those that are gone were brought to their place before.
      const chunk = journal.getBinary(chunkKey(number))
      for (const { table, key, value } of chunk === undefined ? [] : entriesOf(chunk)) {
        const target = table === 'registry' ? registry : indexes
        if (value === null) target.removeSync(key)
        else target.putSync(key, value)
      }
    }
    journal.clearSync()
  })
}
