import { err, ok, type Result } from '../base/result.ts'
import { DerReader, Tag } from './der.ts'

/** What a pasted text or an uploaded file holds. Blocks other than certificates are named, never carried (S21). */
export interface PemContents {
  /** DER of every CERTIFICATE block, in order; at least one. Not yet parsed. */
  readonly certificates: readonly Uint8Array[]
  /** Labels of the other blocks, e.g. `CERTIFICATE REQUEST`. */
  readonly otherLabels: readonly string[]
}

export type PemFailure =
  | { readonly kind: 'tooLarge'; readonly maximumOctets: number }
  /** A private key, in PEM, in base64 of PEM or in base64 of DER: refused before anything else is looked at. */
  | { readonly kind: 'privateKey' }
  | { readonly kind: 'empty' }
  /** Neither PEM nor base64. */
  | { readonly kind: 'notPem' }
  /** A block begins and never ends. */
  | { readonly kind: 'unterminated'; readonly label: string }
  /** A block whose content is no base64. */
  | { readonly kind: 'badBase64'; readonly label: string }
  /** PEM without a certificate in it. */
  | { readonly kind: 'noCertificate'; readonly labels: readonly string[] }

export const maximumPemLength = 65_536

const begin = '-----BEGIN '
const dashes = '-----'
const maximumLabelLength = 64

/**
 * Reads certificates in every spelling that people paste: PEM with any line ends or none, text around the blocks,
 * `\n` written out, base64 of PEM, base64 of DER. One pass, linear, at most 64 KiB.
 */
export function readPem(text: string): Result<PemContents, PemFailure> {
  if (text.length > maximumPemLength) return err({ kind: 'tooLarge', maximumOctets: maximumPemLength })
  // A key is a key also where the block around it is broken.
  if (/PRIVATE KEY/i.test(text)) return err({ kind: 'privateKey' })
  if (text.includes(begin)) return readBlocks(text)
  const compact = withoutBreaks(text).replace(/^\ufeff/, '')
  if (compact === '') return err({ kind: 'empty' })
  const octets = decodeBase64(compact)
  if (octets === null) return err({ kind: 'notPem' })
  if (isDer(octets)) {
    if (holdsKey(octets)) return err({ kind: 'privateKey' })
    return ok({ certificates: [octets], otherLabels: [] })
  }
  const inner = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1')
  if (/PRIVATE KEY/i.test(inner)) return err({ kind: 'privateKey' })
  return inner.includes(begin) ? readBlocks(inner) : err({ kind: 'notPem' })
}

/** The same for the content of a file, which may also be DER itself. */
export function readCertificateFile(octets: Uint8Array): Result<PemContents, PemFailure> {
  if (octets.length > maximumPemLength) return err({ kind: 'tooLarge', maximumOctets: maximumPemLength })
  if (!isDer(octets)) return readPem(Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('utf8'))
  return holdsKey(octets) ? err({ kind: 'privateKey' }) : ok({ certificates: [octets], otherLabels: [] })
}

function readBlocks(text: string): Result<PemContents, PemFailure> {
  const certificates: Uint8Array[] = []
  const otherLabels: string[] = []
  let at = text.indexOf(begin)
  while (at >= 0) {
    const labelStart = at + begin.length
    const labelEnd = text.slice(labelStart, labelStart + maximumLabelLength + dashes.length).indexOf(dashes)
    if (labelEnd < 0) return err({ kind: 'unterminated', label: '' })
    const label = text.slice(labelStart, labelStart + labelEnd)
    if (!/^[A-Z0-9 .]*$/.test(label)) return err({ kind: 'notPem' })
    const bodyStart = labelStart + labelEnd + dashes.length
    const bodyEnd = text.indexOf(dashes, bodyStart)
    const end = `-----END ${label}-----`
    if (bodyEnd < 0 || !text.startsWith(end, bodyEnd)) return err({ kind: 'unterminated', label })
    if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE') {
      const octets = decodeBase64(withoutBreaks(text.slice(bodyStart, bodyEnd)))
      if (octets === null || octets.length === 0) return err({ kind: 'badBase64', label })
      if (holdsKey(octets)) return err({ kind: 'privateKey' })
      certificates.push(octets)
    } else otherLabels.push(label)
    at = text.indexOf(begin, bodyEnd + end.length)
  }
  if (certificates.length === 0) return err({ kind: 'noCertificate', labels: otherLabels })
  return ok({ certificates, otherLabels })
}

/** Takes out white space, and line ends that somebody wrote out as `\n` or `\r\n`. */
function withoutBreaks(text: string): string {
  return text.replace(/\\r|\\n|\s/g, '')
}

/** Standard alphabet, padding as it should be or left away; null for anything else. */
function decodeBase64(text: string): Uint8Array | null {
  const unpadded = text.replace(/={1,2}$/, '')
  if (/[^A-Za-z0-9+/]/.test(unpadded) || unpadded.length % 4 === 1) return null
  if (text.length !== unpadded.length && text.length % 4 !== 0) return null
  const octets = Buffer.from(unpadded, 'base64')
  return new Uint8Array(octets.buffer, octets.byteOffset, octets.length)
}

function isDer(octets: Uint8Array): boolean {
  return octets[0] === 0x30 && (octets[1] ?? 0) !== 0
}

/**
 * A SEQUENCE that starts with an INTEGER is no certificate; PKCS #1, PKCS #8 and SEC 1 private keys and PKCS #12 files
 * look like this. An encrypted PKCS #8 key is an algorithm and an OCTET STRING.
 */
function holdsKey(octets: Uint8Array): boolean {
  const length = octets[1] ?? 0
  if (octets[2 + (length >= 0x80 ? length & 0x7f : 0)] === Tag.Integer) return true // also when it was cut off
  const outer = new DerReader(octets).sequence('upload')
  outer.enter(Tag.Sequence, 'upload')
  return outer.peek() === Tag.OctetString
}

/** PEM with lines of 64 characters and a newline at the end (RFC 7468). */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.length).toString('base64')
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`
}
