import { signerOf } from '../../src/x509/certificate-writer.ts'
import { constructed, primitive, Tag } from '../../src/x509/der.ts'
import { element, integer, nullValue, objectIdentifier, sequence, setOf, text } from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import type { CertificateAuthority } from '../../src/x509/issue.ts'
import type { GeneratedCase } from './generated-cases.ts'
import {
  authorityExtensions,
  type Forged,
  forge,
  forgeAuthority,
  from,
  identified,
  key,
  leafExtensions,
  name,
  year,
} from './kit.ts'

/** Cases about how certificates hang together: path length, order, loops, equal names, key identifiers, signatures. */
export function buildingCases(): readonly GeneratedCase[] {
  return [...pathLength(), ...sentLists(), ...equalNames(), ...cycles(), ...identifiers(), ...signatures()]
}

function ca(
  subject: string,
  keyIndex: number,
  fields: Partial<Forged> & { readonly pathLen?: number } = {},
): CertificateAuthority {
  const { pathLen = null, ...rest } = fields
  return forgeAuthority(
    identified({ subject: name(subject), key: key(keyIndex), extensions: authorityExtensions(pathLen), ...rest }),
  )
}

function leafOf(issuer: CertificateAuthority, fields: Partial<Forged> = {}): Uint8Array {
  return forge(identified({ issuer, key: key(7), subject: name('CN=leaf'), ...fields }))
}

function ask(
  id: string,
  expected: string,
  leaf: Uint8Array,
  sent: readonly (CertificateAuthority | Uint8Array)[],
  anchors: readonly CertificateAuthority[],
): GeneratedCase {
  const der = (item: CertificateAuthority | Uint8Array) => ('certificate' in item ? item.certificate.der : item)
  return { id, expected, leaf, sent: sent.map(der), anchors: anchors.map(der) }
}

const root = ca('CN=root', 0)

function pathLength(): GeneratedCase[] {
  /** One CA per limit, each issued by the one before; null: no limit. */
  const chain = (limits: readonly (number | null)[]) => {
    const made: CertificateAuthority[] = []
    for (const [index, limit] of limits.entries()) {
      const issuer = made.at(-1)
      made.push(
        ca(`CN=step ${index}`, index, {
          ...(limit === null ? {} : { pathLen: limit }),
          ...(issuer === undefined ? {} : { issuer }),
        }),
      )
    }
    return made
  }
  const along = (id: string, expected: string, limits: readonly (number | null)[]) => {
    const [anchor, ...rest] = chain(limits)
    return ask(`pathlen::${id}`, expected, leafOf(rest.at(-1) ?? anchor!), rest, [anchor!])
  }
  const refused = 'chainInvalid pathLenConstraint'
  const zero = ca('CN=zero', 0, { pathLen: 0 })
  const rollover = ca('CN=zero', 1, { issuer: zero })
  const below = ca('CN=below', 2, { issuer: zero })
  const twice = ca('CN=zero', 3, { issuer: rollover })
  return [
    along('anchor-0-leaf', 'ok', [0]),
    along('anchor-0-one-below', refused, [0, null]),
    along('anchor-1-one-below', 'ok', [1, null]),
    along('anchor-1-two-below', refused, [1, null, null]),
    along('intermediate-0', 'ok', [null, 0]),
    along('intermediate-0-one-below', refused, [null, 0, null]),
    along('intermediate-1-one-below', 'ok', [null, 1, null]),
    along('intermediate-may-raise-within', 'ok', [2, 9, null]),
    along('intermediate-may-not-lift', refused, [1, 9, null, null]),
    along('large', 'ok', [1_000_000, null]),
    along('five-cas', 'ok', [null, null, null, null, null]),
    along('six-cas', 'chainInvalid pathTooLong', [null, null, null, null, null, null]),
    ask('pathlen::self-issued-not-counted', 'ok', leafOf(rollover), [rollover], [zero]),
    ask('pathlen::two-self-issued-not-counted', 'ok', leafOf(twice), [twice, rollover], [zero]),
    ask(
      'pathlen::copy-without-limit-does-not-lift',
      refused,
      leafOf(below),
      [below, ca('CN=zero', 0, { issuer: zero })],
      [zero],
    ),
  ]
}

