import * as extension from '../../src/x509/extension-writer.ts'
import { ExtensionId } from '../../src/x509/extensions.ts'
import type { GeneralName } from '../../src/x509/general-name.ts'
import type { GeneratedCase } from './generated-cases.ts'
import {
  authorityExtensions,
  forge,
  forgeAuthority,
  general,
  identified,
  key,
  leafExtensions,
  name,
  rawName,
} from './kit.ts'

type Subtrees = readonly [permitted: readonly GeneralName[], excluded: readonly GeneralName[]]

const dns = (text: string) => general('dNSName', text)
const email = (text: string) => general('rfc822Name', text)
const uri = (text: string) => general('uniformResourceIdentifier', text)
const ip = (text: string) => general('iPAddress', text)
const directory = (text: string): GeneralName => ({ kind: 'directoryName', name: name(text) })
const octets = (kind: 'dNSName' | 'rfc822Name' | 'uniformResourceIdentifier' | 'iPAddress', text: string) =>
  rawName(kind, text)
const network = (...bytes: readonly number[]) => rawName('iPAddress', Uint8Array.from(bytes))
const other: GeneralName = { kind: 'otherName', octets: Uint8Array.from(Buffer.from('06032a0304a0030c0178', 'hex')) }

const refused = 'chainInvalid nameConstraints'

/** Cases about name constraints: each kind, permitted and excluded, at the anchor and below. */
export function constrainedCases(): readonly GeneratedCase[] {
  return [...atTheAnchor(), ...onTheWay()]
}

