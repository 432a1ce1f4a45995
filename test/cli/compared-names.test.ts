import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { namesIn } from '../../src/auth/authentication-name.ts'
import { comparedNames, type Scheme, schemes } from '../../src/cli/cert/names.ts'
import type { AuthenticationNameSource } from '../../src/registry/view.ts'
import { parseDistinguishedName } from '../../src/x509/distinguished-name.ts'
import type { GeneralName } from '../../src/x509/general-name.ts'
import { createSelfSigned } from '../../src/x509/issue.ts'
import { key, valid } from '../x509/kit.ts'

const sourceOf: Readonly<Record<Scheme, AuthenticationNameSource>> = {
  SubjectMatchesAuthenticationName: 'ClientCertificateSubject',
  DnsMatchesAuthenticationName: 'ClientCertificateDns',
  UriMatchesAuthenticationName: 'ClientCertificateUri',
  IpMatchesAuthenticationName: 'ClientCertificateIp',
  EmailMatchesAuthenticationName: 'ClientCertificateEmail',
}

const text = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('*.example', 'a\u0000b', '', 'xn--a.example'))
const octets = text.map((value) => new Uint8Array(Buffer.from(value, 'latin1')))
const generalName: fc.Arbitrary<GeneralName> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('dNSName' as const, 'rfc822Name' as const, 'uniformResourceIdentifier' as const),
    text: fc.constant(null),
    octets,
  }),
  fc.record({ kind: fc.constant('iPAddress' as const), octets: fc.uint8Array({ maxLength: 17 }) }),
)
const subject = fc.constantFrom(
  '',
  'CN=a',
  'CN=a,CN=b',
  'CN=a+CN=b',
  'O=Acme',
  'CN=a\\00b',
  'CN=#1E03000041',
  'CN=#140180',
)

test('cert inspect shows exactly the names that the broker compares', () => {
  fc.assert(
    fc.property(subject, fc.array(generalName, { maxLength: 6 }), (name, subjectAltNames) => {
      const parsed = parseDistinguishedName(name)
      assert.ok(parsed.ok)
      const { certificate } = createSelfSigned({ subject: parsed.value, subjectAltNames, key: key(0), ...valid })
      for (const scheme of schemes) {
        const usable = comparedNames(certificate, scheme).filter(({ unusable }) => unusable === null)
        const looked = namesIn(certificate, sourceOf[scheme]).filter(({ kind }) => kind !== 'unusable')
        assert.deepEqual(
          usable.map((one) => one.text),
          looked.map((one) => one.text),
        )
      }
    }),
    { numRuns: 300 },
  )
})
