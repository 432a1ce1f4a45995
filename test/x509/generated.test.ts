import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { type GeneratedCase, generateCases } from './generated-cases.ts'
import { opensslDifferences } from './generated-differences.ts'
import { now, parse, pem, search, verdict } from './kit.ts'

/** Cases of the categories of x509-limbo, made here: each judged by us and by openssl. */
const cases = generateCases()
let folder = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sealgate-generated-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function ours({ leaf, sent, anchors }: GeneratedCase): string {
  const read = parseCertificate(leaf)
  return read.ok ? verdict(search(read.value, sent, anchors.map(parse))) : read.error.kind
}

function opensslAccepts({ leaf, sent, anchors }: GeneratedCase): boolean {
  writeFileSync(join(folder, 'leaf.pem'), pem(leaf))
  writeFileSync(join(folder, 'sent.pem'), sent.map(pem).join(''))
  writeFileSync(join(folder, 'anchors.pem'), anchors.map(pem).join(''))
  const rules = ['-partial_chain', '-x509_strict', '-purpose', 'sslclient', '-attime', `${now}`]
  const trust = [
    '-no-CApath',
    '-no-CAstore',
    '-CAfile',
    'anchors.pem',
    ...(sent.length === 0 ? [] : ['-untrusted', 'sent.pem']),
  ]
  const run = spawnSync('openssl', ['verify', ...rules, ...trust, 'leaf.pem'], { cwd: folder, encoding: 'utf8' })
  assert.equal(run.error, undefined, 'this test needs the openssl program')
  return run.status === 0
}

test('there are at least 120 generated cases, each with a name of its own', () => {
  assert.ok(cases.length >= 120, `${cases.length}`)
  assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length)
})

for (const generated of cases) {
  test(`generated ${generated.id}: ${generated.expected}`, () => {
    assert.equal(ours(generated), generated.expected)
  })
}

test('openssl verify agrees but for the named differences, and none of those is stale', (t) => {
  const found: Record<string, string> = {}
  for (const generated of cases) {
    const accepts = opensslAccepts(generated)
    if (accepts !== (generated.expected === 'ok')) found[generated.id] = accepts ? 'accepts' : 'refuses'
  }
  const named = Object.fromEntries(Object.entries(opensslDifferences).map(([id, { openssl }]) => [id, openssl]))
  const count = Object.keys(found).length
  t.diagnostic(`${cases.length} cases, openssl agrees in ${cases.length - count}`)
  assert.deepEqual(found, named)
})
