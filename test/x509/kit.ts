import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type UnixSeconds, unixSeconds } from '../../src/base/time.ts'
import { type Certificate, parseCertificate } from '../../src/x509/certificate.ts'
import {
  type ExtensionToWrite,
  publicKeyInfo,
  type Signer,
  signerOf,
  writeCertificate,
} from '../../src/x509/certificate-writer.ts'
import { type DistinguishedName, parseDistinguishedName } from '../../src/x509/distinguished-name.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import type { GeneralName } from '../../src/x509/general-name.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generalNameOfText,
  generatePrivateKey,
} from '../../src/x509/issue.ts'
import { findPath, type PathRequest } from '../../src/x509/path.ts'
import { toPem } from '../../src/x509/pem.ts'

/** The instant at which every test of this room is set, unless it says otherwise: 2027-01-15T08:00:00Z. */
export const now = unixSeconds(1_800_000_000)
export const day = 86_400
export const year = 365 * day
export const noSkew = { notBeforeSeconds: 0, notAfterSeconds: 0 }

export function from(offsetSeconds: number): UnixSeconds {
  return unixSeconds(now + offsetSeconds)
}

export const valid = { notBefore: from(-year), notAfter: from(year) }

/** P-256 keys, made once per process: tests are about certificates, not about key generation. */
const keys: KeyObject[] = []
export function key(index: number): KeyObject {
  keys[index] ??= generatePrivateKey('P-256')
  return keys[index]
}

let rsa: KeyObject | undefined
export function rsaKey(): KeyObject {
  rsa ??= generatePrivateKey('RSA-2048')
  return rsa
}

export function weakRsaKey(modulusLength: number, publicExponent = 65_537): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey
}

export function name(text: string): DistinguishedName {
  const parsed = parseDistinguishedName(text)
  assert.ok(parsed.ok, `not a distinguished name: ${text.slice(0, 80)}`)
  return parsed.value
}

export function general(kind: Parameters<typeof generalNameOfText>[0], text: string): GeneralName {
  const made = generalNameOfText(kind, text)
  assert.ok(made.ok, `not a ${kind}: ${text}`)
  return made.value
}

/** A general name from bytes as they are: for what no text stands for. */
export function rawName(
  kind: 'dNSName' | 'rfc822Name' | 'uniformResourceIdentifier' | 'iPAddress',
  octets: Uint8Array | string,
): GeneralName {
  const bytes = typeof octets === 'string' ? new Uint8Array(Buffer.from(octets, 'latin1')) : octets
  return kind === 'iPAddress' ? { kind, octets: bytes } : { kind, text: null, octets: bytes }
}

export function parse(der: Uint8Array): Certificate {
  const read = parseCertificate(der)
  assert.ok(read.ok, `not readable: ${read.ok ? '' : read.error.reason}`)
  return read.value
}

export function authority(
  subject: string,
  options: Partial<Parameters<typeof createCertificateAuthority>[0]> = {},
): CertificateAuthority {
  return createCertificateAuthority({ subject: name(subject), ...valid, ...options })
}

export interface Forged {
  readonly issuer?: CertificateAuthority
  readonly subject?: DistinguishedName
  /** As encoded; default: the issuer's subject, or the own. */
  readonly issuerName?: Uint8Array
  readonly key?: KeyObject
  readonly subjectPublicKeyInfo?: Uint8Array
  readonly version?: 1 | 2 | 3
  readonly serialNumber?: bigint
  readonly notBefore?: UnixSeconds
  readonly notAfter?: UnixSeconds
  readonly extensions?: readonly ExtensionToWrite[]
  readonly signer?: Signer
}

