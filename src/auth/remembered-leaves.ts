import { hash } from 'node:crypto'
import { GenerationCache } from '../registry/generation-cache.ts'
import type { Certificate } from '../x509/certificate.ts'

/** Larger certificates are read again each time, so that the memory stays bounded by the number. */
const longestDer = 2_048

/**
 * Leaves of devices that were accepted, already read: most CONNECTs are those of devices that come back (bench:
 * mtls-connect). Found by the digest of every byte, so that a hit is the same certificate. Strangers, who can show as
 * many as they like, are not remembered.
 */
export class RememberedLeaves {
  readonly #byDigest: GenerationCache<string, Certificate>

  /** @param size certificates of one generation, about 4 KB each; at most twice as many are kept */
  constructor(size = 1_024) {
    this.#byDigest = new GenerationCache(size)
  }

  find(der: Uint8Array): Certificate | undefined {
    return der.length > longestDer ? undefined : this.#byDigest.get(hash('sha256', der, 'hex'))
  }

  /** Call with a leaf whose acceptance is decided. */
  add(certificate: Certificate): void {
    if (certificate.der.length <= longestDer) this.#byDigest.set(certificate.sha256, certificate)
  }
}
