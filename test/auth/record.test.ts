import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { authenticate } from '../../src/auth/authenticate.ts'
import { connackReasonCode, connackReturnCode, reasonStringFor } from '../../src/auth/connack-reason.ts'
import { type Authentication, type DecisionCode, decisionCodes } from '../../src/auth/decision.ts'
import type { ConnectEvidence } from '../../src/auth/evidence.ts'
import { printable, printableBytes, printableList } from '../../src/auth/printable.ts'
import { remedyFor } from '../../src/auth/remedy.ts'
import { recordedClientId, recordedUsername } from '../../src/auth/secrets.ts'
import { unixSeconds } from '../../src/base/time.ts'
import { ReasonCode, ReturnCode } from '../../src/mqtt/reason-code.ts'
import { day, issue, noon } from './certificates.ts'
import { evidenceOf, TestNamespace, verdictOf } from './support.ts'

const CA = issue({ subject: 'CA', ca: true })
const now = unixSeconds(noon)

function namespace(): TestNamespace {
  const view = new TestNamespace()
  view.ca('CA', CA.der)
  view.client({ name: 'Alpha' })
  view.client({ name: 'off', enabled: false })
  view.client({ name: 'thumb', validationScheme: 'ThumbprintMatch', allowedThumbprints: ['AB'.repeat(32)] })
  return view
}

function decide(facts: Partial<ConnectEvidence>): Authentication {
  return authenticate(evidenceOf(facts), namespace(), { now })
}

// -------------------------------------------------------------------------------------------- what is shown

test('text of a peer is escaped where it controls, hides or reverses, and kept otherwise', () => {
  assert.equal(printable('Préss 12 ✓ "q" \\'), 'Préss 12 ✓ "q" \\')
  assert.equal(printable('\x1b]0;x\x07\u009b'), '\\u{1b}]0;x\\u{7}\\u{9b}')
  assert.equal(printable('a\u202eb\u200bc\u2028d\ufeff\ud800'), 'a\\u{202e}b\\u{200b}c\\u{2028}d\\u{feff}\\u{d800}')
})

test('property: printable text is at most 256 bytes, well formed, without a control, and a second pass changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      const shown = printable(text)
      assert.ok(Buffer.byteLength(shown) <= printableBytes)
      assert.ok(shown.isWellFormed())
      assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      assert.equal(printable(shown), shown)
    }),
  )
})

test('text is cut at 256 bytes with a mark', () => {
  assert.equal(printable('a'.repeat(256)), 'a'.repeat(256))
  assert.equal(printable('a'.repeat(257)), `${'a'.repeat(253)}…`)
  assert.equal(printable('é'.repeat(129)), `${'é'.repeat(126)}…`)
  assert.equal(printableList(['a', 'b']), 'a, b')
  assert.equal(Buffer.byteLength(printableList(Array(1e6).fill('abc'))), 256)
})

test('every step of a decision is printable, whatever the certificate holds', () => {
  const hostile = '\x1b[2J\u202e<img onerror=x>\r\n'
  const certificate = issue({ subject: [['CN', hostile]], issuer: CA, dns: ['\0\x1b'], uri: ['javascript:\x07'] })
  const view = namespace()
  view.alternativeAuthenticationNameSources = ['ClientCertificateUri']
  for (const username of [null, hostile, 'Alpha', 'thumb']) {
    const result = authenticate(evidenceOf({ peerChain: [certificate.der], username }), view, { now })
    assert.doesNotMatch(JSON.stringify(result.explanation), /\\u00|\\r|\\n|\u202e/)
  }
})

// --------------------------------------------------------------------------------------------------- secrets

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwcmVzcy0xMiJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ'
const sas = 'SharedAccessSignature sr=hub.example%2Fdevices%2Fd1&sig=c2VjcmV0c2VjcmV0&se=1790000000'

test('S60: a token or a too long text in the Username field leaves its length and eight digits', () => {
  for (const secret of [jwt, sas, `hub/d1/?api-version=2021&sig=abc`, `Bearer ${jwt}`, 'p'.repeat(129)]) {
    const view = namespace()
    for (const peerChain of [[], [issue({ subject: 'x', issuer: CA }).der]]) {
      const result = authenticate(evidenceOf({ username: secret, peerChain }), view, { now })
      assert.ok(!JSON.stringify(result).includes(secret.slice(0, 24)), secret)
      assert.match(result.explanation.authenticationName ?? '', /^\(\d+ characters, SHA-256 [0-9a-f]{8}\)$/)
    }
    const shown = recordedUsername(secret, false)
    assert.ok(!shown?.includes(secret.slice(0, 16)))
    assert.notEqual(shown, recordedUsername(`${secret}x`, false))
  }
})

test('S60: a token in the Client Identifier leaves its length and eight digits, any other one is shown', () => {
  for (const secret of [jwt, `Bearer ${jwt}`, sas]) {
    const shown = recordedClientId(secret)
    assert.match(shown ?? '', new RegExp(`^\\(${secret.length} characters, SHA-256 [0-9a-f]{8}\\)$`))
  }
  assert.equal(recordedClientId('press-12'), 'press-12')
  assert.equal(recordedClientId(null), null)
})

