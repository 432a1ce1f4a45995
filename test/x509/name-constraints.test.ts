import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constructed, primitive } from '../../src/x509/der.ts'
import { element, integer, sequence } from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtensionId } from '../../src/x509/extensions.ts'
import type { GeneralName } from '../../src/x509/general-name.ts'
import { createCertificateAuthority } from '../../src/x509/issue.ts'
import {
  authority,
  authorityExtensions,
  forge,
  forgeAuthority,
  general,
  key,
  leafExtensions,
  name,
  rawName,
  search,
  valid,
  verdict,
} from './kit.ts'

interface Subtrees {
  readonly permitted?: readonly GeneralName[]
  readonly excluded?: readonly GeneralName[]
}

/** Whether an anchor with these constraints lets a leaf with these names pass. */
function passes(nameConstraints: Subtrees, names: readonly GeneralName[], subject = 'CN=dev'): boolean {
  const anchor = createCertificateAuthority({ subject: name('CN=anchor'), key: key(0), ...valid, nameConstraints })
  const extensions =
    names.length === 0 ? leafExtensions() : leafExtensions(extension.subjectAltName(names, subject === ''))
  const found = search(forge({ issuer: anchor, subject: name(subject), extensions }), [], [anchor.certificate])
  assert.ok(found.ok || (found.error.kind === 'chainInvalid' && found.error.rule === 'nameConstraints'), verdict(found))
  return found.ok
}

const dns = (text: string) => general('dNSName', text)
const email = (text: string) => general('rfc822Name', text)
const uri = (text: string) => general('uniformResourceIdentifier', text)
const ip = (text: string) => general('iPAddress', text)
const directory = (text: string): GeneralName => ({ kind: 'directoryName', name: name(text) })
const network = (...octets: readonly number[]) => rawName('iPAddress', Uint8Array.from(octets))

test('RFC 5280 4.2.1.10: a dNSName subtree is the name itself and everything below, without regard to case', () => {
  const permitted = [dns('Host.Example')]
  for (const text of ['host.example', 'HOST.example', 'a.host.example', 'a.b.host.example', '_x.host.example'])
    assert.ok(passes({ permitted }, [dns(text)]), text)
  for (const text of ['example', 'nothost.example', 'host.example.evil', 'a.example'])
    assert.ok(!passes({ permitted }, [dns(text)]), text)
  assert.ok(!passes({ excluded: permitted }, [dns('a.host.example')]))
  assert.ok(passes({ excluded: permitted }, [dns('a.example')]))
})

test('every name must fit, and what is excluded stays so although it is permitted', () => {
  assert.ok(!passes({ permitted: [dns('a.example')] }, [dns('a.example'), dns('b.example')]))
  assert.ok(passes({ permitted: [dns('a.example'), dns('b.example')] }, [dns('a.example'), dns('b.example')]))
  assert.ok(!passes({ permitted: [dns('a.example')], excluded: [dns('x.a.example')] }, [dns('x.a.example')]))
  assert.ok(!passes({ excluded: [dns('b.example'), dns('a.example')] }, [dns('ok.example'), dns('a.example')]))
})

test('names of other kinds are not constrained', () => {
  assert.ok(passes({ permitted: [dns('a.example')] }, [ip('10.0.0.1'), email('e@x.example'), uri('urn:x')]))
  assert.ok(passes({ permitted: [dns('a.example')] }, []))
})

test('a malformed name fails a constraint of its kind, and only that', () => {
  const malformed = [
    rawName('dNSName', 'my device'),
    rawName('dNSName', '*.a.example'),
    rawName('dNSName', '.a.example'),
    rawName('dNSName', 'a.example.'),
    rawName('dNSName', 'a..example'),
    rawName('dNSName', ''),
    rawName('dNSName', `${'a'.repeat(64)}.a.example`),
    rawName('dNSName', 'a.example\0'),
  ]
  for (const odd of malformed) {
    assert.ok(!passes({ permitted: [dns('a.example')] }, [odd]))
    assert.ok(!passes({ excluded: [dns('b.example')] }, [odd]))
    assert.ok(passes({ permitted: [directory('CN=dev')] }, [odd]))
    assert.ok(passes({ permitted: [email('x.example')] }, [odd]))
  }
  assert.ok(!passes({ permitted: [network(10, 0, 0, 0, 255, 0, 0, 0)] }, [network(10, 0, 0, 0, 255, 0, 0, 0)]))
  assert.ok(!passes({ permitted: [email('x.example')] }, [email('a@b@x.example')]))
})

