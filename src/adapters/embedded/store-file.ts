import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'

const magic = 0xbeefc0de
/** Where the library puts it in each of its first two pages. */
const offset = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152 } as const
const headBytes = 160

/**
 * What the library does not ask before it maps a file: a file that is something else ends the process.
 *
 * @param whole it must also be as long as it says, as a copy is
 * @throws Error with one clear line
 */
export function checkStoreFile(path: string, whole = false): void {
  if (!existsSync(path)) return
  const { size } = statSync(path)
  // A process that died while it made the file left nothing in it, and it is made again.
  if (size === 0 && !whole) return
  const descriptor = openSync(path, 'r')
  try {
    const first = headAt(descriptor, 0)
    const pageSize = first?.readUInt32LE(offset.pageSize) ?? 0
    const second = pageSize >= 512 && pageSize <= 65_536 ? headAt(descriptor, pageSize) : null
    if (first === null || second === null) throw new Error(`not a store of this program: ${path}`)
    if (!whole) return
    const isFirst = first.readBigUInt64LE(offset.transaction) > second.readBigUInt64LE(offset.transaction)
    const expected = (Number((isFirst ? first : second).readBigUInt64LE(offset.lastPage)) + 1) * pageSize
    if (size < expected) throw new Error(`it is cut off: ${size} bytes of ${expected}`)
  } finally {
    closeSync(descriptor)
  }
}

function headAt(descriptor: number, position: number): Buffer | null {
  const head = Buffer.alloc(headBytes)
  const read = readSync(descriptor, head, 0, headBytes, position)
  return read === headBytes && head.readUInt32LE(offset.magic) === magic ? head : null
}
