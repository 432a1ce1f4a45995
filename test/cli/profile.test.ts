import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { limitsNotYetEnforced } from '../../src/cli/profile/known-differences.ts'
import { profileTable } from '../../src/registry/profile.ts'
import { sealgate, temporaryPlace } from './run.ts'

const source = join(import.meta.dirname, '..', '..', 'src')

test('profile show has every row of the table, of both profiles or of one', async (t) => {
  const place = temporaryPlace(t)
  const both = await sealgate(place, 'profile', 'show')
  assert.equal(both.code, 0)
  for (const { name } of profileTable) assert.match(both.out, new RegExp(`^${name} `, 'm'))
  const one = await sealgate(place, 'profile', 'show', '--profile', 'event-grid', '-o', 'json')
  const rows = JSON.parse(one.out)
  assert.equal(rows.length, profileTable.length)
  const quality = rows.find(({ name }: { name: string }) => name === 'maximumQoS')
  assert.deepEqual([quality['event-grid'], quality.full, quality.enforced], [1, undefined, true])
})

test('one limit is shown by its name, and a mistyped one is guessed', async (t) => {
  const place = temporaryPlace(t)
  const shown = await sealgate(place, 'profile', 'show', 'MAXIMUMQOS')
  assert.match(shown.out, /^NAME {8}EVENT-GRID {2}FULL {2}UNIT {2}MEANING\nmaximumQoS {2}1 {11}2 {5}/)
  const typo = await sealgate(place, 'profile', 'show', 'maximumQos2')
  assert.deepEqual(
    [typo.code, typo.err],
    [1, 'sealgate profile show: there is no limit maximumQos2\n  Did you mean maximumQoS?\n'],
  )
  assert.match(
    (await sealgate(place, 'profile', 'show', '--differences')).out,
    /^Where Azure documents something else\n/,
  )
})

test('exactly the limits that nothing asks for are listed as not enforced yet', () => {
  // The registry names each row once; who enforces a row names it again, elsewhere.
  const elsewhere = globSync('{auth,broker,registry,listeners,api,adapters,main}/**/*.ts', { cwd: source })
    .filter((path) => !path.endsWith('profile-rows.ts'))
    .map((path) => readFileSync(join(source, path), 'utf8'))
    .join('\n')
  const unused = profileTable.map(({ name }) => name).filter((name) => !new RegExp(`\\b${name}\\b`).test(elsewhere))
  assert.deepEqual(
    [...limitsNotYetEnforced].sort(),
    unused.sort(),
    'see src/cli/profile/known-differences.ts, then npm run docs',
  )
})
