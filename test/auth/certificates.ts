import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { Tag } from '../../src/x509/der.ts'
import * as der from '../../src/x509/der-writer.ts'

/**
 * Certificates for these tests, written octet by octet so that they can also be what no sane tool would issue: any
 * string type, any octets in a name, any number of each. Dates are arguments; nothing here expires.
 */

export const day = 86_400
/** The clock of the tests: 2026-09-14T00:00:00Z. */
export const noon = 1_789_344_000

/** One attribute: short name, text, and how the text is encoded (UTF8String by default). */
export type TestAttribute = readonly [type: keyof typeof attributeTypes, value: string | Uint8Array, tag?: number]
/** A subject: RDNs in encoding order; an inner list of several attributes is a multi-valued RDN. */
export type TestName = readonly (TestAttribute | readonly TestAttribute[])[]

const attributeTypes = {
  CN: '2.5.4.3',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  serialNumber: '2.5.4.5',
  emailAddress: '1.2.840.113549.1.9.1',
}

export interface TestSubjectAltNames {
  readonly dns?: readonly (string | Uint8Array)[]
  readonly uri?: readonly (string | Uint8Array)[]
  readonly email?: readonly (string | Uint8Array)[]
  readonly ip?: readonly Uint8Array[]
}

export interface TestCertificateFacts extends TestSubjectAltNames {
  readonly subject?: string | TestName
  readonly issuer?: TestIssuer
  readonly notBefore?: number
  readonly notAfter?: number
  /** CA:TRUE with keyCertSign; a number is the pathLenConstraint. */
  readonly ca?: boolean | number
  /** Dotted OIDs; absent: no extension. */
  readonly extendedKeyUsage?: readonly string[]
  readonly key?: TestKey
  readonly serial?: number
}

export interface TestKey {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export interface TestIssuer {
  readonly der: Uint8Array
  readonly subject: string | TestName
  readonly key: TestKey
}

export function newKey(): TestKey {
  return generateKeyPairSync('ed25519')
}

export function rsaKey(bits: number): TestKey {
  return generateKeyPairSync('rsa', { modulusLength: bits })
}

let serials = 1000
const leafKey = newKey()

/** A certificate of the issuer, or self-signed without one. All leaves share a key unless told otherwise. */
export function issue(facts: TestCertificateFacts): TestIssuer {
  const subject = facts.subject ?? []
  const key = facts.key ?? (facts.ca === undefined ? leafKey : newKey())
  const signer = facts.issuer?.key ?? key
  const rsa = signer.privateKey.asymmetricKeyType === 'rsa'
  const algorithm = rsa
    ? der.sequence(der.objectIdentifier('1.2.840.113549.1.1.11'), der.nullValue())
    : der.sequence(der.objectIdentifier('1.3.101.112'))
  const tbs = der.sequence(
    der.element(0xa0, der.integer(2)),
    der.integer(facts.serial ?? ++serials),
    algorithm,
    nameOf(facts.issuer?.subject ?? subject),
    der.sequence(der.time(facts.notBefore ?? noon - day), der.time(facts.notAfter ?? noon + 365 * day)),
    nameOf(subject),
    key.publicKey.export({ type: 'spki', format: 'der' }),
    ...extensionsOf(facts, subject),
  )
  const signature = sign(rsa ? 'sha256' : null, tbs, signer.privateKey)
  return { der: der.sequence(tbs, algorithm, der.bitString(signature)), subject, key }
}

function nameOf(name: string | TestName): Uint8Array {
  const parts: TestName = typeof name === 'string' ? [['CN', name]] : name
  return der.sequence(
    ...parts.map((part) => {
      const attributes = (Array.isArray(part[0]) ? part : [part]) as readonly TestAttribute[]
      return der.setOf(
        ...attributes.map(([type, value, tag = Tag.Utf8String]) =>
          der.sequence(der.objectIdentifier(attributeTypes[type]), der.element(tag, octetsOf(value))),
        ),
      )
    }),
  )
}

function octetsOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value
}

function extensionsOf(facts: TestCertificateFacts, subject: string | TestName): readonly Uint8Array[] {
  const extensions: Uint8Array[] = []
  const add = (oid: string, critical: boolean, value: Uint8Array) =>
    extensions.push(
      der.sequence(der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value)),
    )
  if (facts.ca !== undefined && facts.ca !== false) {
    const constraint = typeof facts.ca === 'number' ? [der.integer(facts.ca)] : []
    add('2.5.29.19', true, der.sequence(der.boolean(true), ...constraint))
    add('2.5.29.15', true, der.namedBits([5]))
  }
  if (facts.extendedKeyUsage !== undefined) {
    add('2.5.29.37', false, der.sequence(...facts.extendedKeyUsage.map((oid) => der.objectIdentifier(oid))))
  }
  const names = [
    ...(facts.email ?? []).map((value) => der.element(0x81, octetsOf(value))),
    ...(facts.dns ?? []).map((value) => der.element(0x82, octetsOf(value))),
    ...(facts.uri ?? []).map((value) => der.element(0x86, octetsOf(value))),
    ...(facts.ip ?? []).map((value) => der.element(0x87, value)),
  ]
  if (names.length > 0) add('2.5.29.17', subject.length === 0, der.sequence(...names))
  return extensions.length === 0 ? [] : [der.element(0xa3, der.sequence(...extensions))]
}
