import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzTargets, fuzzX509 } from './fuzzer.ts'

/** A short run; `node fuzz/x509.ts` takes as many as one has time for. */
const runs = { der: 3_000, certificate: 3_000, path: 600, crl: 1_500, crlUpload: 1_500, pem: 1_500 } as const

for (const target of fuzzTargets) {
  test(`fuzz ${target}: no exception, no answer above 20 ms, nothing changed is accepted, keys as OpenSSL reads them`, () => {
    const result = fuzzX509(target, 2026, runs[target])
    assert.equal(result.problem, null)
    assert.ok(result.accepted > 0, 'no input was accepted, so nothing behind the first check was reached')
  })
}

test('the same seed gives the same inputs', () => {
  assert.deepEqual(fuzzX509('certificate', 7, 300).accepted, fuzzX509('certificate', 7, 300).accepted)
})
