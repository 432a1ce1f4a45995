import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { test } from 'node:test'
import { allowed, brokerRooms } from './architecture-table.ts'
import { circlesOf, importsOf } from './import-circles.ts'

const source = join(import.meta.dirname, '..', 'src')

/** Node modules that give the core a clock, a network or a disk of its own. */
const world =
  /^node:(net|tls|http|https|http2|dgram|fs|fs\/promises|child_process|worker_threads|timers|timers\/promises|os|process)$/
const outside = new Set(['listeners', 'adapters', 'api', 'cli', 'main', 'main.ts', 'config.ts'])

/** The room of a path relative to `src`: its first folder, or the file itself at the top. */
function roomOf(path: string): string {
  return path.split(sep)[0] ?? ''
}

function violations(path: string, text: string): string[] {
  const room = roomOf(path)
  const rules = allowed[room]
  if (rules === undefined) return [`${path}: no such room; name it in ARCHITECTURE.md first`]
  const found: string[] = []
  for (const { from, typesOnly } of importsOf(text)) {
    if (from.startsWith('.')) {
      const target = relative(source, join(source, dirname(path), from))
      const other = roomOf(target)
      if (other === room) continue
      const fine =
        rules.includes(other) ||
        rules.includes(target.split(sep).join('/')) ||
        (typesOnly && rules.includes(`${other}:types`))
      if (!fine) found.push(`${path} imports ${target}`)
    } else if (world.test(from) && !outside.has(room)) {
      found.push(`${path} imports ${from}`)
    }
  }
  return found
}

test('each room imports only what ARCHITECTURE.md allows it', () => {
  const files = globSync('**/*.ts', { cwd: source })
  assert.ok(files.length > 0, 'no source file found')
  assert.deepEqual(
    files.flatMap((path) => violations(path, readFileSync(join(source, path), 'utf8'))),
    [],
  )
})

test('a forbidden import is found', () => {
  assert.deepEqual(violations(join('mqtt', 'x.ts'), "import { a } from '../broker/broker.ts'"), [
    `${join('mqtt', 'x.ts')} imports ${join('broker', 'broker.ts')}`,
  ])
  assert.deepEqual(violations(join('ports', 'x.ts'), "import { a } from '../mqtt/packet.ts'").length, 1)
  assert.deepEqual(violations(join('ports', 'x.ts'), "import type { a } from '../mqtt/packet.ts'"), [])
  assert.deepEqual(violations(join('auth', 'x.ts'), "import net from 'node:net'").length, 1)
})

/** Imports within `broker/` that lead from a room to one that stands on it. */
function climbs(path: string, text: string): string[] {
  const storey = (parts: readonly string[]): number => {
    if (parts.length < 3) return brokerRooms.length
    return brokerRooms.indexOf(parts[1] ?? '')
  }
  const from = path.split(sep)
  if (from[0] !== 'broker') return []
  if (storey(from) === -1) return [`${path}: no such room; name it in ARCHITECTURE.md first`]
  return importsOf(text).flatMap((one) => {
    if (!one.from.startsWith('.')) return []
    const target = normalize(join(dirname(path), one.from))
    const to = target.split(sep)
    return to[0] === 'broker' && storey(to) > storey(from) ? [`${path} imports ${target}`] : []
  })
}

test('within the broker each room imports only those below it', () => {
  const files = globSync('broker/**/*.ts', { cwd: source })
  const found = files.flatMap((path) => climbs(path, readFileSync(join(source, path), 'utf8')))
  assert.deepEqual(found, [])
  for (const room of brokerRooms)
    assert.ok(
      files.some((path) => path.split(sep)[1] === room),
      `${room} is empty`,
    )
})

test('a way up within the broker is found', () => {
  const inMessage = join('broker', 'message', 'x.ts')
  assert.deepEqual(climbs(inMessage, "import type { a } from '../core/core.ts'"), [
    `${inMessage} imports ${join('broker', 'core', 'core.ts')}`,
  ])
  assert.equal(climbs(inMessage, "import { a } from '../broker.ts'").length, 1)
  assert.equal(climbs(join('broker', 'attic', 'x.ts'), '').length, 1)
  assert.deepEqual(climbs(inMessage, "import { a } from '../turn/arena.ts'"), [])
  assert.deepEqual(climbs(join('broker', 'x.ts'), "import { a } from './connect/connect.ts'"), [])
})

/** A namespace holds its sessions and its routes, a session its namespace, a route the sessions it leads to (ARCHITECTURE.md). */
const namespaceAndSessions = ['memory-queue', 'namespace', 'router', 'session-table', 'session', 'shared-subscription']
  .map((name) => join('broker', 'namespace', `${name}.ts`))
  .sort()

test('files do not need each other in circles, by their types neither, but for a namespace and its sessions', () => {
  const texts = new Map<string, string>()
  for (const path of globSync('**/*.ts', { cwd: source })) texts.set(path, readFileSync(join(source, path), 'utf8'))
  assert.deepEqual(circlesOf(texts), [namespaceAndSessions])
})

test('a circle of imports is found', () => {
  const texts = new Map([
    ['a.ts', "import type { B } from './room/b.ts'"],
    [join('room', 'b.ts'), "export async function load() {\n  return import('../c.ts')\n}"],
    ['c.ts', "import {\n  type A,\n} from './a.ts'\nimport { d } from './d.ts'"],
    ['d.ts', "import { readFileSync } from 'node:fs'"],
  ])
  assert.deepEqual(circlesOf(texts), [['a.ts', 'c.ts', join('room', 'b.ts')]])
})

test('the core takes time and chance from its ports only', () => {
  const banned =
    /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(|\bperformance\.now\b/
  const files = globSync('**/*.ts', { cwd: source }).filter((path) => !outside.has(roomOf(path)))
  const found = files.filter((path) => banned.test(readFileSync(join(source, path), 'utf8')))
  assert.deepEqual(found, [])
})

test('trust is never taken from the TLS layer', () => {
  // The verdict of the TLS library must not be readable anywhere: path, name and policy are judged at CONNECT.
  const banned = /\bauthorized\b|\bauthorizationError\b|\bgetPeerX509Certificate\b/
  const found = globSync('**/*.ts', { cwd: source }).filter((path) =>
    banned.test(readFileSync(join(source, path), 'utf8')),
  )
  assert.deepEqual(found, [])
})

test('a decision never waits: no async in auth and x509', () => {
  const files = globSync('{auth,x509}/**/*.ts', { cwd: source })
  const found = files.filter((path) => /\basync\b|\bawait\b/.test(readFileSync(join(source, path), 'utf8')))
  assert.deepEqual(found, [])
})
