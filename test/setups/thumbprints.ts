import { hash } from 'node:crypto'
import { publicKeyInfo } from '../../src/x509/certificate-writer.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { authority, key, pem } from '../x509/kit.ts'
import { issued, registerCa, registerClient, type Setup, selfSigned, thumbprint, type Working } from './setup.ts'

/** Certificates that are known by their thumbprint. */

const own = selfSigned('CN=anything')
const renewed = selfSigned('CN=anything')
const plant = authority('CN=Plant CA', { key: key(0) })
const ofPlant = issued('CN=press-7', { issuer: plant })
const username = 'press-7'
const right = registerClient('press-7', { thumbprints: [thumbprint(own)] })

function wrongly(text: string) {
  return registerClient('press-7', { thumbprints: [text] })
}

export const thumbprints: readonly Setup[] = [
  {
    name: 'the certificate was renewed, and its thumbprint was not added',
    registry: [right],
    client: { shows: renewed, username },
    code: 'thumbprintMismatch',
    shows: { step: 'thumbprint', expected: thumbprint(own), presented: thumbprint(renewed) },
    remedy: { change: [registerClient('press-7', { thumbprints: [thumbprint(own), thumbprint(renewed)] })] },
  },
  {
    name: 'the thumbprint of the PEM text is registered',
    registry: [wrongly(hash('sha256', pem(own.certificate)))],
    client: { shows: own, username },
    code: 'thumbprintMismatch',
    shows: {
      step: 'thumbprint',
      expected: hash('sha256', pem(own.certificate)).toUpperCase(),
      presented: thumbprint(own),
    },
    remedy: { change: [right] },
  },
  {
    name: 'the thumbprint of the CA is registered',
    registry: [registerCa('plant', plant), wrongly(plant.certificate.sha256)],
    client: { shows: ofPlant, username },
    code: 'thumbprintMismatch',
    shows: { step: 'thumbprint', expected: plant.certificate.sha256.toUpperCase(), presented: thumbprint(ofPlant) },
    remedy: { change: [registerClient('press-7', { thumbprints: [thumbprint(ofPlant)] })] },
  },
  {
    name: 'the thumbprint of the public key is registered',
    registry: [wrongly(hash('sha256', publicKeyInfo(own.key)))],
    client: { shows: own, username },
    code: 'thumbprintMismatch',
    shows: { step: 'thumbprint', presented: thumbprint(own) },
    remedy: { change: [right] },
  },
  {
    name: 'the SHA-1 thumbprint of another certificate is registered',
    registry: [wrongly(thumbprintsOf(renewed.certificate).sha1)],
    client: { shows: own, username },
    code: 'thumbprintMismatch',
    shows: {
      step: 'thumbprint',
      expected: thumbprintsOf(renewed.certificate).sha1,
      presented: `${thumbprint(own)}, ${thumbprintsOf(own.certificate).sha1}`,
    },
    remedy: { change: [right] },
  },
  {
    name: 'the thumbprint is cut short',
    registry: [right],
    refusedWrite: {
      change: wrongly(thumbprint(renewed).slice(0, 63)),
      says: /The thumbprint has 63 hexadecimal digits; write 64 \(SHA-256\) or 40 \(SHA-1\)/,
    },
    client: { shows: renewed, username },
    code: 'thumbprintMismatch',
    shows: { step: 'thumbprint', expected: thumbprint(own), presented: thumbprint(renewed) },
    remedy: { change: [wrongly(thumbprint(renewed))] },
  },
]

export const workingThumbprints: readonly Working[] = [
  {
    name: 'a thumbprint in lower case with colons',
    registry: [
      wrongly(
        thumbprint(own)
          .toLowerCase()
          .replaceAll(/(..)(?=.)/g, '$1:'),
      ),
    ],
    client: { shows: own, username },
  },
  {
    name: 'a SHA-1 thumbprint with spaces',
    registry: [wrongly(thumbprintsOf(own.certificate).sha1.replaceAll(/(..)(?=.)/g, '$1 '))],
    client: { shows: own, username },
  },
  {
    name: 'a certificate of a CA that nobody registered, known by its thumbprint',
    registry: [wrongly(thumbprint(ofPlant))],
    client: { shows: ofPlant, username },
  },
  {
    name: 'a CA certificate, known by its thumbprint',
    registry: [wrongly(plant.certificate.sha256)],
    client: { shows: { certificate: plant.certificate.der, sent: [], key: plant.privateKey }, username },
  },
]
