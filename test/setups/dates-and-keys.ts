import { sign } from 'node:crypto'
import type { Signer } from '../../src/x509/certificate-writer.ts'
import { nullValue, objectIdentifier, sequence } from '../../src/x509/der-writer.ts'
import { authority, day, from, key, name, rsaKey, weakRsaKey, year } from '../x509/kit.ts'
import { forged, issued, registerCa, registerClient, type Setup, selfSigned, thumbprint } from './setup.ts'

/** Validity, whatever clock is wrong, and keys and hashes that are too weak. */

const plant = authority('CN=Plant CA', { key: key(0) })
const ca = registerCa('plant', plant)
const client = registerClient('press-7')
const good = issued('CN=press-7', { issuer: plant })
const username = 'press-7'

const hall = authority('CN=Hall 1', { key: key(1), issuer: plant })
const expiredHall = authority('CN=Hall 1', { key: key(1), issuer: plant, notBefore: from(-year), notAfter: from(-1) })
const futureHall = authority('CN=Hall 1', { key: key(1), issuer: plant, notBefore: from(day), notAfter: from(year) })
const expiredPlant = authority('CN=Plant CA', { key: key(0), notBefore: from(-year), notAfter: from(-day) })

const old = selfSigned('CN=press-7', { notBefore: from(-year), notAfter: from(-day) })
const renewed = selfSigned('CN=press-7')

export const dates: readonly Setup[] = [
  {
    name: 'the certificate has expired',
    registry: [ca, client],
    client: { shows: issued('CN=press-7', { issuer: plant, notBefore: from(-year), notAfter: from(-1) }), username },
    code: 'certificateExpired',
    shows: {
      step: 'validity',
      expected: '2026-01-15T08:00:00Z to 2027-01-15T07:59:59Z',
      presented: '2027-01-15T08:00:00Z',
      detail: 'expired 1 s ago',
    },
    remedy: { client: { shows: good } },
  },
  {
    name: 'the certificate is valid from tomorrow',
    registry: [ca, client],
    client: { shows: issued('CN=press-7', { issuer: plant, notBefore: from(day), notAfter: from(year) }), username },
    code: 'certificateNotYetValid',
    shows: { step: 'validity', presented: '2027-01-15T08:00:00Z', detail: 'valid in 86400 s' },
    remedy: { client: { shows: good } },
  },
  {
    name: 'the clock of the broker is five years behind',
    registry: [ca, client],
    clock: from(-5 * year),
    refusedWrite: {
      change: registerCa('hall', hall),
      says: /CN=Hall 1 is not valid before 2026-01-15T08:00:00Z; this broker's clock says 2022/,
    },
    client: { shows: good, username },
    code: 'certificateNotYetValid',
    shows: { step: 'validity', expected: /^2026-01-15/, presented: /^2022-/ },
    remedy: { clock: from(0) },
  },
  {
    name: 'the clock of the broker is five years ahead',
    registry: [ca, client],
    clock: from(5 * year),
    client: { shows: good, username },
    code: 'certificateExpired',
    shows: { step: 'validity', expected: / to 2028-01-15/, presented: /^2032-/ },
    remedy: { clock: from(0) },
  },
  {
    name: 'the intermediate that the client sends has expired',
    registry: [ca, client],
    client: { shows: issued('CN=press-7', { issuer: hall, sent: [expiredHall] }), username },
    code: 'issuerExpired',
    shows: {
      step: 'certificationPath',
      presented: '2026-01-15T08:00:00Z to 2027-01-15T07:59:59Z',
      detail: 'intermediate CN=Hall 1',
    },
    remedy: { client: { shows: issued('CN=press-7', { issuer: hall, sent: [hall] }) } },
  },
  {
    name: 'the intermediate that the client sends is not valid yet',
    registry: [ca, client],
    client: { shows: issued('CN=press-7', { issuer: hall, sent: [futureHall] }), username },
    code: 'chainInvalid',
    shows: { step: 'certificationPath', detail: 'rule issuerNotYetValid: intermediate CN=Hall 1' },
    remedy: { client: { shows: issued('CN=press-7', { issuer: hall, sent: [hall] }) } },
  },
  {
    name: 'the registered CA certificate has expired',
    registry: [registerCa('plant', expiredPlant, { allowExpired: true }), client],
    client: { shows: good, username },
    code: 'issuerExpired',
    shows: {
      step: 'certificationPath',
      presented: '2026-01-15T08:00:00Z to 2027-01-14T08:00:00Z',
      detail: 'CA certificate plant',
    },
    remedy: { change: [registerCa('plant-2027', plant)] },
  },
  {
    name: 'an expired CA certificate is uploaded',
    registry: [client],
    refusedWrite: {
      change: registerCa('plant', expiredPlant),
      says: /CN=Plant CA expired at 2027-01-14T08:00:00Z: upload its successor/,
    },
    client: { shows: good, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'a registered CA certificate; there is none' },
    remedy: { change: [ca] },
  },
  {
    name: 'a certificate that is known by its thumbprint has expired',
    registry: [registerClient('press-7', { thumbprints: [thumbprint(old)] })],
    client: { shows: old, username },
    code: 'certificateExpired',
    shows: { step: 'validity', expected: / to 2027-01-14/, detail: 'expired 86400 s ago' },
    remedy: {
      change: [registerClient('press-7', { thumbprints: [thumbprint(old), thumbprint(renewed)] })],
      and: { shows: renewed },
    },
  },
]

