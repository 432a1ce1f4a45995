import { denyKeysOf } from '../../src/x509/deny.ts'
import { type CertificateAuthority, createRevocationList } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import type { Identity } from '../support/mqtt-peer.ts'
import { authority, from, identified, key, leafExtensions, name, pem } from '../x509/kit.ts'
import { type Change, forged, policy, registerCa, registerClient, type Setup, thumbprint } from './setup.ts'

/** Certificates that must not be used any more, and lists that nobody renews. */

const root = authority('CN=Plant Root', { key: key(0) })
const hall = authority('CN=Hall 1', { key: key(1), issuer: root })
const newHall = authority('CN=Hall 1', { key: key(2), issuer: root })
const username = 'press-7'
const usual = [registerCa('root', root), registerClient('press-7')]

/** A device whose key is its own, so that a new certificate can have a new one. */
function device(issuer: CertificateAuthority, serialNumber: bigint, keyIndex: number): Identity {
  const fields = { issuer, subject: name('CN=press-7'), serialNumber, key: key(keyIndex), extensions: leafExtensions() }
  return forged(identified(fields), issuer === root ? [] : [issuer])
}

const lost = device(root, 0x51n, 5)
const renewed = device(root, 0x52n, 6)
const below = device(hall, 0x61n, 5)

function deny(entry: string, properties: object): Change {
  return { method: 'PUT', path: `/sealgateDenyEntries/${entry}`, body: { properties } }
}

function list(
  issuer: CertificateAuthority,
  crlNumber: bigint,
  revoked: readonly bigint[],
  nextUpdate = from(3_600),
  more: object = {},
): Change {
  const entries = revoked.map((serialNumber) => ({ serialNumber, revokedAt: from(-7_200) }))
  const thisUpdate = from(-7_200 + Number(crlNumber))
  const der = createRevocationList({ issuer, thisUpdate, nextUpdate, crlNumber, revoked: entries })
  return {
    method: 'PUT',
    path: '/sealgateRevocationLists/plant',
    body: { properties: { encodedRevocationList: toPem('X509 CRL', der), ...more } },
  }
}

export const revocation: readonly Setup[] = [
  {
    name: 'a lost device was denied by its certificate, and somebody found it',
    registry: [...usual, deny('press-7-lost', { encodedCertificate: pem(lost.certificate) })],
    client: { shows: lost, username },
    code: 'certificateRevoked',
    shows: { step: 'revocation', presented: /^deny entry press-7-lost, by issuer and serial number$/ },
    remedy: { client: { shows: renewed } },
  },
  {
    name: 'a lost device got a new certificate for its old key',
    registry: [...usual, deny('press-7-lost', { encodedCertificate: pem(lost.certificate) })],
    client: { shows: device(root, 0x53n, 5), username },
    code: 'certificateRevoked',
    shows: { step: 'revocation', presented: 'deny entry press-7-lost, by public key' },
    remedy: { client: { shows: renewed } },
  },
  {
    name: 'the key of an intermediate was denied',
    registry: [...usual, deny('hall-1', { publicKeySha256: denyKeysOf(hall.certificate).publicKey })],
    client: { shows: below, username },
    code: 'certificateRevoked',
    shows: { step: 'revocation', presented: 'deny entry hall-1, by public key', detail: 'intermediate CN=Hall 1' },
    remedy: { client: { shows: device(newHall, 0x61n, 5) } },
  },
  {
    name: 'a certificate that is accepted by thumbprint was denied',
    registry: [
      registerClient('press-7', { thumbprints: [thumbprint(lost), thumbprint(renewed)] }),
      deny('press-7-lost', { serialNumber: '0x51', encodedIssuerCertificate: pem(root.certificate) }),
    ],
    client: { shows: lost, username },
    code: 'certificateRevoked',
    shows: { step: 'revocation', presented: /^deny entry press-7-lost, / },
    remedy: { client: { shows: renewed } },
  },
  {
    name: "the certificate is on its CA's revocation list",
    registry: [...usual, list(root, 1n, [0x51n])],
    client: { shows: lost, username },
    code: 'certificateRevoked',
    shows: {
      step: 'revocation',
      expected: /^a certificate that is not on revocation list plant of \S+Z$/,
      presented: 'serial number 0x51 is on it',
      detail: 'the client certificate',
    },
    remedy: { client: { shows: renewed } },
  },
  {
    name: 'the list of an intermediate that is not registered names the certificate',
    registry: [...usual, list(hall, 1n, [0x61n], from(3_600), { encodedIssuerCertificate: pem(hall.certificate) })],
    client: { shows: below, username },
    code: 'certificateRevoked',
    shows: { step: 'revocation', presented: 'serial number 0x61 is on it' },
    remedy: { client: { shows: device(hall, 0x62n, 6) } },
  },
  {
    name: 'a stale list still revokes what it names',
    registry: [...usual, list(root, 1n, [0x51n], from(-60))],
    client: { shows: lost, username },
    code: 'certificateRevoked',
    shows: { step: 'revocation', expected: /, stale since \S+Z$/ },
    remedy: { client: { shows: renewed } },
  },
  {
    name: 'the job that brings the revocation list stopped, and the namespace insists on a current one',
    registry: [...usual, policy({ staleRevocationLists: 'refuse' }), list(root, 1n, [], from(-60))],
    client: { shows: renewed, username },
    code: 'revocationUnknown',
    shows: { step: 'revocation', expected: 'a current revocation list plant', presented: /stale since/ },
    remedy: { change: [list(root, 2n, [])] },
  },
  {
    name: 'the same, and the operator goes on with the old list for now',
    registry: [...usual, policy({ staleRevocationLists: 'refuse' }), list(root, 1n, [], from(-60))],
    client: { shows: renewed, username },
    code: 'revocationUnknown',
    shows: { step: 'revocation', presented: /stale since/ },
    remedy: { change: [policy({ staleRevocationLists: 'warn' })] },
  },
]