function sentLists(): GeneratedCase[] {
  const one = ca('CN=one', 1, { issuer: root })
  const two = ca('CN=two', 2, { issuer: one })
  const stranger = ca('CN=stranger', 3)
  const leaf = leafOf(two)
  return [
    ask('sent::in-order', 'ok', leaf, [two, one], [root]),
    ask('sent::reversed', 'ok', leaf, [one, two], [root]),
    ask('sent::with-root', 'ok', leaf, [root, two, one], [root]),
    ask('sent::with-strangers', 'ok', leaf, [stranger, two, stranger, one], [root]),
    ask('sent::twice', 'ok', leaf, [two, two, one, one], [root]),
    ask('sent::first-missing', 'issuerNotRegistered', leaf, [one], [root]),
    ask('sent::second-missing', 'issuerNotRegistered', leaf, [two], [root]),
    ask('sent::nothing', 'issuerNotRegistered', leaf, [], [root]),
    ask('sent::nothing-needed', 'ok', leaf, [], [two]),
    ask('sent::anchor-in-the-middle', 'ok', leaf, [two], [one]),
    ask('sent::anchor-below-another', 'ok', leaf, [two, one], [one, root]),
    ask('sent::stranger-registered', 'issuerNotRegistered', leaf, [two, one, root], [stranger]),
    ask('sent::self-signed-leaf', 'issuerNotRegistered', forge(identified({ key: key(7) })), [], [root]),
    ask(
      'sent::self-signed-leaf-sends-itself',
      'issuerNotRegistered',
      forge(identified({ key: key(7) })),
      [forge(identified({ key: key(7) }))],
      [root],
    ),
    ask(
      'sent::intermediate-with-unknown-critical-unused',
      'ok',
      leaf,
      [
        two,
        one,
        ca('CN=unused', 4, {
          issuer: root,
          extensions: authorityExtensions(null, { oid: '1.2.3.4', critical: true, value: nullValue() }),
        }),
      ],
      [root],
    ),
  ]
}

function equalNames(): GeneratedCase[] {
  const twin = (index: number, fields: Partial<Forged> = {}) => ca('CN=twin', index, fields)
  const roots = [1, 2, 3, 4].map((index) => twin(index))
  const withoutIdentifiers = (index: number, fields: Partial<Forged> = {}) =>
    forgeAuthority({ subject: name('CN=bare'), key: key(index), extensions: authorityExtensions(), ...fields })
  const bare = [1, 2, 3].map((index) => withoutIdentifiers(index))
  const bareLeaf = forge({ issuer: bare[2]!, key: key(7), subject: name('CN=leaf') })
  const foreign = ca('CN=foreign', 5)
  const valid = ca('CN=cross', 6, { issuer: root })
  const expired = ca('CN=cross', 6, { issuer: root, notBefore: from(-year), notAfter: from(-1) })
  const elsewhere = ca('CN=cross', 6, { issuer: foreign })
  const otherKey = ca('CN=cross', 4, { issuer: root })
  const leaf = leafOf(valid)
  return [
    ask('equal::anchors-with-identifiers', 'ok', leafOf(roots[3]!), [], roots),
    ask('equal::anchors-without-identifiers', 'ok', bareLeaf, [], bare),
    ask('equal::anchor-with-another-key', 'issuerNotRegistered', leafOf(roots[0]!), [], [roots[1]!]),
    ask('equal::bare-anchor-with-another-key', 'issuerNotRegistered', bareLeaf, [], [bare[0]!]),
    ask('equal::expired-and-valid', 'ok', leaf, [expired, valid], [root]),
    ask('equal::elsewhere-and-valid', 'ok', leaf, [elsewhere, valid], [root]),
    ask('equal::expired-elsewhere-and-valid', 'ok', leaf, [elsewhere, expired, valid], [root]),
    ask('equal::another-key-and-valid', 'ok', leaf, [otherKey, valid], [root]),
    ask('equal::expired-only', 'issuerExpired', leaf, [expired, elsewhere], [root]),
    ask('equal::both-roots', 'ok', leaf, [elsewhere], [root, foreign]),
    ask(
      'equal::reissued-anchor-is-no-anchor',
      'issuerExpired',
      leafOf(root),
      [root],
      [ca('CN=root', 0, { notBefore: from(-year), notAfter: from(-1) })],
    ),
    ask(
      'equal::registered-leaf-is-no-anchor',
      'chainInvalid issuerIsNoCertificateAuthority',
      leafOf({ certificate: leafAuthority.certificate, privateKey: key(6) }),
      [],
      [leafAuthority],
    ),
  ]
}

