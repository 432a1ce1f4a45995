import { hash } from 'node:crypto'
import type { Result } from '../base/result.ts'
import { type Certificate, type CertificateFailure, parseCertificate } from './certificate.ts'

const defaultCapacity = 256

/** Larger certificates are read each time: what a stranger can make us keep stays at a few megabytes. */
const maximumCachedOctets = 4_096

/**
 * Intermediates that peers sent, read once: a fleet sends the same one ten thousand times, and reading it, importing
 * its key and verifying its signature cost more than all the rest of a decision. Keyed by content, so it never adds a
 * certificate to what a peer has shown (S15); the least recently used one goes first.
 */
export class CertificateCache {
  readonly #capacity: number
  readonly #certificates = new Map<string, Certificate>()
  /** By child, then by issuer: whether the signature verifies, which is so for ever. */
  readonly #signatures = new WeakMap<Certificate, WeakMap<Certificate, boolean>>()

  constructor(capacity: number = defaultCapacity) {
    this.#capacity = capacity
  }

  /** The same as `parseCertificate`, with one object for equal bytes. */
  read(der: Uint8Array): Result<Certificate, CertificateFailure> {
    if (der.length > maximumCachedOctets) return parseCertificate(der)
    const key = hash('sha256', der, 'base64')
    const known = this.#certificates.get(key)
    if (known !== undefined) {
      this.#certificates.delete(key)
      this.#certificates.set(key, known)
      return { ok: true, value: known }
    }
    const read = parseCertificate(der)
    if (!read.ok) return read
    this.#certificates.set(key, read.value)
    this.#signatures.set(read.value, new WeakMap())
    if (this.#certificates.size > this.#capacity) {
      const [oldest] = this.#certificates.keys()
      if (oldest !== undefined) this.#certificates.delete(oldest)
    }
    return read
  }

  /** What is known about the signature of a certificate that came from here; undefined: nothing. */
  signature(child: Certificate, issuer: Certificate): boolean | undefined {
    return this.#signatures.get(child)?.get(issuer)
  }

  /** Remembers a verification; of certificates that did not come from here nothing is kept. */
  rememberSignature(child: Certificate, issuer: Certificate, verifies: boolean): void {
    this.#signatures.get(child)?.set(issuer, verifies)
  }

  get size(): number {
    return this.#certificates.size
  }
}
