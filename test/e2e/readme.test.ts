import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../listeners/door.ts'
import { SealgateProcess } from './sealgate.ts'

const root = join(import.meta.dirname, '..', '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

test("the README's commands beside a running dev work as they stand", async (t) => {
  const directory = temporaryDirectory(t)
  const anyPort = ['--mqtts', '--wss', '--https'].flatMap((flag) => [flag, '127.0.0.1:0'])
  const dev = new SealgateProcess(['dev', ...anyPort], { cwd: directory })
  t.after(() => dev.child.kill('SIGKILL'))
  await dev.entry(({ event }) => event === 'ready')
  const section = readme.slice(readme.indexOf('## Try it'), readme.indexOf('## Run it'))
  const commands = section.split('\n').filter((line) => line.startsWith('npx sealgate '))
  assert.ok(commands.length > 0)
  for (const command of commands) {
    const line = command.replace('npx sealgate', '"$NODE" "$LAUNCHER"')
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 20_000,
      env: { ...process.env, NODE: process.execPath, LAUNCHER: join(root, 'bin', 'sealgate.js') },
    })
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`)
    assert.notEqual(stdout, '', command)
  }
  assert.equal(await dev.stop(), 0)
})

test('every file that the README links to is there', () => {
  const links = [...readme.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link as string)
  assert.ok(links.length > 5)
  assert.deepEqual(
    links.filter((link) => !link.startsWith('https:') && !existsSync(join(root, link))),
    [],
  )
})
