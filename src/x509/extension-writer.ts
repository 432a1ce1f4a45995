import { hash } from 'node:crypto'
import type { ExtensionToWrite } from './certificate-writer.ts'
import { constructed, DerReader, primitive } from './der.ts'
import { boolean, element, integer, namedBits, objectIdentifier, octetString, sequence } from './der-writer.ts'
import { ExtensionId, type KeyUsageName, keyUsageNames } from './extensions.ts'
import type { GeneralName } from './general-name.ts'

export function basicConstraints(cA: boolean, pathLenConstraint: number | null): ExtensionToWrite {
  const value = sequence(
    cA ? boolean(true) : new Uint8Array(0), // FALSE is the default and is not encoded
    pathLenConstraint === null ? new Uint8Array(0) : integer(pathLenConstraint),
  )
  return { oid: ExtensionId.BasicConstraints, critical: true, value }
}

export function keyUsage(names: readonly KeyUsageName[]): ExtensionToWrite {
  const bits = names.map((name) => keyUsageNames.indexOf(name))
  return { oid: ExtensionId.KeyUsage, critical: true, value: namedBits(bits) }
}

export function extendedKeyUsage(oids: readonly string[]): ExtensionToWrite {
  const value = sequence(...oids.map((oid) => objectIdentifier(oid)))
  return { oid: ExtensionId.ExtendedKeyUsage, critical: false, value }
}

/** Critical exactly when the subject is empty (RFC 5280 4.2.1.6). */
export function subjectAltName(names: readonly GeneralName[], critical: boolean): ExtensionToWrite {
  return { oid: ExtensionId.SubjectAltName, critical, value: sequence(...names.map(writeGeneralName)) }
}

/** Bases as general names; an iPAddress base is address and mask. */
export function nameConstraints(permitted: readonly GeneralName[], excluded: readonly GeneralName[]): ExtensionToWrite {
  const list = (number: number, bases: readonly GeneralName[]) =>
    bases.length === 0
      ? new Uint8Array(0)
      : element(constructed(number), ...bases.map((base) => sequence(writeGeneralName(base))))
  return { oid: ExtensionId.NameConstraints, critical: true, value: sequence(list(0, permitted), list(1, excluded)) }
}

export function subjectKeyIdentifier(identifier: Uint8Array): ExtensionToWrite {
  return { oid: ExtensionId.SubjectKeyIdentifier, critical: false, value: octetString(identifier) }
}

export function authorityKeyIdentifier(identifier: Uint8Array): ExtensionToWrite {
  const value = sequence(element(primitive(0), identifier))
  return { oid: ExtensionId.AuthorityKeyIdentifier, critical: false, value }
}

/** RFC 7093 2(1): the first 160 bits of SHA-256 over the key's bits. */
export function keyIdentifierOf(subjectPublicKeyInfo: Uint8Array): Uint8Array {
  const info = new DerReader(subjectPublicKeyInfo).sequence('subjectPublicKeyInfo')
  info.sequence('algorithm')
  return new Uint8Array(hash('sha256', info.wholeBitString('subjectPublicKey'), 'buffer').subarray(0, 20))
}

export function writeGeneralName(name: GeneralName): Uint8Array {
  switch (name.kind) {
    case 'otherName':
      return element(constructed(0), name.octets)
    case 'rfc822Name':
      return element(primitive(1), name.octets)
    case 'dNSName':
      return element(primitive(2), name.octets)
    case 'x400Address':
      return element(constructed(3), name.octets)
    case 'directoryName':
      return element(constructed(4), name.name.der)
    case 'ediPartyName':
      return element(constructed(5), name.octets)
    case 'uniformResourceIdentifier':
      return element(primitive(6), name.octets)
    case 'iPAddress':
      return element(primitive(7), name.octets)
    case 'registeredID':
      return element(primitive(8), name.octets)
  }
}