const leafAuthority = forgeAuthority(
  identified({ subject: name('CN=registered leaf'), key: key(6), issuer: root, extensions: leafExtensions() }),
)

function cycles(): GeneratedCase[] {
  const a0 = ca('CN=A', 1)
  const b0 = ca('CN=B', 2)
  const aByB = ca('CN=A', 1, { issuer: b0 })
  const bByA = ca('CN=B', 2, { issuer: a0 })
  const aByRoot = ca('CN=A', 1, { issuer: root })
  const sameName = [ca('CN=S', 1, { issuer: ca('CN=S', 2) }), ca('CN=S', 2, { issuer: ca('CN=S', 1) })]
  const ladder = [1, 2, 3, 4].map((index) =>
    ca(`CN=L${index}`, index, { issuer: ca(`CN=L${(index % 4) + 1}`, (index % 4) + 1) }),
  )
  return [
    ask('cycle::two-names', 'issuerNotRegistered', leafOf(a0), [aByB, bByA], [root]),
    ask('cycle::one-name', 'issuerNotRegistered', leafOf(sameName[0]!), sameName, [root]),
    ask('cycle::four-names', 'issuerNotRegistered', leafOf(ladder[0]!), ladder, [root]),
    ask('cycle::with-a-way-out', 'ok', leafOf(b0), [aByB, bByA, aByRoot], [root]),
    ask('cycle::anchor-in-it', 'ok', leafOf(b0), [aByB, bByA], [a0]),
    ask('cycle::self-signed-intermediate', 'issuerNotRegistered', leafOf(a0), [a0], [root]),
  ]
}

function identifiers(): GeneratedCase[] {
  const bare = (fields: Partial<Forged>) => forge({ issuer: root, key: key(7), subject: name('CN=leaf'), ...fields })
  const authorityIdentifier = (value: Uint8Array, critical = false) => ({ oid: '2.5.29.35', critical, value })
  const own = root.certificate.subjectKeyIdentifier!
  const byName = (issuer: string, serial: bigint) =>
    authorityIdentifier(
      sequence(
        element(primitive(0), own),
        element(constructed(1), element(constructed(4), name(issuer).der)),
        integer(serial, primitive(2)),
      ),
    )
  const noIdentifier = forgeAuthority({ subject: name('CN=root'), key: key(0), extensions: authorityExtensions() })
  return [
    ask('identifier::leaf-without', 'ok', bare({ extensions: leafExtensions() }), [], [root]),
    ask(
      'identifier::anchor-without',
      'ok',
      bare({ extensions: leafExtensions(extension.authorityKeyIdentifier(own)) }),
      [],
      [noIdentifier],
    ),
    ask(
      'identifier::other-key',
      'chainInvalid authorityKeyIdentifier',
      bare({ extensions: leafExtensions(extension.authorityKeyIdentifier(Uint8Array.of(1, 2, 3))) }),
      [],
      [root],
    ),
    ask(
      'identifier::critical',
      'chainInvalid unknownCriticalExtension',
      bare({ extensions: leafExtensions({ ...extension.authorityKeyIdentifier(own), critical: true }) }),
      [],
      [root],
    ),
    ask(
      'identifier::with-issuer-and-serial',
      'ok',
      bare({ extensions: leafExtensions(byName('CN=root', root.certificate.serialNumber)) }),
      [],
      [root],
    ),
    ask(
      'identifier::with-another-serial',
      'ok',
      bare({ extensions: leafExtensions(byName('CN=root', 12n)) }),
      [],
      [root],
    ),
    ask('identifier::empty', 'ok', bare({ extensions: leafExtensions(authorityIdentifier(sequence())) }), [], [root]),
  ]
}

