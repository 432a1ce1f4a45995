import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type Database, open, type RootDatabase } from 'lmdb'
import { type DirectoryLock, lockDirectory } from './directory-lock.ts'
import { checkStoreFile } from './store-file.ts'

/** The layout that this code writes. A change that older code would misread raises it. */
const formatVersion = 3

const tableNames = [
  'meta',
  'registry',
  'indexes',
  'journal',
  'sessions',
  'subscriptions',
  'wills',
  'bodies',
  'shares',
  'queue',
  'holes',
  'cursors',
  'outgoing',
  'incoming',
  'retained',
  'expiries',
  'operations',
  'garbage',
] as const

export type Table = Database<Uint8Array, Uint8Array>
export type Tables = Readonly<Record<(typeof tableNames)[number], Table>>

/** In bytes. */
export interface Room {
  /** Of the file system. */
  readonly free: number
  readonly total: number
  /** Up to the last page of the file that a table ever used. */
  readonly used: number
  /** Pages before that one that no table uses now. */
  readonly reusable: number
  /** Blocks behind that page that are the file's already. */
  readonly ahead: number
}

export interface DatabaseFile {
  readonly tables: Tables
  room(): Room
  sizeBytes(): number
  /** Records per table. */
  statistics(): Readonly<Record<string, number>>
  backup(path: string): Promise<void>
  close(): Promise<void>
}

export function storePath(directory: string): string {
  return join(directory, 'store.mdb')
}

/**
 * Opens or makes the store of a data directory.
 *
 * Settings with a reason: `overlappingSync` off, so that a resolved promise means flushed, a copy of the directory opens,
 * and a full disk rejects instead of never answering; `eventTurnBatching` off, since we make each transaction explicitly
 * and the implicit one makes promises that nobody can handle; values and keys are our own bytes; no cache, compression or dupSort,
 * whose corners have had bugs.
 */
export function openDatabase(directory: string): DatabaseFile {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const lock = lockDirectory(directory)
  try {
    return openLocked(directory, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

function openLocked(directory: string, lock: DirectoryLock): DatabaseFile {
  const path = storePath(directory)
  const fresh = !existsSync(path)
  checkStoreFile(path)
  const root: RootDatabase<Uint8Array, Uint8Array> = open({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: false,
    maxDbs: tableNames.length + 8,
  })
  const table = (name: string): Table => root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' })
  const meta = table('meta')
  try {
    if (fresh) chmodSync(path, 0o600)
    checkFormat(meta, directory)
  } catch (error) {
    void root.close()
    throw error
  }
  const tables = Object.fromEntries(tableNames.map((name) => [name, name === 'meta' ? meta : table(name)])) as Tables

  function room(): Room {
    interface Statistics {
      readonly pageSize: number
      readonly treeBranchPageCount: number
      readonly treeLeafPageCount: number
      readonly overflowPages: number
    }
    const pages = (of: Statistics): number => of.treeBranchPageCount + of.treeLeafPageCount + of.overflowPages
    const all = root.getStats() as Statistics & { readonly lastPageNumber: number; readonly free: Statistics }
    let used = pages(all) + pages(all.free) + 2
    for (const name of tableNames) used += pages(tables[name].getStats() as Statistics)
    const { bavail, blocks, bsize } = statfsSync(directory)
    const usedBytes = (all.lastPageNumber + 1) * all.pageSize
    return {
      free: bavail * bsize,
      total: blocks * bsize,
      used: usedBytes,
      reusable: Math.max(0, usedBytes - used * all.pageSize),
      // Blocks are counted in 512 bytes, whatever the file system makes of them.
      ahead: Math.max(0, (statSync(path).blocks ?? 0) * 512 - usedBytes),
    }
  }

  return {
    tables,
    room,
    sizeBytes() {
      const all = root.getStats() as { readonly pageSize: number; readonly lastPageNumber: number }
      return (all.lastPageNumber + 1) * all.pageSize
    },
    statistics: () =>
      Object.fromEntries(
        tableNames.map((name) => [name, (tables[name].getStats() as { readonly entryCount: number }).entryCount]),
      ),
    async backup(target) {
      if (existsSync(target)) throw new Error(`the backup would replace a file: ${target}`)
      const unfinished = `${target}.unfinished`
      rmSync(unfinished, { force: true })
      await root.backup(unfinished, true)
      chmodSync(unfinished, 0o600)
      flush(unfinished)
      renameSync(unfinished, target)
      flush(dirname(target))
    },
    async close() {
      await root.close()
      lock.release()
    },
  }
}

const formatKey = Buffer.from('format')

function checkFormat(meta: Table, directory: string): void {
  const stored = meta.getBinary(formatKey)
  if (stored === undefined) {
    if (meta.getCount({ limit: 1 }) > 0) throw new Error(`not a store of this program: ${directory}`)
    meta.putSync(formatKey, Buffer.from(String(formatVersion)))
    return
  }
  const found = stored.toString()
  if (found !== String(formatVersion)) {
    throw new Error(`${directory} holds data of format ${found}; this version reads format ${formatVersion}`)
  }
}

function flush(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