/** Constraints of the anchor, names of the leaf, subject of the leaf. */
const table: readonly (readonly [
  id: string,
  expected: 'ok' | typeof refused,
  subtrees: Subtrees,
  names: readonly GeneralName[],
  subject?: string,
])[] = [
  ['dns-permitted-equal', 'ok', [[dns('a.example')], []], [dns('a.example')]],
  ['dns-permitted-below', 'ok', [[dns('a.example')], []], [dns('x.y.a.example')]],
  ['dns-permitted-case', 'ok', [[dns('A.Example')], []], [dns('x.a.EXAMPLE')]],
  ['dns-permitted-sibling', refused, [[dns('a.example')], []], [dns('b.example')]],
  ['dns-permitted-parent', refused, [[dns('a.example')], []], [dns('example')]],
  ['dns-permitted-suffix-without-dot', refused, [[dns('a.example')], []], [dns('aa.example')]],
  ['dns-permitted-one-of-two', 'ok', [[dns('a.example'), dns('b.example')], []], [dns('b.example')]],
  ['dns-permitted-second-name-outside', refused, [[dns('a.example')], []], [dns('a.example'), dns('b.example')]],
  ['dns-permitted-none-present', 'ok', [[dns('a.example')], []], []],
  ['dns-permitted-wildcard-name', refused, [[dns('a.example')], []], [dns('*.a.example')]],
  ['dns-permitted-leading-dot-name', refused, [[dns('a.example')], []], [dns('.a.example')]],
  ['dns-permitted-name-with-space', refused, [[dns('a.example')], []], [octets('dNSName', 'my device.a.example')]],
  ['dns-excluded-equal', refused, [[], [dns('a.example')]], [dns('a.example')]],
  ['dns-excluded-below', refused, [[], [dns('a.example')]], [dns('x.a.example')]],
  ['dns-excluded-second-name', refused, [[], [dns('a.example')]], [dns('b.example'), dns('a.example')]],
  ['dns-excluded-second-subtree', refused, [[], [dns('a.example'), dns('b.example')]], [dns('b.example')]],
  ['dns-excluded-other', 'ok', [[], [dns('a.example')]], [dns('b.example')]],
  ['dns-excluded-within-permitted', refused, [[dns('example')], [dns('a.example')]], [dns('a.example')]],
  ['dns-excluded-all', refused, [[], [octets('dNSName', '')]], [dns('a.example')]],
  ['dns-excluded-wildcard-name', refused, [[], [dns('x.a.example')]], [dns('*.a.example')]],
  ['dns-subtree-with-leading-dot', refused, [[dns('.a.example')], []], [dns('x.a.example')]],
  ['dns-subtree-with-wildcard', refused, [[dns('*.a.example')], []], [dns('x.a.example')]],
  ['dns-permitted-other-kinds', 'ok', [[dns('a.example')], []], [ip('10.0.0.1'), email('e@x.example'), uri('urn:x')]],
  ['ip-permitted-within', 'ok', [[network(10, 1, 0, 0, 255, 255, 0, 0)], []], [ip('10.1.2.3')]],
  ['ip-permitted-outside', refused, [[network(10, 1, 0, 0, 255, 255, 0, 0)], []], [ip('10.2.2.3')]],
  ['ip-permitted-other-family', refused, [[network(10, 1, 0, 0, 255, 255, 0, 0)], []], [ip('2001:db8::1')]],
  ['ip-permitted-mapped', refused, [[network(10, 1, 0, 0, 255, 255, 0, 0)], []], [ip('::ffff:10.1.2.3')]],
  [
    'ip-permitted-odd-length-name',
    refused,
    [[network(10, 1, 0, 0, 255, 255, 0, 0)], []],
    [network(10, 1, 2, 3, 255, 255, 255, 255)],
  ],
  ['ip-permitted-mask-with-a-hole', refused, [[network(10, 0, 0, 0, 255, 0, 255, 0)], []], [ip('10.1.0.1')]],
  ['ip-subtree-without-mask', refused, [[network(10, 1, 2, 3)], []], [ip('10.1.2.3')]],
  ['ip-excluded-within', refused, [[], [network(10, 1, 0, 0, 255, 255, 0, 0)]], [ip('10.1.2.3')]],
  ['ip-excluded-outside', 'ok', [[], [network(10, 1, 0, 0, 255, 255, 0, 0)]], [ip('10.2.2.3')]],
  [
    'ip6-permitted-within',
    'ok',
    [[network(0x20, 1, 0x0d, 0xb8, ...zeros(12), 255, 255, 255, 255, ...zeros(12))], []],
    [ip('2001:db8::1')],
  ],
  [
    'ip6-permitted-outside',
    refused,
    [[network(0x20, 1, 0x0d, 0xb8, ...zeros(12), 255, 255, 255, 255, ...zeros(12))], []],
    [ip('2001:db9::1')],
  ],
  ['email-permitted-host', 'ok', [[email('x.example')], []], [email('e@x.example')]],
  ['email-permitted-host-not-below', refused, [[email('x.example')], []], [email('e@a.x.example')]],
  ['email-permitted-domain', 'ok', [[email('.x.example')], []], [email('e@a.x.example')]],
  ['email-permitted-domain-not-itself', refused, [[email('.x.example')], []], [email('e@x.example')]],
  ['email-permitted-mailbox', 'ok', [[email('e@x.example')], []], [email('e@X.example')]],
  ['email-permitted-mailbox-case', refused, [[email('E@x.example')], []], [email('e@x.example')]],
  ['email-permitted-asterisk-is-literal', refused, [[email('*@x.example')], []], [email('e@x.example')]],
  ['email-permitted-two-ats', refused, [[email('x.example')], []], [email('a@b@x.example')]],
  ['email-excluded', refused, [[], [email('x.example')]], [email('e@x.example')]],
  ['email-excluded-other', 'ok', [[], [email('x.example')]], [email('e@y.example')]],
  ['email-excluded-in-subject', refused, [[], [email('x.example')]], [], 'emailAddress=e@x.example,CN=leaf'],
  ['email-permitted-in-subject', 'ok', [[email('x.example')], []], [], 'emailAddress=e@x.example,CN=leaf'],
  ['uri-permitted-host', 'ok', [[uri('h.example')], []], [uri('https://h.example/x')]],
  ['uri-permitted-other-host', refused, [[uri('h.example')], []], [uri('https://g.example/x')]],
  ['uri-permitted-domain', 'ok', [[uri('.h.example')], []], [uri('mqtts://a.h.example:8883')]],
  ['uri-permitted-without-host', refused, [[uri('h.example')], []], [uri('urn:dev:7')]],
  ['uri-permitted-address', refused, [[uri('h.example')], []], [uri('https://10.0.0.1/')]],
  ['uri-excluded', refused, [[], [uri('h.example')]], [uri('https://h.example/x')]],
  ['dn-permitted-prefix', 'ok', [[directory('O=Acme')], []], [], 'CN=leaf,O=Acme'],
  ['dn-permitted-case-and-spaces', 'ok', [[directory('O=ACME  corp')], []], [], 'CN=leaf,O=Acme Corp'],
  ['dn-permitted-outside', refused, [[directory('O=Acme')], []], [], 'CN=leaf,O=Other'],
  ['dn-permitted-not-leading', refused, [[directory('O=Acme')], []], [], 'CN=leaf,O=Acme,C=DE'],
  ['dn-permitted-alternative-outside', refused, [[directory('O=Acme')], []], [directory('O=Other')], 'CN=leaf,O=Acme'],
  ['dn-excluded-subject', refused, [[], [directory('O=Acme')]], [], 'CN=leaf,O=Acme'],
  ['dn-excluded-alternative', refused, [[], [directory('O=Acme')]], [directory('CN=x,O=Acme')], 'CN=leaf'],
  ['dn-excluded-other', 'ok', [[], [directory('O=Acme')]], [], 'CN=leaf,O=Other'],
  ['other-name-excluded', refused, [[], [other]], [other]],
  ['other-name-permitted', refused, [[other], []], [other]],
  ['other-name-excluded-none-present', 'ok', [[], [other]], [dns('a.example')]],
]

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0)
}

