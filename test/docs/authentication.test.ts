import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { decisionCodes } from '../../src/auth/decision.ts'

const root = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(root, 'docs/authentication.md'), 'utf8')

test('docs/authentication.md says at which step each code comes, and names no code that does not exist', () => {
  const named = new Set([...page.matchAll(/`([a-z][A-Za-z]+)`/g)].map(([, word = '']) => word))
  const codes: readonly string[] = decisionCodes
  assert.deepEqual(
    codes.filter((code) => !named.has(code)),
    [],
  )
  const cells = [...page.matchAll(/^\|.*\|.*\| ([^|]+) \|$/gm)].map(([, cell = '']) => cell)
  const inTables = cells.flatMap((cell) => [...cell.matchAll(/`([A-Za-z]+)`/g)].map(([, word = '']) => word))
  assert.ok(inTables.length > 25)
  for (const code of inTables) assert.ok(codes.includes(code), code)
})

test('its steps are called what records call them', () => {
  const sources = globSync('src/{auth,broker}/**/*.ts', { cwd: root }).map((file) =>
    readFileSync(join(root, file), 'utf8'),
  )
  const steps = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, step = '']) => step)
  assert.ok(steps.length >= 12)
  for (const step of steps)
    assert.ok(
      sources.some((text) => new RegExp(`(?<!kind: |case )'${step}'`).test(text)),
      step,
    )
})

test('the table of contents leads to every page', () => {
  const contents = readFileSync(join(root, 'docs/README.md'), 'utf8')
  for (const file of globSync('docs/*.md', { cwd: root }).map((path) => path.slice('docs/'.length)))
    if (file !== 'README.md') assert.ok(contents.includes(`](${file})`), `docs/README.md does not lead to docs/${file}`)
})
