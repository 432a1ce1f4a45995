import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'

/** A server certificate with its intermediates, leaf first, and its private key; both PEM. */
export interface ServerCertificate {
  readonly certificate: string
  readonly privateKey: string
}

/**
 * TLS 1.2 and 1.3; in 1.2 only ECDHE with AEAD (S19: no RSA key exchange, no CBC). AES-128 first: it is the cheapest
 * where there is hardware for it; a client that puts ChaCha20 first has none and is given ChaCha20.
 */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/**
 * The same in every context, whatever host it serves. `ca: []` is an empty list and not an absent one: no CA names in
 * the CertificateRequest (Java and Go clients hold their certificate back when its issuer is not named) and no root
 * that Node bundles. Trust is decided at CONNECT. No session is ever resumed: a resumed one has lost its chain.
 */
export function contextOptions(certificate: ServerCertificate): SecureContextOptions {
  return {
    cert: certificate.certificate,
    key: certificate.privateKey,
    ca: [],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA,
  }
}

/** Server certificates by host name, and the one for clients that name no host or an unknown one. */
export class TlsContexts {
  #fallback: ServerCertificate
  readonly #hosts = new Map<string, SecureContext>()
  readonly #listeners = new Set<() => void>()

  /** @throws when certificate and key do not belong together or cannot be read */
  constructor(fallback: ServerCertificate) {
    createSecureContext(contextOptions(fallback))
    this.#fallback = fallback
  }

  get fallbackOptions(): SecureContextOptions {
    return contextOptions(this.#fallback)
  }

  /** Undefined: the fallback serves this name. */
  contextFor(serverName: string | null): SecureContext | undefined {
    return serverName === null ? undefined : this.#hosts.get(serverName)
  }

  /** Handshakes that begin from now on see it. Throws, and keeps what it has, when the pair is unusable. */
  replaceFallback(certificate: ServerCertificate): void {
    createSecureContext(contextOptions(certificate))
    this.#fallback = certificate
    for (const listener of this.#listeners) listener()
  }

  /** Handshakes that begin from now on see it. Null: the fallback serves this name again. */
  setHost(serverName: string, context: SecureContext | null): void {
    if (context === null) this.#hosts.delete(serverName)
    else this.#hosts.set(serverName, context)
  }

  onFallbackChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
