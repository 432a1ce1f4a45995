import type { DerReader } from './der.ts'

export interface AlgorithmIdentifier {
  readonly oid: string
  /** The parameters element whole; null when absent. */
  readonly parameters: Uint8Array | null
  /** The whole AlgorithmIdentifier as encoded. */
  readonly der: Uint8Array
}

/** Reads an AlgorithmIdentifier; faults are left in the reader. */
export function readAlgorithmIdentifier(reader: DerReader, what: string): AlgorithmIdentifier {
  const start = reader.offset
  const inner = reader.sequence(what)
  const der = reader.bytes.subarray(start, reader.offset)
  const oid = inner.objectIdentifier(what)
  const parameters = inner.more() ? inner.raw(what) : null
  inner.finish(what)
  return { oid, parameters, der }
}