/** A certificate exactly as described, whatever rule it breaks; DER. */
export function forge(fields: Forged): Uint8Array {
  const subject = fields.subject ?? name('CN=leaf')
  const privateKey = fields.key ?? key(9)
  return writeCertificate(
    {
      ...(fields.version === undefined ? {} : { version: fields.version }),
      serialNumber: fields.serialNumber ?? 4711n,
      issuer: fields.issuerName ?? fields.issuer?.certificate.subject.der ?? subject.der,
      subject: subject.der,
      notBefore: fields.notBefore ?? valid.notBefore,
      notAfter: fields.notAfter ?? valid.notAfter,
      subjectPublicKeyInfo: fields.subjectPublicKeyInfo ?? publicKeyInfo(privateKey),
      extensions: fields.extensions ?? leafExtensions(),
    },
    fields.signer ?? signerOf(fields.issuer?.privateKey ?? privateKey),
  )
}

/** A forged CA, usable as an issuer. */
export function forgeAuthority(fields: Forged): CertificateAuthority {
  const privateKey = fields.key ?? key(8)
  return { certificate: parse(forge({ ...fields, key: privateKey })), privateKey }
}

export function leafExtensions(...more: readonly ExtensionToWrite[]): ExtensionToWrite[] {
  return [
    extension.basicConstraints(false, null),
    extension.keyUsage(['digitalSignature']),
    extension.extendedKeyUsage([ExtendedKeyUsage.ClientAuth]),
    ...more,
  ]
}

export function authorityExtensions(
  pathLenConstraint: number | null = null,
  ...more: readonly ExtensionToWrite[]
): ExtensionToWrite[] {
  return [extension.basicConstraints(true, pathLenConstraint), extension.keyUsage(['keyCertSign', 'cRLSign']), ...more]
}

export function search(
  leaf: Uint8Array | Certificate,
  sent: readonly (Uint8Array | Certificate)[],
  anchors: readonly Certificate[],
  options: Partial<PathRequest> = {},
) {
  const der = (certificate: Uint8Array | Certificate) => ('der' in certificate ? certificate.der : certificate)
  return findPath({
    leaf: 'der' in leaf ? leaf : parse(leaf),
    sent: sent.map(der),
    anchors,
    now,
    skew: noSkew,
    ...options,
  })
}

/** The outcome in one word: `ok`, a kind, or `chainInvalid rule`. */
export function verdict(found: ReturnType<typeof findPath>): string {
  if (found.ok) return 'ok'
  return found.error.kind === 'chainInvalid' ? `chainInvalid ${found.error.rule}` : found.error.kind
}

export interface Run {
  readonly status: number | null
  readonly output: string
  /** Content of the files that it was asked to write. */
  readonly written: Readonly<Record<string, Uint8Array>>
}

/** Runs openssl in a folder of its own that holds the named files. */
export function openssl(
  args: readonly string[],
  files: Readonly<Record<string, string | Uint8Array>> = {},
  results: readonly string[] = [],
): Run {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-x509-'))
  try {
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content)
    const run = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8', timeout: 20_000 })
    assert.equal(run.error, undefined, 'these tests need the openssl program')
    const written = results.map((file) => [file, new Uint8Array(readFileSync(join(folder, file)))] as const)
    return { status: run.status, output: run.stdout + run.stderr, written: Object.fromEntries(written) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export function pem(certificate: Certificate | Uint8Array): string {
  return toPem('CERTIFICATE', 'der' in certificate ? certificate.der : certificate)
}

/**
 * Adds subject and authority key identifiers, as every CA does: to certificates of version 3 whose extensions lack them.
 */
export function identified(fields: Forged): Forged {
  const { extensions = leafExtensions(), issuer } = fields
  if (extensions.length === 0) return fields
  const info = fields.subjectPublicKeyInfo ?? publicKeyInfo(fields.key ?? key(9))
  const own = extension.subjectKeyIdentifier(extension.keyIdentifierOf(info))
  const above = issuer?.certificate.subjectKeyIdentifier ?? null
  const added = [own, ...(above === null ? [] : [extension.authorityKeyIdentifier(above)])]
  const missing = added.filter(({ oid }) => !extensions.some((present) => present.oid === oid))
  return { ...fields, extensions: [...extensions, ...missing] }
}
