import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authenticate, verify } from '../../src/auth/authenticate.ts'
import { connackReasonCode, connackReturnCode } from '../../src/auth/connack-reason.ts'
import type { Authentication, DecisionCode } from '../../src/auth/decision.ts'
import { PathVerdicts } from '../../src/auth/path-verdicts.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { unixSeconds } from '../../src/base/time.ts'
import type { AuthenticationNameSource, NamespaceView, ValidationScheme } from '../../src/registry/view.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { author, emptyRegistry, must, ns } from '../registry/support.ts'
import { day, issue, noon, type TestIssuer } from './certificates.ts'
import { evidenceOf, TestNamespace, verdictOf } from './support.ts'

/**
 * One namespace and 26 ways to come to it, after Azure's article on certificate authentication; 22 to 24 are about sessions
 * and stand in the broker's tests.
 */

const R = issue({ subject: 'R', ca: true })
const I1 = issue({ subject: 'I1', ca: true, issuer: R })
const I2 = issue({ subject: 'I2', ca: true, issuer: R })
const stranger = issue({ subject: 'I1', ca: true })

const alpha = issue({ subject: 'Alpha', issuer: I1 })
const alphaBravo = issue({ subject: 'Alpha', dns: ['bravo.example'], issuer: I1 })
const alphaUnknown = issue({ subject: 'Alpha', dns: ['unknown'], issuer: I1 })
const address = issue({ subject: 'x', ip: [Uint8Array.of(10, 0, 0, 7)], issuer: I1 })
const urn = issue({ subject: [], uri: ['urn:dev:7'], issuer: I1 })
const email = issue({ subject: 'x', email: ['e@x.example'], issuer: I1 })
const h1 = issue({ subject: 'anything', key: R.key })
const h2 = issue({ subject: 'anything' })
const h3 = issue({ subject: 'anything' })
const selfSignedAlpha = issue({ subject: 'Alpha' })
const foreignAlpha = issue({ subject: 'Alpha', issuer: stranger })
const alphaUnderI2 = issue({ subject: 'Alpha', issuer: I2 })
const zulu = issue({ subject: 'zulu', issuer: I1 })
const expired = issue({ subject: 'Alpha', issuer: I1, notBefore: noon - 2 * day, notAfter: noon - day })

interface TestClient {
  readonly name: string
  readonly authenticationName: string
  readonly validationScheme: ValidationScheme
  readonly allowedThumbprints?: readonly string[]
  readonly enabled?: boolean
}

const clients: readonly TestClient[] = [
  { name: 'A', authenticationName: 'Alpha', validationScheme: 'SubjectMatchesAuthenticationName' },
  { name: 'B', authenticationName: 'bravo.example', validationScheme: 'DnsMatchesAuthenticationName' },
  { name: 'C', authenticationName: '10.0.0.7', validationScheme: 'IpMatchesAuthenticationName' },
  { name: 'D', authenticationName: 'urn:dev:7', validationScheme: 'UriMatchesAuthenticationName' },
  { name: 'E', authenticationName: 'e@x.example', validationScheme: 'EmailMatchesAuthenticationName' },
  {
    name: 'T',
    authenticationName: 'tango',
    validationScheme: 'ThumbprintMatch',
    allowedThumbprints: [thumbprintsOf(h1.der).sha256, thumbprintsOf(h2.der).sha256],
  },
  { name: 'Z', authenticationName: 'zulu', validationScheme: 'SubjectMatchesAuthenticationName', enabled: false },
]

interface Situation {
  readonly sources: readonly AuthenticationNameSource[]
  readonly cas: Readonly<Record<string, TestIssuer>>
}

const usual: Situation = { sources: ['ClientCertificateDns', 'ClientCertificateSubject'], cas: { ca1: I1 } }
const withRoot: Situation = { ...usual, cas: { ca1: I1, root: R } }
const withoutSources: Situation = { ...usual, sources: [] }

/** The namespace as these tests build it, and as the registry reads it from its store. */
const namespaces: Readonly<Record<string, (situation: Situation) => NamespaceView | Promise<NamespaceView>>> = {
  'a namespace of the test': ({ sources, cas }) => {
    const view = new TestNamespace()
    view.alternativeAuthenticationNameSources = sources
    for (const [name, { der }] of Object.entries(cas)) view.ca(name, der)
    for (const client of clients) view.client(client)
    return view
  },
  'a namespace of the registry': async ({ sources, cas }) => {
    const registry = await emptyRegistry()
    const configuration = {
      state: 'Enabled',
      clientAuthentication: { alternativeAuthenticationNameSources: sources },
    }
    const body = { location: 'local', properties: { topicSpacesConfiguration: configuration } }
    must(await registry.put(ns('plant'), body, author, { apiVersion: '2025-07-15-preview' }))
    for (const [name, { der }] of Object.entries(cas)) {
      const encodedCertificate = `-----BEGIN CERTIFICATE-----${Buffer.from(der).toString('base64')}-----END CERTIFICATE-----`
      must(await registry.put(ns('plant', 'caCertificates', name), { properties: { encodedCertificate } }, author))
    }
    for (const { name, authenticationName, validationScheme, allowedThumbprints, enabled = true } of clients) {
      const clientCertificateAuthentication = { validationScheme, allowedThumbprints }
      const state = enabled ? 'Enabled' : 'Disabled'
      const properties = { authenticationName, state, clientCertificateAuthentication }
      must(await registry.put(ns('plant', 'clients', name), { properties }, author))
    }
    const view = registry.view.namespaceByName('plant')
    assert.ok(view !== undefined)
    return view
  },
}