function signatures(): GeneratedCase[] {
  const flip = (der: Uint8Array, at: number) => {
    const changed = Uint8Array.from(der)
    const index = at < 0 ? changed.length + at : at
    changed[index] = changed[index]! ^ 1
    return changed
  }
  const middle = ca('CN=middle', 1, { issuer: root })
  const leaf = leafOf(root)
  const subjectAt = Buffer.from(leaf).lastIndexOf('leaf')
  const sha1 = { ...signerOf(root.privateKey), algorithm: sequence(objectIdentifier('1.2.840.10045.4.1')) }
  const withNull = {
    ...signerOf(root.privateKey),
    algorithm: sequence(objectIdentifier('1.2.840.10045.4.3.2'), nullValue()),
  }
  const asRsa = {
    ...signerOf(root.privateKey),
    algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.11'), nullValue()),
  }
  const empty = { ...signerOf(root.privateKey), sign: () => new Uint8Array(0) }
  const printable = sequence(setOf(sequence(objectIdentifier('2.5.4.3'), text(Tag.PrintableString, 'root'))))
  const louder = name('CN=ROOT').der
  return [
    ask('signature::leaf-changed', 'chainInvalid signature', flip(leaf, subjectAt), [], [root]),
    ask('signature::leaf-signature-changed', 'chainInvalid signature', flip(leaf, -1), [], [root]),
    ask(
      'signature::intermediate-signature-changed',
      'chainInvalid signature',
      leafOf(middle),
      [flip(middle.certificate.der, -1)],
      [root],
    ),
    ask('signature::anchor-signature-changed', 'ok', leaf, [], [forgeAuthorityFrom(flip(root.certificate.der, -1))]),
    ask('signature::by-another-key', 'chainInvalid signature', leafOf(root, { signer: signerOf(key(5)) }), [], [root]),
    ask('signature::named-sha1', 'certificateTooWeak', leafOf(root, { signer: sha1 }), [], [root]),
    ask('signature::ecdsa-with-null', 'certificateTooWeak', leafOf(root, { signer: withNull }), [], [root]),
    ask('signature::named-rsa-by-ec-key', 'chainInvalid signature', leafOf(root, { signer: asRsa }), [], [root]),
    ask('signature::empty', 'chainInvalid signature', leafOf(root, { signer: empty }), [], [root]),
    ask(
      'name::issuer-in-another-string-type',
      'issuerNotRegistered',
      leafOf(root, { issuerName: printable }),
      [],
      [root],
    ),
    ask('name::issuer-in-another-case', 'issuerNotRegistered', leafOf(root, { issuerName: louder }), [], [root]),
    ask(
      'name::issuer-is-another',
      'issuerNotRegistered',
      leafOf(root, { issuerName: name('CN=other').der }),
      [],
      [root],
    ),
    ask('name::issuer-empty', 'chainInvalid emptyIssuer', leafOf(root, { issuerName: name('').der }), [], [root]),
  ]
}

function forgeAuthorityFrom(der: Uint8Array): CertificateAuthority {
  return { certificate: { ...root.certificate, der }, privateKey: root.privateKey }
}
