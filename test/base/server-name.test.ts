import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizeServerName } from '../../src/base/server-name.ts'

const table: readonly (readonly [string | false | null | undefined, string | null])[] = [
  ['broker.example', 'broker.example'],
  ['BROKER.Example', 'broker.example'],
  ['broker.example.', 'broker.example'],
  ['broker.example..', null],
  ['localhost', 'localhost'],
  ['a_b.example', 'a_b.example'],
  ['', null],
  ['.', null],
  [false, null],
  [null, null],
  [undefined, null],
  ['127.0.0.1', null],
  ['127.0.0.1.', null],
  ['1.2.3', '1.2.3'],
  ['1.2.3.4.5', '1.2.3.4.5'],
  ['1.2.3.a', '1.2.3.a'],
  ['a.', 'a'],
  ['::1', null],
  ['[::1]', null],
  ['straße.example', null],
  ['\u212Aelvin.example', null],
  ['xn--strae-oqa.example', 'xn--strae-oqa.example'],
  ['a..b', null],
  ['a b', null],
  ['a/b', null],
  ['a\0b', null],
  [`${'a'.repeat(64)}.example`, null],
  [`${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
  [`${'a.'.repeat(127)}a`, null],
]

for (const [sent, expected] of table) {
  test(`S48: the server name ${JSON.stringify(sent)?.slice(0, 40)} reads ${JSON.stringify(expected)?.slice(0, 40)}`, () => {
    assert.equal(normalizeServerName(sent), expected)
  })
}
