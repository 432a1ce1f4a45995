import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultOf, flagOf, type Setting, settingNames, settings } from '../../src/config.ts'
import { temporaryDirectory } from '../listeners/door.ts'
import { readersShell, shellBlocks } from '../support/page-commands.ts'
import { SealgateProcess } from './sealgate.ts'

const root = join(import.meta.dirname, '..', '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const anyPort = ['--mqtts', '--wss', '--https'].flatMap((flag) => [flag, '127.0.0.1:0'])

function blocksOf(heading: string): readonly string[] {
  const blocks = shellBlocks('README.md').filter((block) => block.heading === heading)
  assert.ok(blocks.length > 0, `the README has no commands under ${heading}`)
  return blocks.map(({ text }) => text)
}

test("the README's five minutes, word for word, beside a running dev", async (t) => {
  assert.deepEqual(blocksOf('Start'), ['npm ci && npm start\n'])
  const directory = temporaryDirectory(t)
  const dev = new SealgateProcess(['dev', ...anyPort], { cwd: directory })
  t.after(() => dev.child.kill('SIGKILL'))
  const { mqtts } = (await dev.entry(({ event }) => event === 'ready')) as unknown as { mqtts: { port: number } }
  const run = readersShell(directory)
  const said = blocksOf('Five minutes').map((block) => {
    const { status, stdout, stderr } = run(block.replaceAll('8883', String(mqtts.port)))
    assert.equal(status, 0, `${block}\n${stdout}${stderr}`)
    return stdout
  })
  const [message, device, why, taken, kept] = said
  assert.equal(message, 'demo/greeting hello\n')
  assert.match(device ?? '', /lamp\.pem/)
  assert.match(why ?? '', /^refused: nameMismatch /m)
  assert.match(why ?? '', /^refused: publishNotAuthorized |publish.*refused|may not publish/m)
  assert.match(why ?? '', /accepted +connect +lamp/)
  assert.match(taken ?? '', /^refused: clientDisabled /m)
  assert.match(kept ?? '', /Nothing to change/)

  // The line for CI takes the template that was just exported, to a broker of its own.
  const [line = ''] = blocksOf('From Azure Event Grid to your laptop and back')
  const ci = spawn('bash', ['-c', line], {
    cwd: directory,
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, PATH: `${join(directory, '.bin')}:${process.env['PATH']}` },
  })
  const ended = new Promise((resolve) => ci.once('close', resolve))
  t.after(() => ci.exitCode ?? process.kill(-(ci.pid ?? 0), 'SIGKILL'))
  const where = join(directory, 'ci', 'where.json')
  while (!existsSync(where)) {
    assert.equal(ci.exitCode, null, 'it ended before it was ready')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const ready = JSON.parse(readFileSync(where, 'utf8')) as { mqtts: { port: number }; wss: null; namespace: string }
  assert.ok(ready.mqtts.port > 0)
  assert.deepEqual([ready.wss, ready.namespace], [null, 'local'])
  process.kill(-(ci.pid ?? 0), 'SIGTERM')
  await ended
  assert.equal(await dev.stop(), 0)
})

test('the settings of the README are those of src/config.ts, with their defaults', () => {
  const rows = [...readme.matchAll(/^\| `(--[a-z-]+)` \| ([^|]+) \|/gm)].map(([, flag = '', text = '']) => [flag, text])
  assert.ok(rows.length >= 8)
  const shown = (value: unknown): string => {
    if (value === null || (Array.isArray(value) && value.length === 0)) return '–'
    if (typeof value === 'object') {
      const { host, port } = value as { readonly host: string; readonly port: number }
      return `\`${host.includes(':') ? `[${host}]` : host}:${port}\``
    }
    return `\`${String(value)}\``
  }
  for (const [flag, text] of rows) {
    const name = settingNames.find((one) => flagOf(one) === flag)
    assert.ok(name !== undefined, flag)
    const setting: Setting = settings[name]
    const [dev, serve] = [shown(defaultOf(setting, 'dev')), shown(defaultOf(setting, 'serve'))]
    assert.equal(text, dev === serve ? dev : `dev ${dev}, serve ${serve}`, flag)
  }
})
