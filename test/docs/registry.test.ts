import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { limitsOf } from '../../src/registry/profile.ts'
import { serve } from '../e2e/sealgate.ts'
import { temporaryDirectory } from '../listeners/door.ts'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs', 'registry.md'), 'utf8')

test('the commands of docs/registry.md work one after the other; what was exported applies without a change', async (t) => {
  const directory = temporaryDirectory(t)
  const { sealgate } = await serve(directory)
  t.after(() => sealgate.stop())
  symlinkSync(join(root, 'examples'), join(directory, 'examples'))
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  const program = join(bin, 'sealgate')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin', 'sealgate.js')}' "$@"\n`)
  chmodSync(program, 0o755)
  const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'))
  assert.ok(commands.length >= 10)
  const said: string[] = []
  for (const command of commands) {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: `${bin}:${process.env['PATH']}`, HOME: directory, SEALGATE_DATA_DIR: 'data' },
    })
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`)
    said.push(stdout)
  }
  assert.match(said.find((text) => text.includes('to create')) ?? '', /13 to create, 0 to change, 0 to delete/)
  assert.match(said.at(-1) ?? '', /Nothing to change/)
})

test('the limits of docs/registry.md are those of the profile table', () => {
  const rows = [...page.matchAll(/^\| [^|]+ \| ([\d,]+)[^|]* \| ([\d,]+) \| `(maximum\w+)` \|$/gm)]
  assert.equal(rows.length, 9)
  const number = (text: string | undefined) => Number(text?.replaceAll(',', ''))
  for (const [, eventGrid, full, name] of rows) {
    const limit = name as 'maximumClients'
    assert.equal(number(eventGrid), limitsOf('event-grid')[limit], name)
    assert.equal(number(full), limitsOf('full')[limit], name)
  }
})