interface Vector {
  readonly number: number
  readonly says: string
  readonly chain: readonly TestIssuer[]
  readonly username: string | null
  /** Authentication name of the client that is accepted, or the code of the refusal. */
  readonly expected: { readonly accepts: string } | { readonly refuses: DecisionCode }
  readonly situation?: Situation
}

const vectors: readonly Vector[] = [
  {
    number: 1,
    says: 'CN, Username of the same spelling',
    chain: [alpha],
    username: 'Alpha',
    expected: { accepts: 'Alpha' },
  },
  { number: 2, says: 'CN, Username in capitals', chain: [alpha], username: 'ALPHA', expected: { accepts: 'Alpha' } },
  {
    number: 3,
    says: 'no DNS entry, so the subject names',
    chain: [alpha],
    username: null,
    expected: { accepts: 'Alpha' },
  },
  {
    number: 4,
    says: 'the DNS entry names first',
    chain: [alphaBravo],
    username: null,
    expected: { accepts: 'bravo.example' },
  },
  {
    number: 5,
    says: 'Username over the DNS entry',
    chain: [alphaBravo],
    username: 'Alpha',
    expected: { accepts: 'Alpha' },
  },
  {
    number: 6,
    says: 'an unknown DNS entry decides',
    chain: [alphaUnknown],
    username: null,
    expected: { refuses: 'clientNotFound' },
  },
  { number: 7, says: 'an address', chain: [address], username: '10.0.0.7', expected: { accepts: '10.0.0.7' } },
  {
    number: 8,
    says: 'an address is no listed source',
    chain: [address],
    username: null,
    expected: { refuses: 'clientNotFound' },
  },
  {
    number: 9,
    says: 'a URI with an empty subject',
    chain: [urn],
    username: 'urn:dev:7',
    expected: { accepts: 'urn:dev:7' },
  },
  { number: 10, says: 'a mail address', chain: [email], username: 'e@x.example', expected: { accepts: 'e@x.example' } },
  { number: 11, says: 'the primary thumbprint', chain: [h1], username: 'tango', expected: { accepts: 'tango' } },
  { number: 12, says: 'the secondary thumbprint', chain: [h2], username: 'tango', expected: { accepts: 'tango' } },
  {
    number: 13,
    says: 'another thumbprint',
    chain: [h3],
    username: 'tango',
    expected: { refuses: 'thumbprintMismatch' },
  },
  {
    number: 14,
    says: 'self-signed with the right CN',
    chain: [selfSignedAlpha],
    username: 'Alpha',
    expected: { refuses: 'issuerNotRegistered' },
  },
  {
    number: 15,
    says: 'another CA of the same name',
    chain: [foreignAlpha],
    username: 'Alpha',
    expected: { refuses: 'issuerNotRegistered' },
  },
  {
    number: 16,
    says: 'an intermediate whose root is not registered',
    chain: [alphaUnderI2, I2],
    username: 'Alpha',
    expected: { refuses: 'issuerNotRegistered' },
  },
  {
    number: 17,
    says: 'the same with the root registered',
    chain: [alphaUnderI2, I2],
    username: 'Alpha',
    expected: { accepts: 'Alpha' },
    situation: withRoot,
  },
  {
    number: 18,
    says: 'the same without sending the intermediate',
    chain: [alphaUnderI2],
    username: 'Alpha',
    expected: { refuses: 'issuerNotRegistered' },
    situation: withRoot,
  },
  { number: 19, says: 'a disabled client', chain: [zulu], username: 'zulu', expected: { refuses: 'clientDisabled' } },
  {
    number: 20,
    says: 'an expired certificate',
    chain: [expired],
    username: 'Alpha',
    expected: { refuses: 'certificateExpired' },
  },
  { number: 21, says: 'no certificate', chain: [], username: 'Alpha', expected: { refuses: 'noCertificate' } },
  {
    number: 25,
    says: 'another client’s name whose scheme finds no field',
    chain: [alpha],
    username: 'bravo.example',
    expected: { refuses: 'nameMismatch' },
  },
  {
    number: 26,
    says: 'no Username and no source',
    chain: [alpha],
    username: null,
    expected: { refuses: 'usernameRequired' },
    situation: withoutSources,
  },
]

const verdicts = new PathVerdicts()

for (const [where, build] of Object.entries(namespaces)) {
  for (const { number, says, chain, username, expected, situation = usual } of vectors) {
    test(`EG A.${number}: ${says}, in ${where}`, async () => {
      const view = await build(situation)
      const expectation = 'accepts' in expected ? expected.accepts : expected.refuses
      for (const protocol of ['MQTT3', 'MQTT5'] as const) {
        const evidence = evidenceOf({ protocol, peerChain: chain.map(({ der }) => der), username })
        for (const context of [{ now: unixSeconds(noon) }, { now: unixSeconds(noon), verdicts }]) {
          check(authenticate(evidence, view, context), expectation, (principal) =>
            verify(principal, evidence, view, context),
          )
        }
      }
    })
  }
}

function check(result: Authentication, expectation: string, again: (principal: Principal) => Authentication): void {
  const { steps } = result.explanation
  assert.equal(verdictOf(result).replace('accepted ', ''), expectation)
  if (result.outcome === 'accepted') {
    assert.equal(result.explanation.authenticationName, expectation)
    assert.ok(steps.every(({ outcome }) => outcome === 'passed'))
    assert.equal(again(result.principal).outcome, 'accepted')
  } else {
    assert.ok(steps.some(({ outcome }) => outcome === 'failed'))
    assert.equal(connackReasonCode(result.code), 0x87)
    assert.equal(connackReturnCode(result.code), 0x05)
  }
}
