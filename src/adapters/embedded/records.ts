import type { CommitResult } from '../../ports/message-store.ts'
import type { OutgoingInflight, Position } from '../../ports/session-store.ts'
import { nothingHappened } from '../apply-commit.ts'
import type { Place } from './chunks.ts'
import { readNumber, writeNumber } from './keys.ts'

/**
 * Every value begins with its version, so that a later format can be told apart record by record. What these functions
 * cannot read makes the start fail; nothing is guessed.
 */

// ------------------------------------------------------------------------------------------------- positions

const positionVersion = 0x10

/** `[version and phase][entry][index]` */
export function encodePosition(position: Position, phase: OutgoingInflight['phase'] = 'sent'): Buffer {
  const bytes = Buffer.allocUnsafe(13)
  bytes[0] = positionVersion | (phase === 'released' ? 1 : 0)
  writeNumber(bytes, Number(position.entry), 1)
  bytes.writeUInt32BE(position.index, 9)
  return bytes
}

export function decodePosition(bytes: Buffer): { readonly position: Position; readonly phase: 'sent' | 'released' } {
  if (((bytes[0] ?? 0) & 0xf0) !== positionVersion) throw new Error('a position of an unknown version')
  return {
    position: { entry: BigInt(readNumber(bytes, 1)), index: bytes.readUInt32BE(9) },
    phase: ((bytes[0] ?? 0) & 1) === 0 ? 'sent' : 'released',
  }
}

const cursorVersion = 0x20
const acknowledgedFlag = 1
const floorFlag = 2

/** `[version and flags][acknowledged up to][nothing left up to]`, each `[entry][index]` and only when there is one. */
export function encodeCursor(acknowledged: Place | null, floor: Place | null): Buffer {
  const bytes = Buffer.allocUnsafe(1 + (acknowledged === null ? 0 : 12) + (floor === null ? 0 : 12))
  bytes[0] = cursorVersion | (acknowledged === null ? 0 : acknowledgedFlag) | (floor === null ? 0 : floorFlag)
  let at = 1
  for (const place of [acknowledged, floor]) {
    if (place === null) continue
    writeNumber(bytes, place.entry, at)
    at = bytes.writeUInt32BE(place.index, at + 8)
  }
  return bytes
}

export function decodeCursor(bytes: Buffer): { readonly acknowledged: Place | null; readonly floor: Place | null } {
  const flags = bytes[0] ?? 0
  if ((flags & 0xf0) !== cursorVersion) throw new Error('a cursor of an unknown version')
  let at = 1
  const next = (flag: number): Place | null => {
    if ((flags & flag) === 0) return null
    const place = { entry: readNumber(bytes, at), index: bytes.readUInt32BE(at + 8) }
    at += 12
    return place
  }
  return { acknowledged: next(acknowledgedFlag), floor: next(floorFlag) }
}

// ------------------------------------------------------------------------------------------------- operations

export interface OperationRecord {
  readonly opId: string
  readonly mark: string
  readonly result: CommitResult
}

const operationVersion = 0x10

/** `[version][length of the id][id][mark]`, then the result as JSON where there is anything to tell. */
export function encodeOperation({ opId, mark, result }: OperationRecord): Buffer {
  const isPlain = result === nothingHappened
  const id = Buffer.from(opId)
  const rest = Buffer.from(isPlain ? `${mark} ` : `${mark} ${JSON.stringify(result)}`)
  const head = Buffer.from([operationVersion, 0, 0])
  head.writeUInt16BE(id.length, 1)
  return Buffer.concat([head, id, rest])
}

export function decodeOperation(bytes: Buffer): OperationRecord {
  if (bytes[0] !== operationVersion) throw new Error('an operation of an unknown version')
  const end = 3 + bytes.readUInt16BE(1)
  const rest = bytes.toString('utf8', end)
  const space = rest.indexOf(' ')
  const json = rest.slice(space + 1)
  const result = json === '' ? nothingHappened : (JSON.parse(json) as CommitResult)
  return { opId: bytes.toString('utf8', 3, end), mark: rest.slice(0, space), result }
}
