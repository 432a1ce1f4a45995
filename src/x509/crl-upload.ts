import { err, ok, type Result } from '../base/result.ts'
import type { Steps } from '../base/steps.ts'
import { maximumCrlOctets } from './crl.ts'
import { readPem } from './pem.ts'

/** A list as it was handed in, not yet read. */
export interface ListUpload {
  readonly der: Uint8Array
  /** A certificate that came with it, DER: the CA's, where it is not registered. */
  readonly issuer: Uint8Array | null
}

export interface ListUploadFailure {
  readonly kind: 'tooLarge' | 'privateKey' | 'empty' | 'notAList' | 'certificate' | 'unterminated' | 'severalLists'
}

/** Base64 with line ends is longer by a third and some. */
const maximumUploadOctets = Math.ceil(maximumCrlOctets * 1.5)
/** One step is a few milliseconds. */
const octetsPerStep = 262_144

const begin = Buffer.from('-----BEGIN ')
const privateKey = Buffer.from('PRIVATE KEY')
const dashes = Buffer.from('-----')
const maximumLabelLength = 64

/** DER, PEM with text around it, or base64 of DER: told by its first octets, decoded a few milliseconds at a time. */
export function* decodeListInSteps(upload: Uint8Array): Steps<Result<ListUpload, ListUploadFailure>> {
  const octets = Buffer.from(upload.buffer, upload.byteOffset, upload.length)
  if (octets.length > maximumUploadOctets) return err({ kind: 'tooLarge' })
  if (octets.length === 0) return err({ kind: 'empty' })
  if (yield* includesInSteps(octets, privateKey)) return err({ kind: 'privateKey' })
  if (octets[0] === 0x30 && (octets[1] ?? 0) >= 0x80) return ok({ der: octets, issuer: null })
  const first = octets.indexOf(begin)
  if (first < 0) return yield* readBase64(octets)
  let der: Uint8Array | null = null
  let issuer: Uint8Array | null = null
  let others = 0
  for (let at = first; at >= 0; ) {
    yield
    const labelStart = at + begin.length
    const labelEnd = octets.subarray(labelStart, labelStart + maximumLabelLength + dashes.length).indexOf(dashes)
    if (labelEnd < 0) return err({ kind: 'unterminated' })
    const label = octets.toString('latin1', labelStart, labelStart + labelEnd)
    const bodyStart = labelStart + labelEnd + dashes.length
    const end = `-----END ${label}-----`
    const bodyEnd = octets.indexOf(end, bodyStart)
    if (bodyEnd < 0) return err({ kind: 'unterminated' })
    const after = bodyEnd + end.length
    if (label === 'X509 CRL') {
      if (der !== null) return err({ kind: 'severalLists' })
      const decoded = yield* readBase64(octets.subarray(bodyStart, bodyEnd))
      if (!decoded.ok) return decoded
      der = decoded.value.der
    } else if (label === 'CERTIFICATE') {
      const read = readPem(octets.toString('latin1', at, after))
      issuer ??= read.ok ? (read.value.certificates[0] ?? null) : null
      others++
    }
    at = octets.indexOf(begin, after)
  }
  if (der === null) return err({ kind: others > 0 ? 'certificate' : 'notAList' })
  return ok({ der, issuer })
}

function* includesInSteps(octets: Buffer, wanted: Buffer): Steps<boolean> {
  for (let at = 0; at < octets.length; at += octetsPerStep) {
    if (octets.subarray(at, at + octetsPerStep + wanted.length).includes(wanted)) return true
    yield
  }
  return false
}

/** Characters are taken out and decoded in pieces of whole quanta, so that no piece holds the event loop up. */
function* readBase64(text: Buffer): Steps<Result<ListUpload, ListUploadFailure>> {
  const der = Buffer.alloc(Math.ceil((text.length * 3) / 4))
  let length = 0
  let rest = ''
  for (let at = 0; at < text.length; at += octetsPerStep) {
    const piece = rest + text.toString('latin1', at, at + octetsPerStep).replace(/\\r|\\n|\s/g, '')
    const isLast = at + octetsPerStep >= text.length
    const whole = isLast ? piece.length : piece.length - (piece.length % 4)
    const quanta = piece.slice(0, whole)
    rest = piece.slice(whole)
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(quanta) || (quanta.endsWith('=') && !(isLast || rest === ''))) {
      return err({ kind: 'notAList' })
    }
    length += der.write(quanta, length, 'base64')
    yield
  }
  if (length === 0) return err({ kind: 'empty' })
  if (der[0] !== 0x30) return err({ kind: 'notAList' })
  return ok({ der: der.subarray(0, length), issuer: null })
}
