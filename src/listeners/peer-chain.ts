import type { TLSSocket } from 'node:tls'

/** Certificates taken from a peer, its leaf included; a path has at most six, so ten leave room for strays. */
const maximumCertificates = 10

/**
 * The certificates that the peer sent, as DER, leaf first, in the order in which each is the issuer of the one before.
 * Only `raw` is taken: every other field is the TLS library's reading of them, and ours is the one that counts. The
 * walk ends at a certificate that is its own issuer, and at ten whatever a peer builds.
 *
 * Node.js 24 links the certificates itself and stops when the issuer that it has found is the last of those left: of two
 * or more intermediates in reverse order only the leaf's own issuer arrives. No other public call hands over the sent
 * list: the newer one for X.509 objects has it all and leaks about 7 KB per intermediate and connection, `getSession` holds the
 * leaf alone. docs/certificates.md names the remedy; a set-up in test/setups/paths.ts fails on the day it is mended.
 */
export function readPeerChain(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = []
  let link = socket.getPeerCertificate(true)
  while (link?.raw !== undefined && chain.length < maximumCertificates) {
    chain.push(link.raw)
    const issuer = link.issuerCertificate
    if (issuer === undefined || issuer === link) break
    link = issuer
  }
  // Kept with the session: without the room that an array gets to grow in (bench: mtls-idle).
  return chain.slice()
}