test('a malformed subtree fails every name of its kind', () => {
  for (const odd of [
    rawName('dNSName', '.a.example'),
    rawName('dNSName', '*.a.example'),
    rawName('dNSName', 'a example'),
  ]) {
    assert.ok(!passes({ permitted: [odd] }, [dns('x.a.example')]))
    assert.ok(!passes({ excluded: [odd] }, [dns('b.example')]))
    assert.ok(passes({ excluded: [odd] }, [ip('10.0.0.1')]))
  }
  assert.ok(!passes({ excluded: [network(10, 0, 0, 1)] }, [ip('192.0.2.1')]))
  assert.ok(!passes({ permitted: [network(10, 0, 0, 0, 255, 0, 255, 0)] }, [ip('10.0.0.1')]))
  assert.ok(!passes({ excluded: [email('a@b@x.example')] }, [email('e@y.example')]))
})

test('rfc822Name: a mailbox with regard to case before the @, a host, or everything below a domain', () => {
  assert.ok(passes({ permitted: [email('Root@x.example')] }, [email('Root@X.example')]))
  assert.ok(!passes({ permitted: [email('Root@x.example')] }, [email('root@x.example')]))
  assert.ok(passes({ permitted: [email('x.example')] }, [email('any@x.example')]))
  assert.ok(!passes({ permitted: [email('x.example')] }, [email('any@a.x.example')]))
  assert.ok(passes({ permitted: [email('.x.example')] }, [email('any@a.x.example')]))
  assert.ok(!passes({ permitted: [email('.x.example')] }, [email('any@x.example')]))
  assert.ok(passes({ permitted: [email('*@x.example')] }, [email('*@x.example')]))
  assert.ok(!passes({ permitted: [email('*@x.example')] }, [email('e@x.example')]))
})

test('emailAddress attributes of the subject count as rfc822Names', () => {
  assert.ok(!passes({ permitted: [email('x.example')] }, [], 'emailAddress=e@y.example,CN=dev'))
  assert.ok(passes({ permitted: [email('x.example')] }, [], 'emailAddress=e@x.example,CN=dev'))
  assert.ok(!passes({ excluded: [email('y.example')] }, [email('e@x.example')], 'emailAddress=e@y.example,CN=dev'))
})

test('uniformResourceIdentifier: the host of the authority; URIs without one fail', () => {
  assert.ok(passes({ permitted: [uri('h.example')] }, [uri('https://u:p@H.example:8883/a?b#c')]))
  assert.ok(!passes({ permitted: [uri('h.example')] }, [uri('https://a.h.example/')]))
  assert.ok(passes({ permitted: [uri('.h.example')] }, [uri('https://a.h.example/')]))
  assert.ok(!passes({ permitted: [uri('.h.example')] }, [uri('https://h.example/')]))
  for (const text of [
    'urn:dev:7',
    'https:///x',
    'https://10.0.0.1/',
    'https://[::1]/',
    'h.example',
    'https://evil/@h.example',
    'mailto:e@h.example',
  ]) {
    assert.ok(!passes({ permitted: [uri('h.example')] }, [uri(text)]), text)
    assert.ok(!passes({ excluded: [uri('z.example')] }, [uri(text)]) || text === 'https://evil/@h.example', text)
  }
})

test('iPAddress: address and mask of the same family', () => {
  const net4 = network(10, 1, 0, 0, 255, 255, 0, 0)
  assert.ok(passes({ permitted: [net4] }, [ip('10.1.200.3')]))
  assert.ok(!passes({ permitted: [net4] }, [ip('10.2.0.1')]))
  assert.ok(!passes({ permitted: [net4] }, [ip('::ffff:10.1.0.1')]))
  assert.ok(!passes({ excluded: [network(0, 0, 0, 0, 0, 0, 0, 0)] }, [ip('10.1.0.1')]))
  assert.ok(passes({ excluded: [network(0, 0, 0, 0, 0, 0, 0, 0)] }, [ip('::1')]))
  const net6 = network(
    0x20,
    0x01,
    0x0d,
    0xb8,
    ...new Array(12).fill(0),
    0xff,
    0xff,
    0xff,
    0xff,
    ...new Array(12).fill(0),
  )
  assert.ok(passes({ permitted: [net6] }, [ip('2001:db8::7')]))
  assert.ok(!passes({ permitted: [net6] }, [ip('2001:db9::7')]))
})

test('directoryName: the leading RDNs, compared as names are (RFC 5280 7.1); the subject counts too', () => {
  const permitted = [directory('OU=devices,O=Acme')]
  assert.ok(passes({ permitted }, [], 'CN=dev,OU=devices,O=Acme'))
  assert.ok(passes({ permitted }, [], 'CN=dev,OU=DEVICES,O=acme'))
  assert.ok(!passes({ permitted }, [], 'CN=dev,O=Acme'))
  assert.ok(!passes({ permitted }, [], 'OU=devices,O=Acme,C=DE'))
  assert.ok(passes({ permitted }, [dns('a.example')], ''))
  assert.ok(!passes({ permitted }, [directory('CN=x,O=Other')], 'CN=dev,OU=devices,O=Acme'))
  assert.ok(!passes({ excluded: permitted }, [], 'CN=dev,OU=devices,O=Acme'))
  assert.ok(!passes({ excluded: [directory('')] }, [], 'CN=dev'))
})