function atTheAnchor(): GeneratedCase[] {
  return table.map(([id, expected, [permitted, excluded], names, subject = 'CN=leaf']) => {
    const constraints = extension.nameConstraints(permitted, excluded)
    const anchor = forgeAuthority(
      identified({ subject: name('CN=anchor'), key: key(0), extensions: authorityExtensions(null, constraints) }),
    )
    const alternative = names.length === 0 ? [] : [extension.subjectAltName(names, false)]
    const leaf = forge(
      identified({ issuer: anchor, key: key(2), subject: name(subject), extensions: leafExtensions(...alternative) }),
    )
    return { id: `nc::${id}`, leaf, sent: [], anchors: [anchor.certificate.der], expected }
  })
}

function onTheWay(): GeneratedCase[] {
  const permit = (...texts: readonly string[]) => extension.nameConstraints(texts.map(dns), [])
  const exclude = (...texts: readonly string[]) => extension.nameConstraints([], texts.map(dns))
  const san = (...texts: readonly string[]) => extension.subjectAltName(texts.map(dns), false)
  const chain = (
    id: string,
    expected: string,
    root: Parameters<typeof authorityExtensions>[1][],
    middle: Parameters<typeof authorityExtensions>[1][],
    leafNames: readonly string[],
    middleSubject = 'CN=middle',
  ): GeneratedCase => {
    const anchor = forgeAuthority(
      identified({
        subject: name('CN=anchor'),
        key: key(0),
        extensions: authorityExtensions(null, ...root.filter((item) => item !== undefined)),
      }),
    )
    const issuer = forgeAuthority(
      identified({
        subject: name(middleSubject),
        issuer: anchor,
        key: key(1),
        extensions: authorityExtensions(null, ...middle.filter((item) => item !== undefined)),
      }),
    )
    const leaf = forge(identified({ issuer, key: key(2), extensions: leafExtensions(san(...leafNames)) }))
    return { id: `nc::${id}`, leaf, sent: [issuer.certificate.der], anchors: [anchor.certificate.der], expected }
  }
  const plain = forgeAuthority(
    identified({ subject: name('CN=anchor'), key: key(0), extensions: authorityExtensions() }),
  )
  const leafWith = (id: string, critical: boolean): GeneratedCase => ({
    id: `nc::${id}`,
    leaf: forge(
      identified({ issuer: plain, key: key(2), extensions: leafExtensions({ ...permit('a.example'), critical }) }),
    ),
    sent: [],
    anchors: [plain.certificate.der],
    expected: 'chainInvalid leafNameConstraints',
  })
  const empty = { oid: ExtensionId.NameConstraints, critical: true, value: Uint8Array.of(0x30, 0) }
  const unread = forge(
    identified({
      subject: name('CN=middle'),
      issuer: plain,
      key: key(1),
      extensions: authorityExtensions(null, empty),
    }),
  )
  const belowUnread = forge(
    identified({
      issuerName: name('CN=middle').der,
      key: key(2),
      issuer: { certificate: plain.certificate, privateKey: key(1) },
      extensions: leafExtensions(),
    }),
  )
  return [
    chain('intermediate-permits', 'ok', [], [permit('a.example')], ['a.example']),
    chain('intermediate-excludes', refused, [], [exclude('a.example')], ['a.example']),
    chain('both-permit', 'ok', [permit('example')], [permit('a.example')], ['a.example']),
    chain('intermediate-cannot-widen', refused, [permit('a.example')], [permit('example')], ['b.example']),
    chain('intermediate-narrows', refused, [permit('example')], [permit('a.example')], ['b.example']),
    chain('intermediate-has-a-forbidden-name', refused, [permit('a.example')], [san('b.example')], ['a.example']),
    chain(
      'self-issued-intermediate-is-free',
      'ok',
      [permit('a.example')],
      [san('b.example')],
      ['a.example'],
      'CN=anchor',
    ),
    chain('self-issued-intermediate-frees-nobody', refused, [permit('a.example')], [], ['b.example'], 'CN=anchor'),
    chain('not-critical-still-holds', refused, [{ ...permit('a.example'), critical: false }], [], ['b.example']),
    chain('not-critical-still-permits', 'ok', [{ ...permit('a.example'), critical: false }], [], ['a.example']),
    leafWith('in-a-leaf', true),
    leafWith('in-a-leaf-not-critical', false),
    {
      id: 'nc::empty-in-an-intermediate',
      leaf: belowUnread,
      sent: [unread],
      anchors: [plain.certificate.der],
      expected: 'certificateMalformed',
    },
  ]
}
