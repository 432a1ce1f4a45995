import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { bytesEqual } from '../base/bytes.ts'
import { toUnixSeconds, type UnixMillis, type UnixSeconds, unixMillis, unixSeconds } from '../base/time.ts'
import type { Config } from '../config.ts'
import type { ServerCertificate } from '../listeners/tls-context.ts'
import type { Random } from '../ports/random.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { nameOfCommonName } from '../x509/distinguished-name.ts'
import { ExtendedKeyUsage } from '../x509/extensions.ts'
import type { GeneralName } from '../x509/general-name.ts'
import { parseIpAddress } from '../x509/ip-address.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generalNameOfText,
  issueCertificate,
  privateKeyPem,
} from '../x509/issue.ts'
import { toPem } from '../x509/pem.ts'
import type { DataDirectory } from './data-directory.ts'
import { readIfThere, refuseReadableSecret, writeFileAtomically } from './files.ts'
import { readKeyPair } from './key-pair.ts'
import { StartError } from './start-error.ts'

const day = 86_400
/** The CA is what clients are told to trust; it outlives what they run. */
const authorityDays = 3_650
/** Longest that current TLS clients take without complaint is 398. */
const leafDays = 397
/** A leaf with less than this to live is made anew. */
const renewBeforeDays = 30
/** For machines whose clock is a little behind ours. */
const backdateSeconds = 3_600

export interface ServerCertificateSource {
  readonly current: ServerCertificate
  /** Certificate that verifies it; null for the operator's own. */
  readonly caFile: string | null
  /** When the current one expires. */
  readonly notAfter: UnixMillis
  /**
   * The certificate to serve from now on, when the operator's files hold another one or a made one is about to expire;
   * null: nothing to do.
   *
   * @throws StartError when the files are there and of no use
   */
  renew(now: UnixMillis): ServerCertificate | null
}

/**
 * The operator's certificate, or one that we make: `DATA/tls/ca.pem` signs it and has a key of its own, which signs
 * nothing else and is no client's trust anchor (S20).
 *
 * @throws StartError
 */
export function openServerCertificate(
  config: Pick<Config, 'tlsCert' | 'tlsKey' | 'serverName' | 'domain'>,
  directory: DataDirectory,
  random: Random,
  now: UnixMillis,
): ServerCertificateSource {
  if (config.tlsCert !== null && config.tlsKey !== null) {
    return ownCertificate(config.tlsCert, config.tlsKey)
  }
  const names = [...new Set(config.domain === null ? config.serverName : [...config.serverName, `*.${config.domain}`])]
  const subjectAltNames = names.map(generalNameOf)
  const authority = openAuthority(directory, random, now)
  let leaf = openLeaf(directory, authority, subjectAltNames, now)
  return {
    get current() {
      return leaf.files
    },
    caFile: directory.file('tls', 'ca.pem'),
    get notAfter() {
      return unixMillis(leaf.certificate.notAfter * 1_000)
    },
    renew(later) {
      if (!isEnding(leaf.certificate, later)) return null
      leaf = makeLeaf(directory, authority, subjectAltNames, later)
      return leaf.files
    },
  }
}

/** Read anew whenever it is asked for; what was read is judged only when it has changed. */
function ownCertificate(certificateFile: string, keyFile: string): ServerCertificateSource {
  const pair = { certificateFile, keyFile, certificateLabel: '--tls-cert ', keyLabel: '--tls-key ' }
  let own = readKeyPair(pair, null)
  return {
    get current() {
      return own.files
    },
    caFile: null,
    get notAfter() {
      return own.notAfter
    },
    renew() {
      const before = own
      own = readKeyPair(pair, before)
      return own === before ? null : own.files
    },
  }
}

function generalNameOf(name: string): GeneralName {
  const kind = parseIpAddress(name) === null ? 'dNSName' : 'iPAddress'
  const made = generalNameOfText(kind, name)
  if (!made.ok) throw new StartError([`--server-name ${JSON.stringify(name)}: not a host name or address`])
  return made.value
}

