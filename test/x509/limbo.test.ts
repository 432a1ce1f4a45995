import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type UnixSeconds, unixSeconds } from '../../src/base/time.ts'
import { type Certificate, parseCertificate } from '../../src/x509/certificate.ts'
import { readRevocationList } from '../../src/x509/crl.ts'
import { DenyList } from '../../src/x509/deny-list.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import { findPath } from '../../src/x509/path.ts'
import { type RegisteredRevocationList, Revocation } from '../../src/x509/revocation.ts'
import { noSkew, verdict } from './kit.ts'
import { limboDifferences } from './limbo-differences.ts'

/**
 * The cases of x509-limbo (C2SP), which this project does not carry: name its JSON file, plain or gzip, in
 * SEALGATE_LIMBO.
 */
const file = process.env['SEALGATE_LIMBO'] ?? ''

interface LimboCase {
  readonly id: string
  readonly validation_kind: 'CLIENT' | 'SERVER'
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly validation_time: string | null
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly max_chain_depth: number | null
  /** PEM. */
  readonly crls?: readonly string[]
}

/** Names of servers are judged elsewhere, not by the path. */
const notApplicable = /^(?:webpki::san|webpki::cn)::/

/** Cases without a time of their own are valid for centuries. */
const defaultTime = '2026-07-01T00:00:00Z'

function der(pem: string): Uint8Array {
  return new Uint8Array(Buffer.from(pem.replace(/-----[^-]*-----|\s/g, ''), 'base64'))
}

/** Null: the list of a CA that has nothing to do with the case. */
function readList(list: Uint8Array, anchors: readonly Certificate[], now: UnixSeconds) {
  let refused: string | null = null
  for (const authority of anchors) {
    const read = readRevocationList({ der: list, authority, now, skewSeconds: 0, inUse: null })
    if (read.ok) return { authority, list: read.value }
    if (read.error.kind !== 'issuerMismatch') refused = read.error.kind
  }
  return refused
}

function judge(limbo: LimboCase): string {
  const leaf = parseCertificate(der(limbo.peer_certificate))
  if (!leaf.ok) return leaf.error.kind
  const anchors = limbo.trusted_certs.flatMap((pem): Certificate[] => {
    const read = parseCertificate(der(pem))
    return read.ok ? [read.value] : []
  })
  const now = unixSeconds(Math.floor(Date.parse(limbo.validation_time ?? defaultTime) / 1000))
  const lists: RegisteredRevocationList[] = []
  for (const [index, text] of (limbo.crls ?? []).entries()) {
    const read = readList(der(text), anchors, now)
    // A list that nobody may upload protects nobody: whoever brings it is told so.
    if (typeof read === 'string') return `list ${read}`
    if (read !== null) lists.push({ name: `list ${index}`, ...read })
  }
  return verdict(
    findPath({
      leaf: leaf.value,
      sent: limbo.untrusted_intermediates.map(der),
      anchors,
      now,
      revocation: new Revocation({ denyList: new DenyList(), lists, refuseStale: true }),
      skew: noSkew,
      purpose: limbo.validation_kind === 'SERVER' ? ExtendedKeyUsage.ServerAuth : ExtendedKeyUsage.ClientAuth,
      // Theirs counts intermediates, ours all certificates of the path.
      ...(limbo.max_chain_depth === null ? {} : { limits: { pathLength: Math.min(limbo.max_chain_depth + 2, 6) } }),
    }),
  )
}

function load(): readonly LimboCase[] {
  const bytes = readFileSync(file)
  const text = bytes[0] === 0x1f ? gunzipSync(bytes).toString('utf8') : bytes.toString('utf8')
  const { testcases } = JSON.parse(text) as { readonly testcases: readonly LimboCase[] }
  return testcases.filter(({ id }) => !notApplicable.test(id))
}

if (file === '') {
  test('x509-limbo: no corpus was named in SEALGATE_LIMBO, so no case is judged here', () => {
    for (const [id, { expected, ours }] of Object.entries(limboDifferences)) {
      assert.notEqual(expected === 'SUCCESS', ours === 'ok', `${id} is listed but is no difference`)
    }
  })
} else {
  test('x509-limbo: every verdict is the expected one or a named difference, and no difference is stale', (t) => {
    const cases = load()
    assert.ok(cases.length > 0, `no case in ${file}`)
    const found: Record<string, { expected: string; ours: string }> = {}
    for (const limbo of cases) {
      const ours = judge(limbo)
      if ((ours === 'ok') !== (limbo.expected_result === 'SUCCESS')) {
        found[limbo.id] = { expected: limbo.expected_result, ours }
      }
    }
    const named = Object.fromEntries(
      Object.entries(limboDifferences).map(([id, { expected, ours }]) => [id, { expected, ours }]),
    )
    const count = Object.keys(found).length
    const lenient = Object.values(found).filter(({ ours }) => ours === 'ok').length
    t.diagnostic(
      `${cases.length} cases, ${cases.length - count} as expected, ${lenient} accepted and ${count - lenient} refused on purpose`,
    )
    assert.deepEqual(found, named)
  })
}
