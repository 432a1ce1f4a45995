import { hash } from 'node:crypto'
import { err, ok, type Result } from '../base/result.ts'

export interface Thumbprint {
  /** Told by the length alone, as people paste them. */
  readonly algorithm: 'sha256' | 'sha1'
  /** Upper case, no separators: 64 or 40 digits. */
  readonly hex: string
}

export type ThumbprintFailure =
  | { readonly kind: 'notHexadecimal'; readonly at: number }
  | { readonly kind: 'wrongLength'; readonly digits: number }

const maximumTextLength = 256

/** Hexadecimal in any case; colons, hyphens and white space anywhere; `openssl x509 -fingerprint` output whole. */
export function parseThumbprint(text: string): Result<Thumbprint, ThumbprintFailure> {
  if (text.length > maximumTextLength) return err({ kind: 'wrongLength', digits: text.length })
  const label = /^\s*sha-?(?:1|256) fingerprint=/i.exec(text)?.[0] ?? ''
  const rest = text.slice(label.length)
  const strange = rest.search(/[^0-9a-fA-F\s:-]/)
  if (strange >= 0) return err({ kind: 'notHexadecimal', at: label.length + strange })
  const hex = rest.replace(/[\s:-]/g, '').toUpperCase()
  if (hex.length === 64) return ok({ algorithm: 'sha256', hex })
  if (hex.length === 40) return ok({ algorithm: 'sha1', hex })
  return err({ kind: 'wrongLength', digits: hex.length })
}

/** Both thumbprints of the DER bytes as received (S10), in the form that `parseThumbprint` yields. */
export function thumbprintsOf(der: Uint8Array): { readonly sha256: string; readonly sha1: string } {
  return { sha256: hash('sha256', der, 'hex').toUpperCase(), sha1: hash('sha1', der, 'hex').toUpperCase() }
}