function openAuthority(directory: DataDirectory, random: Random, now: UnixMillis): CertificateAuthority {
  const certificateFile = directory.file('tls', 'ca.pem')
  const keyFile = directory.file('tls', 'ca.key')
  const there = readPair(certificateFile, keyFile)
  if (there !== null && !isEnding(there.certificate, now)) return there
  if (there === null && readIfThere(certificateFile) !== null) {
    // Clients trust this certificate: it is not replaced behind their back because its key is gone.
    throw new StartError([
      `${keyFile} is not the key of ${certificateFile}; put it back, or remove both and give clients the new CA`,
    ])
  }
  const made = createCertificateAuthority({
    // Two machines' authorities are two: a client that trusts both must be able to tell them apart.
    subject: nameOfCommonName(`Sealgate server CA ${random.uid().slice(0, 8)}`),
    ...validity(now, authorityDays),
    pathLenConstraint: 0,
  })
  // The key first: what a crash in between leaves is a key without a certificate, which is made anew.
  writePrivateKey(keyFile, made.privateKey)
  writeFileAtomically(certificateFile, toPem('CERTIFICATE', made.certificate.der), 0o644)
  return made
}

interface Leaf {
  readonly certificate: Certificate
  readonly files: ServerCertificate
}

function openLeaf(
  directory: DataDirectory,
  authority: CertificateAuthority,
  subjectAltNames: readonly GeneralName[],
  now: UnixMillis,
): Leaf {
  const there = readPair(directory.file('tls', 'server.pem'), directory.file('tls', 'server.key'))
  const usable =
    there !== null &&
    !isEnding(there.certificate, now) &&
    bytesEqual(there.certificate.issuer.der, authority.certificate.subject.der) &&
    sameNames(there.certificate.subjectAltNames, subjectAltNames)
  return usable
    ? { certificate: there.certificate, files: filesOf(there) }
    : makeLeaf(directory, authority, subjectAltNames, now)
}

function makeLeaf(
  directory: DataDirectory,
  authority: CertificateAuthority,
  subjectAltNames: readonly GeneralName[],
  now: UnixMillis,
): Leaf {
  const { notBefore, notAfter } = validity(now, leafDays)
  const { certificate, privateKey } = issueCertificate({
    issuer: authority,
    subject: nameOfCommonName('Sealgate'),
    subjectAltNames,
    extendedKeyUsage: [ExtendedKeyUsage.ServerAuth],
    notBefore,
    notAfter: unixSeconds(Math.min(notAfter, authority.certificate.notAfter)),
  })
  const pair = { certificate, privateKey: privateKey as KeyObject }
  writePrivateKey(directory.file('tls', 'server.key'), pair.privateKey)
  writeFileAtomically(directory.file('tls', 'server.pem'), toPem('CERTIFICATE', certificate.der), 0o644)
  return { certificate, files: filesOf(pair) }
}

function filesOf(pair: CertificateAuthority): ServerCertificate {
  return {
    certificate: toPem('CERTIFICATE', pair.certificate.der),
    privateKey: privateKeyPem(pair.privateKey),
  }
}

/** Null when one is missing or they do not belong together. */
function readPair(certificateFile: string, keyFile: string): CertificateAuthority | null {
  const certificateText = readIfThere(certificateFile)
  const keyText = readIfThere(keyFile)
  if (certificateText === null || keyText === null) return null
  refuseReadableSecret(keyFile, 'groupAndWorld')
  try {
    const read = parseCertificate(new X509Certificate(certificateText).raw)
    const privateKey = createPrivateKey(keyText)
    if (!read.ok || !new X509Certificate(certificateText).checkPrivateKey(privateKey)) return null
    return { certificate: read.value, privateKey }
  } catch {
    return null
  }
}

function writePrivateKey(file: string, key: KeyObject): void {
  writeFileAtomically(file, privateKeyPem(key), 0o600)
  chmodSync(file, 0o600)
}

function validity(now: UnixMillis, days: number): { notBefore: UnixSeconds; notAfter: UnixSeconds } {
  const seconds = toUnixSeconds(now)
  return { notBefore: unixSeconds(seconds - backdateSeconds), notAfter: unixSeconds(seconds + days * day) }
}

function isEnding(certificate: Certificate, now: UnixMillis): boolean {
  return certificate.notAfter < toUnixSeconds(now) + renewBeforeDays * day || certificate.notBefore > toUnixSeconds(now)
}

function sameNames(a: readonly GeneralName[], b: readonly GeneralName[]): boolean {
  return a.length === b.length && a.every((name, i) => textOf(name) === textOf(b[i]!))
}

function textOf(name: GeneralName): string {
  return 'octets' in name ? `${name.kind} ${Buffer.from(name.octets).toString('hex')}` : name.kind
}