test('kinds that we do not compare fail closed when they are constrained and present', () => {
  const other: GeneralName = { kind: 'otherName', octets: Uint8Array.from(Buffer.from('06032a0304a0030c0178', 'hex')) }
  assert.ok(!passes({ excluded: [other] }, [other]))
  assert.ok(!passes({ permitted: [other] }, [other]))
  assert.ok(passes({ excluded: [other] }, [dns('a.example')]))
  assert.ok(passes({ permitted: [dns('a.example')] }, [other]))
})

test('a subtree with a minimum or maximum is not understood and fails its kind', () => {
  const subtree = (...more: readonly Uint8Array[]) => sequence(element(primitive(2), Buffer.from('a.example')), ...more)
  const anchorWith = (...more: readonly Uint8Array[]) => {
    const value = sequence(element(constructed(0), subtree(...more)))
    return forgeAuthority({
      subject: name('CN=anchor'),
      key: key(0),
      extensions: authorityExtensions(null, { oid: ExtensionId.NameConstraints, critical: true, value }),
    })
  }
  const outcome = (...more: readonly Uint8Array[]) => {
    const anchor = anchorWith(...more)
    return verdict(
      search(
        forge({ issuer: anchor, extensions: leafExtensions(extension.subjectAltName([dns('a.example')], false)) }),
        [],
        [anchor.certificate],
      ),
    )
  }
  assert.equal(outcome(), 'ok')
  assert.equal(outcome(integer(0, primitive(0))), 'ok')
  assert.equal(outcome(integer(1, primitive(0))), 'chainInvalid nameConstraints')
  assert.equal(outcome(integer(3, primitive(1))), 'chainInvalid nameConstraints')
})

test('constraints of every issuer hold for everything below it, and permitted subtrees of two issuers intersect', () => {
  const root = createCertificateAuthority({
    subject: name('CN=root'),
    key: key(0),
    ...valid,
    nameConstraints: { permitted: [dns('a.example'), dns('b.example')] },
  })
  const middle = createCertificateAuthority({
    subject: name('CN=middle'),
    key: key(1),
    issuer: root,
    ...valid,
    nameConstraints: { permitted: [dns('b.example'), dns('c.example')] },
  })
  const outcome = (text: string) =>
    verdict(
      search(
        forge({ issuer: middle, extensions: leafExtensions(extension.subjectAltName([dns(text)], false)) }),
        [middle.certificate],
        [root.certificate],
      ),
    )
  assert.equal(outcome('x.b.example'), 'ok')
  for (const text of ['a.example', 'c.example', 'd.example'])
    assert.equal(outcome(text), 'chainInvalid nameConstraints')
})

test('RFC 5280 6.1.3(b): a self-issued intermediate is not constrained, a self-issued leaf is', () => {
  const root = createCertificateAuthority({
    subject: name('CN=root'),
    key: key(0),
    ...valid,
    nameConstraints: { permitted: [dns('a.example')] },
  })
  const san = extension.subjectAltName([dns('b.example')], false)
  const rollover = forgeAuthority({
    subject: name('CN=root'),
    issuer: root,
    key: key(1),
    extensions: authorityExtensions(null, san),
  })
  const leaf = forge({
    issuer: rollover,
    extensions: leafExtensions(extension.subjectAltName([dns('a.example')], false)),
  })
  assert.equal(verdict(search(leaf, [rollover.certificate], [root.certificate])), 'ok')
  const selfIssued = forge({ issuer: root, subject: name('CN=root'), extensions: leafExtensions(san) })
  assert.equal(verdict(search(selfIssued, [], [root.certificate])), 'chainInvalid nameConstraints')
  const other = forgeAuthority({
    subject: name('CN=other'),
    issuer: root,
    key: key(1),
    extensions: authorityExtensions(null, san),
  })
  assert.equal(
    verdict(search(forge({ issuer: other }), [other.certificate], [root.certificate])),
    'chainInvalid nameConstraints',
  )
})

test('a violated constraint names the kind, the name and the issuer, and another way is still tried', () => {
  const strict = createCertificateAuthority({
    subject: name('CN=strict'),
    key: key(0),
    ...valid,
    nameConstraints: { excluded: [dns('a.example')] },
  })
  const open = authority('CN=open', { key: key(1) })
  const below = (issuer: typeof strict) =>
    createCertificateAuthority({ subject: name('CN=middle'), key: key(2), issuer, ...valid })
  const leaf = forge({
    issuer: below(strict),
    extensions: leafExtensions(extension.subjectAltName([dns('x.a.example')], false)),
  })
  const refused = search(leaf, [below(strict).certificate], [strict.certificate])
  assert.ok(!refused.ok)
  assert.equal(refused.error.presented, 'dNSName x.a.example')
  assert.match(refused.error.expected, /excluded subtrees of CN=strict/)
  assert.equal(
    verdict(search(leaf, [below(strict).certificate, below(open).certificate], [strict.certificate, open.certificate])),
    'ok',
  )
})