test('S60: a registered name is shown whatever it looks like, and so is a name of at most 128 characters', () => {
  assert.equal(recordedUsername(jwt, true), jwt)
  assert.equal(recordedUsername('p'.repeat(128), false), 'p'.repeat(128))
  assert.equal(recordedUsername('😀'.repeat(64), false), '😀'.repeat(64))
  assert.equal(recordedUsername(null, false), null)
  const view = namespace()
  view.client({ name: 'token', authenticationName: jwt })
  const { der } = issue({ subject: jwt, issuer: CA })
  const result = authenticate(evidenceOf({ username: jwt, peerChain: [der] }), view, { now })
  assert.equal(result.explanation.authenticationName, jwt)
})

// ------------------------------------------------------------------------------------------- what the peer sees

test('S57: every refusal that depends on registry or certificate looks the same', () => {
  const refusals: readonly Partial<ConnectEvidence>[] = [
    {},
    { username: 'Alpha' },
    { username: 'nobody', peerChain: [issue({ subject: 'x' }).der] },
    { username: 'off', peerChain: [issue({ subject: 'off', issuer: CA }).der] },
    { username: 'Alpha', peerChain: [issue({ subject: 'Alpha' }).der] },
    { username: 'Alpha', peerChain: [issue({ subject: 'x', issuer: CA }).der] },
    { username: 'Alpha', peerChain: [issue({ subject: 'Alpha', issuer: CA, notAfter: noon - day }).der] },
    { username: 'thumb', peerChain: [issue({ subject: 'x' }).der] },
    { peerChain: [Uint8Array.of(0)] },
  ]
  const codes = new Set<string>()
  for (const facts of refusals) {
    const result = decide(facts)
    assert.ok(result.outcome === 'refused')
    codes.add(result.code)
    assert.equal(connackReasonCode(result.code), ReasonCode.NotAuthorized)
    assert.equal(connackReturnCode(result.code), ReturnCode.NotAuthorized)
  }
  assert.equal(codes.size, 8)
})

test('S59: only a peer whose certificate reached a registered CA, or matched the thumbprint, reads the code', () => {
  const selfSigned = issue({ subject: 'probe' }).der
  const issued = (subject: string) => issue({ subject, issuer: CA }).der
  const expired = issue({ subject: 'Alpha', issuer: CA, notBefore: noon - 2 * day, notAfter: noon - day }).der
  const foreign = issue({ subject: 'Alpha', issuer: issue({ subject: 'CA', ca: true }) }).der
  const table: readonly (readonly [Partial<ConnectEvidence>, boolean])[] = [
    [{ username: 'Alpha', peerChain: [selfSigned] }, false],
    [{ username: 'absent', peerChain: [selfSigned] }, false],
    [{ username: 'off', peerChain: [selfSigned] }, false],
    [{ username: 'thumb', peerChain: [selfSigned] }, false],
    [{ username: 'Alpha', peerChain: [] }, false],
    [{ username: 'Alpha', peerChain: [foreign] }, false],
    [{ username: 'Alpha', peerChain: [issued('x')] }, true],
    [{ username: 'absent', peerChain: [issued('x')] }, true],
    [{ username: 'off', peerChain: [issued('off')] }, true],
    [{ username: 'Alpha', peerChain: [expired] }, true],
  ]
  for (const [facts, proven] of table) {
    const result = decide(facts)
    assert.ok(result.outcome === 'refused')
    const expected = proven ? result.code : 'notAuthorized'
    assert.equal(reasonStringFor(result, true), expected, verdictOf(result))
    assert.equal(reasonStringFor(result, false), null)
  }
})

test('S59: a self-signed probe of a registered and of an absent name reads equal words', () => {
  const { der } = issue({ subject: 'Alpha' })
  const words = ['Alpha', 'thumb', 'off', 'absent'].map((username) => {
    const result = decide({ username, peerChain: [der] })
    assert.ok(result.outcome === 'refused')
    return [connackReasonCode(result.code), reasonStringFor(result, true)].join()
  })
  assert.equal(new Set(words).size, 1)
})

test('EG 6.8: the CONNACK code of each refusal that is not the common one', () => {
  const others: Partial<Record<DecisionCode, readonly [number, number]>> = {
    authenticationMethodUnsupported: [0x8c, 0x05],
    webhookUnavailable: [0x88, 0x03],
    sessionLimitReached: [0x97, 0x03],
    namespaceSessionLimitReached: [0x97, 0x03],
    connectRateExceeded: [0x9f, 0x03],
  }
  for (const code of decisionCodes) {
    const [reasonCode, returnCode] = others[code] ?? [0x87, 0x05]
    assert.equal(connackReasonCode(code), reasonCode, code)
    assert.equal(connackReturnCode(code), returnCode, code)
  }
})

test('every code has a remedy of its own: one sentence', () => {
  const remedies = decisionCodes.map(remedyFor)
  assert.equal(new Set(remedies).size, decisionCodes.length)
  for (const remedy of remedies) assert.match(remedy, /^[A-Z][^\n]{30,300}\.$/)
})
