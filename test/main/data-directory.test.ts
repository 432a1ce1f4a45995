import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lockDirectory } from '../../src/adapters/embedded/directory-lock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { openAdminToken } from '../../src/main/admin-token.ts'
import { openDataDirectory } from '../../src/main/data-directory.ts'
import { writeFileAtomically } from '../../src/main/files.ts'
import { StartError } from '../../src/main/start-error.ts'
import { temporaryDirectory } from '../listeners/door.ts'

const plain = { reset: false, adoptDevData: false }

function open(path: string, mode: 'dev' | 'serve', more: { reset?: boolean; adoptDevData?: boolean } = {}) {
  return openDataDirectory({ ...plain, ...more, mode, dataDir: path })
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

function newPath(t: TestContext): string {
  return join(temporaryDirectory(t), 'deep', 'data')
}

test('S65: the data directory is made for its owner alone', (t) => {
  const path = newPath(t)
  open(path, 'serve')
  assert.equal(modeOf(path), 0o700)
})

test('S68: serve refuses what dev made, unless told to take it', (t) => {
  const path = newPath(t)
  open(path, 'dev')
  open(path, 'dev')
  assert.throws(() => open(path, 'serve'), /made by sealgate dev.*--adopt-dev-data/)
  open(path, 'serve', { adoptDevData: true })
})

test('dev refuses a directory with content that it did not make', (t) => {
  const path = newPath(t)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'diary'), 'dear diary')
  assert.throws(() => open(path, 'dev'), StartError)
  assert.throws(() => open(path, 'dev', { reset: true }), /nothing was removed/)
  assert.equal(readFileSync(join(path, 'diary'), 'utf8'), 'dear diary')
})

test('--reset empties what dev made, and is content with nothing to empty', (t) => {
  const path = newPath(t)
  open(path, 'dev', { reset: true })
  mkdirSync(join(path, 'dev'))
  writeFileSync(join(path, 'dev', 'x'), '')
  open(path, 'dev', { reset: true })
  assert.equal(existsSync(join(path, 'dev')), false)
  open(path, 'dev')
})

test('--reset leaves a directory alone that a broker runs on', (t) => {
  const path = newPath(t)
  open(path, 'dev')
  const lock = lockDirectory(path)
  assert.throws(() => open(path, 'dev', { reset: true }), /--reset: the data directory is in use by another process/)
  lock.release()
  open(path, 'dev', { reset: true })
})

test('a path that cannot be a directory is one clear line', (t) => {
  const file = join(temporaryDirectory(t), 'file')
  writeFileSync(file, '')
  assert.throws(() => open(join(file, 'data'), 'serve'), /^StartError: data directory .*ENOTDIR/)
})

test('a file is replaced in one step and leaves nothing beside it', (t) => {
  const directory = temporaryDirectory(t)
  const path = join(directory, 'sub', 'file')
  writeFileAtomically(path, 'one', 0o600)
  writeFileAtomically(path, 'two', 0o600)
  assert.equal(readFileSync(path, 'utf8'), 'two')
  assert.equal(modeOf(path), 0o600)
  assert.deepEqual(readdirSync(join(directory, 'sub')), ['file'])
})

test('S65: the administrator token has 256 bits, is only for its owner, and lasts', (t) => {
  const directory = open(newPath(t), 'serve')
  const made = openAdminToken(directory, seededRandom(1))
  assert.equal(modeOf(made.file), 0o600)
  const text = readFileSync(made.file, 'utf8').trim()
  assert.equal(Buffer.from(text, 'base64url').length, 32)
  assert.doesNotMatch(JSON.stringify(made), new RegExp(text))
  assert.deepEqual(openAdminToken(directory, seededRandom(2)).hash, made.hash)
  assert.equal(readFileSync(made.file, 'utf8').trim(), text)
})

test('S65: a token that others can read, or that is none, stops the start', (t) => {
  const directory = open(newPath(t), 'serve')
  const { file } = openAdminToken(directory, seededRandom(1))
  chmodSync(file, 0o640)
  assert.throws(() => openAdminToken(directory, seededRandom(1)), /other users can read it \(mode 640\); chmod 600/)
  chmodSync(file, 0o600)
  writeFileSync(file, 'admin')
  assert.throws(() => openAdminToken(directory, seededRandom(1)), /not an administrator token/)
})
