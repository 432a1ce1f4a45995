import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..', '..')

interface Rule {
  readonly id: string
  readonly stage: string
  readonly state: string
}

/** Rows of the page. In the last section, of later features, the second column holds no stage. */
function rules(): readonly Rule[] {
  const page = readFileSync(join(root, 'docs', 'security-rules.md'), 'utf8')
  return page.split('\n').flatMap((line) => {
    const cells = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim())
    const [id = '', kind = ''] = cells
    if (!/^S\d+$/.test(id)) return []
    const stage = kind.includes(',') ? kind.split(', ').at(-1) : 'later'
    return [{ id, stage: stage ?? '', state: cells.at(-1) ?? '' }]
  })
}

/** Ids that stand in a text of the file, such as the name of a test; comments do not count. */
function namedIn(file: string): ReadonlySet<string> {
  const source = readFileSync(join(root, file), 'utf8')
  const texts = source.matchAll(/(['"`])((?:(?!\1)[^\n\\]|\\.)*)\1/g)
  return new Set([...texts].flatMap(([, , text = '']) => text.match(/\bS\d{1,2}\b/g) ?? []))
}

test('security rules: each of S1 to S75 has one row with its stage and its state', () => {
  const expected = Array.from({ length: 75 }, (_, i) => `S${i + 1}`)
  assert.deepEqual(
    rules().map(({ id }) => id),
    expected,
  )
  for (const { id, stage, state } of rules()) {
    assert.match(stage, /^(?:core|trust|later)$/, id)
    assert.match(state, stage === 'later' ? /^(?:kept: |later: \w)/ : /^kept: /, id)
  }
})

test('security rules: each rule of the core and of trust is named by a test, and the page names tests that do', () => {
  const named = new Map(globSync('test/**/*.ts', { cwd: root }).map((file) => [file, namedIn(file)]))
  for (const { id, stage, state } of rules()) {
    const isNamed = [...named.values()].some((ids) => ids.has(id))
    assert.ok(isNamed || stage === 'later', `${id} is named by no test`)
    if (state.startsWith('later: ')) continue
    const files = [...state.matchAll(/\]\(\.\.\/(test\/[^)]+)\)/g)].map(([, file = '']) => file)
    assert.ok(files.length > 0, `${id}: no test on the page`)
    for (const file of files) assert.ok(named.get(file)?.has(id), `${file} does not name ${id}`)
  }
})