const weakKey = weakRsaKey(1024)
/** SHA-1 with RSA, which nobody here signs with any more. */
const sha1Plant = authority('CN=Plant CA', { key: rsaKey() })
const sha1: Signer = {
  algorithm: sequence(objectIdentifier('1.2.840.113549.1.1.5'), nullValue()),
  sign: (data) => sign('sha1', data, rsaKey()),
}
const weak = selfSigned('CN=x', { key: weakKey })

export const keys: readonly Setup[] = [
  {
    name: 'the key is RSA with 1024 bits',
    registry: [ca, client],
    client: { shows: forged({ issuer: plant, subject: name('CN=press-7'), key: weakKey }), username },
    code: 'certificateTooWeak',
    shows: { step: 'certificationPath', expected: /2048/, presented: /1024/, detail: 'the client certificate' },
    remedy: { client: { shows: good } },
  },
  {
    name: 'the CA still signs with SHA-1',
    registry: [registerCa('plant', sha1Plant), client],
    client: { shows: forged({ issuer: sha1Plant, subject: name('CN=press-7'), signer: sha1 }), username },
    code: 'certificateTooWeak',
    shows: { step: 'certificationPath', presented: /^signed with .*SHA-?1/i, detail: 'the client certificate' },
    remedy: { client: { shows: issued('CN=press-7', { issuer: sha1Plant }) } },
  },
  {
    name: 'the intermediate has a key of RSA with 1024 bits',
    registry: [ca, client],
    client: (() => {
      const weakHall = authority('CN=Hall 1', { key: weakKey, issuer: plant })
      return { shows: issued('CN=press-7', { issuer: weakHall, sent: [weakHall] }), username }
    })(),
    code: 'certificateTooWeak',
    shows: { step: 'certificationPath', presented: /1024/, detail: 'intermediate CN=Hall 1' },
    remedy: { client: { shows: issued('CN=press-7', { issuer: hall, sent: [hall] }) } },
  },
  {
    name: 'a certificate that is known by its thumbprint has a key of RSA with 1024 bits',
    registry: [registerClient('press-7', { thumbprints: [thumbprint(weak)] })],
    client: { shows: weak, username },
    code: 'certificateTooWeak',
    shows: { step: 'certificateStrength', presented: /1024/ },
    remedy: {
      change: [registerClient('press-7', { thumbprints: [thumbprint(renewed)] })],
      and: { shows: renewed },
    },
  },
]
