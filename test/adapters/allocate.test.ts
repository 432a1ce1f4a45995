import assert from 'node:assert/strict'
import { ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Allocator } from '../../src/adapters/embedded/allocate.ts'
import { openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { nodeClock } from '../../src/adapters/node/clock.ts'
import { appending, newUid, nodeA, open, start } from '../ports/contract/world.ts'
import { helpersOf } from './helpers-of.ts'

const directory = mkdtempSync(join(tmpdir(), 'sealgate-allocate-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const mebibyte = 2 ** 20
const program = join(import.meta.dirname, 'allocate-process.ts')

/** Why this machine cannot be looked at; the store allocates nothing there either. */
const skip = (() => {
  if (process.platform !== 'linux') return 'only Linux allocates'
  const probe = join(directory, 'probe')
  writeFileSync(probe, '')
  try {
    execFileSync('fallocate', ['--keep-size', '--length', '4096', probe], { stdio: 'ignore' })
    return false
  } catch {
    return 'fallocate is missing or the file system cannot'
  }
})()

let files = 0
/** An empty file of its own. */
function newFile(name = `store ${++files}`): string {
  const path = join(directory, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
  return path
}

function allocatorOf(t: TestContext, path: string, clock = nodeClock()): Allocator {
  const allocator = new Allocator(path, clock)
  t.after(() => allocator.close())
  return allocator
}

function allocated(path: string): number {
  return statSync(path).blocks * 512
}

/** Programs are looked for only among these for the rest of the test: a path to link to, or the text of a shell script. */
function programs(t: TestContext, found: Readonly<Record<string, string>>): void {
  const folder = mkdtempSync(join(directory, 'programs-'))
  for (const [name, is] of Object.entries(found)) {
    const path = join(folder, name)
    if (is.startsWith('/')) symlinkSync(is, path)
    else writeFileSync(path, `#!/bin/sh\n${is}\n`)
    chmodSync(path, 0o755)
  }
  process.env['PATH'] = folder
  t.after(() => {
    process.env['PATH'] = usualPath
  })
}

const usualPath = process.env['PATH']
const [sh = '', flock = '', fallocate = ''] = ['sh', 'flock', 'fallocate'].map((name) =>
  skip === false ? execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim() : '',
)

/** A process of its own; it has ended when the test has. */
function startProcess(t: TestContext, path: string, what: string, ...before: string[]): ChildProcess {
  const [command = '', ...words] = [...before, process.execPath, program, path, what]
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function ending(child: ChildProcess): Promise<{ readonly code: number | null; readonly said: string }> {
  const code = new Promise<number | null>((resolve) => child.on('close', resolve))
  const said = await text(child.stdout as NodeJS.ReadableStream & AsyncIterable<Uint8Array>)
  return { code: await code, said: said.trim() }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('one helper allocates again and again; size and content stay', { skip }, async (t) => {
  const path = newFile()
  writeFileSync(path, 'content')
  const allocator = allocatorOf(t, path)
  const helpers = helpersOf(path)
  assert.equal(helpers.length, 1)
  for (const blocks of [1, 3]) {
    assert.equal(await allocator.allocate(blocks * mebibyte), 'done')
    assert.ok(allocated(path) >= blocks * mebibyte)
  }
  assert.equal(readFileSync(path, 'utf8'), 'content')
  assert.deepEqual(helpersOf(path), helpers)
})

test('what a shell would take apart in a path is part of its name', { skip }, async (t) => {
  const names = ['it\'s $HOME `id` "$(id)" store; id', 'two\nlines\n\n= 0\n0', '-n', '--help/*', '\\0\\n%s', ' a\ttab ']
  for (const name of names) {
    const path = newFile(join('names', name))
    const allocator = allocatorOf(t, path)
    assert.equal(await allocator.allocate(mebibyte), 'done', name)
    assert.ok(allocated(path) >= mebibyte, name)
    assert.deepEqual(helpersOf(path).length, 1)
    assert.equal(allocator.allocateSync(2 * mebibyte), 'done', name)
    await allocator.close()
    assert.equal(await allocator.allocate(3 * mebibyte), 'done', name)
    assert.ok(allocated(path) >= 3 * mebibyte, name)
  }
})

test('a relative path is that of the one who asks, not of the helper', { skip }, async (t) => {
  const path = newFile()
  assert.equal(await allocatorOf(t, relative(process.cwd(), path)).allocate(mebibyte), 'done')
  assert.ok(allocated(path) >= mebibyte)
})

test('more than there can be is not now, and the next one is done', { skip }, async (t) => {
  const allocator = allocatorOf(t, newFile())
  assert.equal(await allocator.allocate(2 ** 52), 'notNow')
  assert.equal(allocator.allocateSync(2 ** 52), 'notNow')
  assert.equal(await allocator.allocate(mebibyte), 'done')
})

test('a file that is gone is no way, whatever its path says', { skip }, async (t) => {
  const allocator = allocatorOf(t, join(directory, 'no space: quota', 'too large'))
  assert.equal(await allocator.allocate(mebibyte), 'noWay')
  assert.equal(allocator.allocateSync(mebibyte), 'noWay')
})

test('a helper that was killed, idle or while the program ran: the program is started from here', {
  skip,
}, async (t) => {
  const [idle, busy] = [newFile(), newFile()]
  const first = allocatorOf(t, idle)
  for (const helper of helpersOf(idle)) process.kill(helper, 'SIGKILL')
  assert.equal(await first.allocate(mebibyte), 'done')
  assert.equal(await first.allocate(2 * mebibyte), 'done')
  assert.ok(allocated(idle) >= 2 * mebibyte)
  assert.deepEqual(helpersOf(idle), [])

  const mark = join(directory, 'mark')
  const kill = `if [ -e '${mark}' ]; then exec ${fallocate} "$@"; fi; : >'${mark}'; kill -9 $PPID`
  programs(t, { sh, fallocate: kill })
  const second = allocatorOf(t, busy)
  assert.equal(await second.allocate(mebibyte), 'done')
  assert.ok(existsSync(mark))
  assert.ok(allocated(busy) >= mebibyte)
})

test('a machine without sh allocates, one without fallocate says so', { skip }, async (t) => {
  const [one, other] = [newFile(), newFile()]
  programs(t, { fallocate })
  const withoutShell = allocatorOf(t, one)
  assert.equal(withoutShell.allocateSync(mebibyte), 'done')
  assert.equal(await withoutShell.allocate(2 * mebibyte), 'done')
  assert.ok(allocated(one) >= 2 * mebibyte)
  await withoutShell.close()
  for (const found of [{ sh }, {}] as const) {
    programs(t, found)
    const allocator = allocatorOf(t, other)
    assert.equal(allocator.allocateSync(mebibyte), 'noWay')
    assert.equal(await allocator.allocate(mebibyte), 'noWay')
    await allocator.close()
  }
})

test('where there is no sh, no process is killed in its place, however soon the allocator is closed', {
  skip,
}, async (t) => {
  const kill = t.mock.method(ChildProcess.prototype, 'kill', () => true)
  programs(t, {})
  await allocatorOf(t, newFile()).close()
  assert.equal(kill.mock.callCount(), 0)
})

test('what the program says decides, in whichever way it is started', { skip }, async (t) => {
  const verdicts = {
    'echo "fallocate: fallocate failed: No space left on device" >&2; exit 1': 'notNow',
    'echo "fallocate: fallocate failed: Disk quota exceeded" >&2; exit 1': 'notNow',
    'echo "fallocate: fallocate failed: Operation not supported" >&2; exit 1': 'noWay',
    'echo "fallocate: /no space/quota: fallocate failed: Operation not supported" >&2; exit 1': 'noWay',
    'printf "0\\n= 0\\n" >&2; exit 1': 'noWay',
    // Ended from outside: nothing is known, and the next one may be done.
    'kill -9 $$': 'notNow',
    'exit 0': 'done',
  }
  for (const [script, verdict] of Object.entries(verdicts)) {
    programs(t, { sh, fallocate: script })
    const allocator = allocatorOf(t, newFile())
    assert.equal(await allocator.allocate(mebibyte), verdict, script)
    assert.equal(allocator.allocateSync(mebibyte), verdict, script)
    await allocator.close()
    assert.equal(await allocator.allocate(mebibyte), verdict, script)
  }
})

test('what a terminal or a supervisor sends to all processes does not end the helper', { skip }, async (t) => {
  const path = newFile()
  const allocator = allocatorOf(t, path)
  assert.equal(await allocator.allocate(mebibyte), 'done')
  const [helper = 0] = helpersOf(path)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGTSTP'] as const) process.kill(helper, signal)
  assert.equal(await allocator.allocate(2 * mebibyte), 'done')
  assert.deepEqual(helpersOf(path), [helper])
})

test('a helper that is stopped goes on when it is continued', { skip }, async (t) => {
  const path = newFile()
  const allocator = allocatorOf(t, path)
  assert.equal(await allocator.allocate(mebibyte), 'done')
  const helpers = helpersOf(path)
  for (const helper of helpers) process.kill(helper, 'SIGSTOP')
  let isDone = false
  const outcome = allocator.allocate(2 * mebibyte).finally(() => {
    isDone = true
  })
  for (let i = 0; i < 100; i++) await turn()
  assert.equal(isDone, false)
  for (const helper of helpers) process.kill(helper, 'SIGCONT')
  assert.equal(await outcome, 'done')
  assert.deepEqual(helpersOf(path), helpers)
})

test('a helper that stays stopped is given up, and does not hold up the end', { skip }, async (t) => {
  const [one, other] = [newFile(), newFile()]
  const { clock, advance } = fakeClock(start)
  const [first, second] = [allocatorOf(t, one, clock), allocatorOf(t, other, clock)]
  for (const helper of [...helpersOf(one), ...helpersOf(other)]) process.kill(helper, 'SIGSTOP')
  const outcome = first.allocate(mebibyte)
  advance(60_000)
  assert.equal(await outcome, 'done')
  assert.ok(allocated(one) >= mebibyte)
  await second.close()
  assert.deepEqual([...helpersOf(one), ...helpersOf(other)], [])
})

test('the helper holds nothing of ours: no descriptor, no variable, no folder', { skip }, async (t) => {
  const path = join(directory, 'own', 'store.mdb')
  const descriptors = (pid: number): string[] =>
    readdirSync(`/proc/${pid}/fd`)
      .filter((name) => Number(name) > 2)
      .map((name) => `${name} ${readlinkSync(`/proc/${pid}/fd/${name}`)}`)
  // What every process here has: from whoever started us.
  const other = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] })
  t.after(() => other.kill('SIGKILL'))
  await new Promise((resolve) => {
    other.stdout.once('data', resolve)
    other.stdin.write('x')
  })
  const common = descriptors(other.pid ?? 0)

  openSync(newFile('key.pem'), 'r')
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.on('listening', resolve))
  t.after(() => server.close())
  process.env['SEALGATE_TEST_SECRET'] = 'secret'
  const engine = openEmbedded({ directory: join(directory, 'own'), node: nodeA, clock: nodeClock() })
  t.after(() => engine.close())
  const [helper = 0, ...more] = helpersOf(path)
  assert.deepEqual(more, [])
  assert.deepEqual(descriptors(helper), common)
  assert.equal(readlinkSync(`/proc/${helper}/cwd`), '/')
  const variables = readFileSync(`/proc/${helper}/environ`, 'utf8').split('\0').filter(Boolean)
  assert.deepEqual(variables.map((variable) => variable.split('=')[0]).sort(), ['LC_ALL', 'PATH'])
})

test('an allocator keeps no process from ending; one that is asked or closed is waited for', { skip }, async (t) => {
  const path = newFile()
  for (const [what, said] of [
    ['neverAsk', ''],
    ['ask', 'done'],
    ['close', 'done\n0'],
  ] as const) {
    assert.deepEqual(await ending(startProcess(t, path, what)), { code: 0, said })
    await until(() => helpersOf(path).length === 0)
  }
})

test('the helper ends with the process that was killed', { skip }, async (t) => {
  const path = newFile()
  const child = startProcess(t, path, 'stay')
  const ended = ending(child)
  await until(() => allocated(path) >= mebibyte)
  assert.equal(helpersOf(path).length, 1)
  child.kill('SIGKILL')
  await ended
  await until(() => helpersOf(path).length === 0)
})

test('a process that has no descriptor left allocates; without its helper it is not now, and nothing breaks', {
  skip,
}, async (t) => {
  const limited = ['sh', '-c', 'ulimit -n 100; exec "$0" "$@"']
  const { code, said } = await ending(startProcess(t, newFile(), 'withoutDescriptors', ...limited))
  assert.deepEqual({ code, said }, { code: 0, said: 'done\ndone notNow done' })
})

test('a store in a file system that cannot works, and keeps no helper', { skip }, async (t) => {
  programs(t, {
    sh,
    flock,
    fallocate: 'echo "fallocate: fallocate failed: Operation not supported" >&2; exit 1',
  })
  const folder = join(directory, 'cannot')
  const engine = openEmbedded({ directory: folder, node: nodeA, clock: nodeClock() })
  t.after(() => engine.close())
  const { record } = await open(engine, 'a', { newUid: newUid() })
  await engine.hot.commit(appending(record.uid, 'message'))
  await until(() => helpersOf(join(folder, 'store.mdb')).length === 0)
  assert.equal(engine.health().writable, true)
})

test('a store whose directory is in use leaves no helper behind', { skip }, async (t) => {
  const folder = join(directory, 'in use')
  const engine = openEmbedded({ directory: folder, node: nodeA, clock: nodeClock() })
  t.after(() => engine.close())
  assert.equal(helpersOf(join(folder, 'store.mdb')).length, 1)
  assert.throws(() => openEmbedded({ directory: folder, node: nodeA, clock: nodeClock() }), /in use/)
  await until(() => helpersOf(join(folder, 'store.mdb')).length === 1)
  await engine.close()
  assert.equal(helpersOf(join(folder, 'store.mdb')).length, 0)
})
