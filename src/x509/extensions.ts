import { constructed, type DerReader, primitive, Tag } from './der.ts'
import { type GeneralName, readGeneralNames } from './general-name.ts'
import { type NameConstraints, readNameConstraints } from './name-constraints.ts'

/** The extensions of RFC 5280 4.2 that we process, by OID. */
export const ExtensionId = {
  SubjectKeyIdentifier: '2.5.29.14',
  KeyUsage: '2.5.29.15',
  SubjectAltName: '2.5.29.17',
  BasicConstraints: '2.5.29.19',
  CrlNumber: '2.5.29.20',
  NameConstraints: '2.5.29.30',
  CertificatePolicies: '2.5.29.32',
  AuthorityKeyIdentifier: '2.5.29.35',
  ExtendedKeyUsage: '2.5.29.37',
} as const

export const ExtendedKeyUsage = {
  ServerAuth: '1.3.6.1.5.5.7.3.1',
  ClientAuth: '1.3.6.1.5.5.7.3.2',
  Any: '2.5.29.37.0',
} as const

/** RFC 5280 4.2.1.3, by bit number. */
export const keyUsageNames = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsageName = (typeof keyUsageNames)[number]

/** What the extensions of a certificate say. */
export interface Extensions {
  readonly basicConstraints: { readonly cA: boolean; readonly pathLenConstraint: number | null } | null
  /** Bit names of RFC 5280 4.2.1.3; null when the extension is absent. */
  readonly keyUsage: ReadonlySet<string> | null
  /** Dotted OIDs; null when the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | null
  /** In certificate order; empty when the extension is absent. */
  readonly subjectAltNames: readonly GeneralName[]
  readonly subjectAltNameCritical: boolean
  readonly nameConstraints: NameConstraints | null
  readonly subjectKeyIdentifier: Uint8Array | null
  readonly authorityKeyIdentifier: Uint8Array | null
  /** OIDs of critical extensions that we do not process: whoever relies on this certificate must refuse it (RFC 5280 4.2). */
  readonly unknownCriticalExtensions: readonly string[]
}

export const noExtensions: Extensions = {
  basicConstraints: null,
  keyUsage: null,
  extendedKeyUsage: null,
  subjectAltNames: [],
  subjectAltNameCritical: false,
  nameConstraints: null,
  subjectKeyIdentifier: null,
  authorityKeyIdentifier: null,
  unknownCriticalExtensions: [],
}

/**
 * May be critical. The key identifiers are not among them: RFC 5280 4.2.1.1 and 4.2.1.2 forbid to mark them so.
 * Certificate policies are read past: no decision of ours depends on one.
 */
const mayBeCritical: ReadonlySet<string> = new Set([
  ExtensionId.BasicConstraints,
  ExtensionId.KeyUsage,
  ExtensionId.ExtendedKeyUsage,
  ExtensionId.SubjectAltName,
  ExtensionId.NameConstraints,
  ExtensionId.CertificatePolicies,
])

/** Reads the Extensions SEQUENCE; faults are left in the reader. Each extension once (RFC 5280 4.2). */
export function readExtensions(outer: DerReader): Extensions {
  const list = outer.sequence('extensions')
  const seen = new Set<string>()
  const unknownCriticalExtensions: string[] = []
  const found: { -readonly [K in keyof Extensions]: Extensions[K] } = { ...noExtensions, unknownCriticalExtensions }
  while (list.more()) {
    const extension = list.sequence('extension')
    const oid = extension.objectIdentifier('extnID')
    // The default written out is not DER, but it has one reading and old tools write it.
    const critical = extension.peek() === Tag.Boolean && extension.boolean('critical')
    const value = extension.enter(Tag.OctetString, 'extnValue')
    extension.finish('extension')
    if (outer.failure !== null) break
    if (seen.has(oid)) outer.fail(`extension ${oid} twice`)
    seen.add(oid)
    if (critical && !mayBeCritical.has(oid)) unknownCriticalExtensions.push(oid)
    readExtension(oid, critical, value, found)
  }
  if (seen.size === 0) outer.fail('extensions: empty')
  return found
}

function readExtension(
  oid: string,
  critical: boolean,
  value: DerReader,
  found: { -readonly [K in keyof Extensions]: Extensions[K] },
): void {
  switch (oid) {
    case ExtensionId.BasicConstraints:
      found.basicConstraints = readBasicConstraints(value)
      break
    case ExtensionId.KeyUsage:
      found.keyUsage = new Set(value.namedBits('keyUsage').flatMap((bit) => keyUsageNames[bit] ?? []))
      break
    case ExtensionId.ExtendedKeyUsage: {
      const purposes = value.sequence('extKeyUsage')
      const oids: string[] = []
      while (purposes.more()) oids.push(purposes.objectIdentifier('extKeyUsage'))
      found.extendedKeyUsage = oids
      break
    }
    case ExtensionId.SubjectAltName:
      found.subjectAltNames = readGeneralNames(value, 'subjectAltName')
      found.subjectAltNameCritical = critical
      break
    case ExtensionId.NameConstraints:
      found.nameConstraints = readNameConstraints(value)
      break
    case ExtensionId.SubjectKeyIdentifier:
      found.subjectKeyIdentifier = value.content(Tag.OctetString, 'subjectKeyIdentifier')
      break
    case ExtensionId.AuthorityKeyIdentifier:
      found.authorityKeyIdentifier = readAuthorityKeyIdentifier(value)
      break
    default:
      return // not ours: its content is not looked at
  }
  value.finish('extension value')
}

function readBasicConstraints(value: DerReader): Extensions['basicConstraints'] {
  const inner = value.sequence('basicConstraints')
  const cA = inner.peek() === Tag.Boolean && inner.boolean('cA')
  const pathLenConstraint = inner.more() ? inner.smallInteger('pathLenConstraint') : null
  inner.finish('basicConstraints')
  return { cA, pathLenConstraint }
}

/** The keyIdentifier; authorityCertIssuer and serial number are read past, as they only repeat the search by name. */
function readAuthorityKeyIdentifier(value: DerReader): Uint8Array | null {
  const what = 'authorityKeyIdentifier'
  const inner = value.sequence(what)
  const keyIdentifier = inner.peek() === primitive(0) ? inner.content(primitive(0), what) : null
  if (inner.peek() === constructed(1)) inner.content(constructed(1), what)
  if (inner.peek() === primitive(2)) inner.content(primitive(2), what)
  inner.finish(what)
  return keyIdentifier
}
