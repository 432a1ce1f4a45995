import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../listeners/door.ts'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'sealgate.js')

test('compiled code is kept where nobody else can write, and nowhere else', (t) => {
  for (const { mode, isUsed } of [
    { mode: 0o700, isUsed: true },
    { mode: 0o777, isUsed: false },
  ]) {
    const home = temporaryDirectory(t)
    const directory = join(home, 'sealgate')
    mkdirSync(directory)
    chmodSync(directory, mode)
    const { NODE_COMPILE_CACHE: _, ...env } = process.env
    const { status } = spawnSync(process.execPath, [launcher, '--version'], { env: { ...env, XDG_CACHE_HOME: home } })
    assert.equal(status, 0)
    assert.equal(readdirSync(directory).length > 0, isUsed, mode.toString(8))
  }
})
