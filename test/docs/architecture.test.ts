import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allowed, brokerRooms } from '../architecture-table.ts'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')

test('ARCHITECTURE.md has every room and no other', () => {
  const drawn = [...page.matchAll(/^ {2}(\w+)(?:\/|(\.ts)) /gm)].map(([, name = '', end = '']) => `${name}${end}`)
  assert.deepEqual(drawn.sort(), readdirSync(join(root, 'src')).sort())
})

test('its table of imports is the one that the build holds to', () => {
  const rows = [...page.matchAll(/^\| ([\w, ]+) \| ([^|]+) \|$/gm)].flatMap(([, rooms = '', imports = '']) =>
    rooms.split(', ').map((room) => [room, imports.trim()] as const),
  )
  const written = Object.fromEntries(
    rows
      .filter(([room]) => room in allowed && room !== 'main')
      .map(([room, imports]) => [
        room,
        imports === 'nothing'
          ? []
          : imports.split(', ').map((one) =>
              one
                .replace(' (types)', ':types')
                .replace(/^broker \(`(.+)` only\)$/, 'broker/$1')
                .replace(/^(config|main)$/, '$1.ts'),
            ),
      ]),
  )
  const { 'main.ts': _, main: __, 'config.ts': ___, ...held } = allowed
  const sorted = (table: Readonly<Record<string, readonly string[]>>) =>
    Object.fromEntries(Object.entries(table).map(([room, imports]) => [room, [...imports].sort()]))
  assert.deepEqual(sorted(written), sorted(held))
})

test('the rooms of the broker stand there in the order that the build holds to', () => {
  const drawn = [...page.matchAll(/^\| `broker\/(\w+)\/` \|/gm)].map(([, name]) => name)
  assert.deepEqual(drawn, [...brokerRooms])
})

test('the files that it names are there', () => {
  const names = [...page.matchAll(/`((?:src|test|docs)\/[\w./-]+|[\w-]+\.ts)`/g)].map(([, name = '']) => name)
  assert.ok(names.length > 8)
  for (const name of names)
    assert.ok(existsSync(join(root, name)) || globSync(`src/**/${name}`, { cwd: root }).length > 0, name)
})
