import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constructed, primitive } from '../../src/x509/der.ts'
import { element, objectIdentifier, sequence, text } from '../../src/x509/der-writer.ts'
import { ExtensionId } from '../../src/x509/extensions.ts'
import { type GeneralName, matchableText } from '../../src/x509/general-name.ts'
import { forge, leafExtensions, name, openssl, parse, pem } from './kit.ts'

/** The names of a certificate whose subjectAltName holds these elements. */
function names(...elements: readonly Uint8Array[]): readonly GeneralName[] {
  const value = sequence(...elements)
  return parse(forge({ extensions: leafExtensions({ oid: ExtensionId.SubjectAltName, critical: false, value }) }))
    .subjectAltNames
}

function matchable(tag: number, content: string | Uint8Array): string | null {
  const octets = typeof content === 'string' ? Buffer.from(content, 'latin1') : content
  return matchableText(names(element(tag, octets))[0]!)
}

const dns = primitive(2)
const email = primitive(1)
const uri = primitive(6)
const ip = primitive(7)

test('RFC 5280 4.2.1.6: every kind of general name is told apart', () => {
  const kinds = names(
    element(constructed(0), objectIdentifier('1.2.3'), element(constructed(0), text(0x0c, 'x'))),
    element(email, Buffer.from('e@x.example')),
    element(dns, Buffer.from('a.example')),
    element(constructed(3), new Uint8Array(0)),
    element(constructed(4), name('CN=x').der),
    element(constructed(5), new Uint8Array(0)),
    element(uri, Buffer.from('urn:x')),
    element(ip, Uint8Array.of(10, 0, 0, 7)),
    element(primitive(8), Uint8Array.of(0x2a, 3)),
  ).map(({ kind }) => kind)
  assert.deepEqual(kinds, [
    'otherName',
    'rfc822Name',
    'dNSName',
    'x400Address',
    'directoryName',
    'ediPartyName',
    'uniformResourceIdentifier',
    'iPAddress',
    'registeredID',
  ])
})

test('names are compared as the octets of the certificate say, commas and colons included', () => {
  assert.equal(matchable(uri, 'http://x/,DNS:admin'), 'http://x/,DNS:admin')
  assert.equal(matchable(dns, 'a.example, DNS:b.example'), 'a.example, DNS:b.example')
  assert.equal(matchable(email, '"a b"@x.example'), '"a b"@x.example')
  assert.equal(matchable(dns, 'my device'), 'my device')
})

test('S6: a dNSName with an asterisk never matches', () => {
  assert.equal(matchable(dns, '*.example'), null)
  assert.equal(matchable(dns, 'a*.example'), null)
  assert.equal(matchable(uri, 'urn:*'), 'urn:*')
})

test('S5: NUL, control characters and octets that are not IA5String never match', () => {
  for (const content of ['admin\0.evil.example', 'a\nb', 'a\x7f', 'stra\xdfe.example', '', '\x1b]0;x\x07']) {
    assert.equal(matchable(dns, content), null, JSON.stringify(content))
  }
})

test('S7: an iPAddress of other than 4 or 16 octets never matches, and the certificate is still read', () => {
  assert.equal(matchable(ip, Uint8Array.of(10, 0, 0, 7)), '10.0.0.7')
  assert.equal(matchable(ip, new Uint8Array(16)), '::')
  for (const length of [0, 1, 3, 5, 8, 15, 17, 32]) assert.equal(matchable(ip, new Uint8Array(length)), null)
})

test('kinds that no scheme reads never match', () => {
  for (const [tag, content] of [
    [constructed(4), name('CN=x').der],
    [primitive(8), Uint8Array.of(0x2a, 3)],
    [constructed(0), objectIdentifier('1.2.3')],
  ] as const) {
    assert.equal(matchable(tag, content), null)
  }
})

test('what we call matchable is what openssl prints', () => {
  const value = sequence(
    element(dns, Buffer.from('a.example')),
    element(ip, Uint8Array.of(10, 0, 0, 7)),
    element(email, Buffer.from('e@x.example')),
    element(uri, Buffer.from('urn:dev:7')),
  )
  const der = forge({ extensions: leafExtensions({ oid: ExtensionId.SubjectAltName, critical: false, value }) })
  const { output } = openssl(['x509', '-in', 'a.pem', '-noout', '-ext', 'subjectAltName'], { 'a.pem': pem(der) })
  assert.deepEqual(
    /DNS:.*/
      .exec(output)![0]
      .split(', ')
      .map((entry) => entry.replace(/^[^:]*:/, '')),
    parse(der).subjectAltNames.map(matchableText),
  )
})
