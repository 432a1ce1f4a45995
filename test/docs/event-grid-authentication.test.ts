import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  allTests,
  articles,
  eventGridAuthenticationPage,
  faults,
  testsOf,
} from '../../scripts/event-grid-authentication-page.ts'

const page = join(import.meta.dirname, '..', '..', 'docs', 'event-grid-authentication.md')

test('every statement of the articles has a test, and every id that a test names is a statement', () => {
  assert.ok(articles().flatMap(({ statements }) => statements).length >= 47)
  assert.deepEqual(faults(articles(), allTests()), [])
})

test('a statement that lost its test and a test without its statement are found', () => {
  const tests = testsOf("test('EGA-1 EGA-3: a', async () => {\n", 'x.test.ts')
  assert.deepEqual(tests, [{ file: 'x.test.ts', name: 'a', ids: ['EGA-1', 'EGA-3'] }])
  const statements = ['EGA-1', 'EGA-2'].map((id) => ({ id, says: '', here: 'same' as const }))
  assert.deepEqual(faults([{ page: '', statements }], tests), [
    'EGA-2 has no test',
    'a test names EGA-3, which is no statement',
  ])
})

test('docs/event-grid-authentication.md is what they say: npm run docs', () => {
  assert.equal(readFileSync(page, 'utf8'), eventGridAuthenticationPage())
})
