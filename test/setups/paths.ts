import { Tag } from '../../src/x509/der.ts'
import { text } from '../../src/x509/der-writer.ts'
import * as extension from '../../src/x509/extension-writer.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import { createCertificateAuthority } from '../../src/x509/issue.ts'
import { authority, forgeAuthority, general, identified, key, leafExtensions, name, pem, valid } from '../x509/kit.ts'
import {
  forged,
  issued,
  registerCa,
  registerClient,
  type Setup,
  selfSigned,
  thumbprint,
  type Working,
} from './setup.ts'

/** Whether the certificate leads to a registered CA, and whether everything on the way allows it. */

const root = authority('CN=Plant Root', { key: key(0) })
const hall = authority('CN=Hall 1', { key: key(1), issuer: root })
const otherHall = authority('CN=Hall 2', { key: key(2), issuer: root })
const foreign = authority('CN=Plant Root', { key: key(3) })
const registered = registerCa('root', root)
const client = registerClient('press-7')
const direct = issued('CN=press-7', { issuer: root })
const ofHall = issued('CN=press-7', { issuer: hall, sent: [hall] })
const own = selfSigned('CN=press-7')
const username = 'press-7'

/** A CA with something wrong about it, with key identifiers like every other. */
function oddAuthority(subject: string, fields: Parameters<typeof forgeAuthority>[0]) {
  return forgeAuthority(identified({ subject: name(subject), ...fields }))
}

export const paths: readonly Setup[] = [
  {
    name: 'no CA certificate was registered',
    registry: [client],
    client: { shows: direct, username },
    code: 'issuerNotRegistered',
    shows: {
      step: 'certificationPath',
      expected: 'a registered CA certificate; there is none',
      presented: 'CN=Plant Root',
    },
    remedy: { change: [registered] },
  },
  {
    name: 'the certificate of the device is uploaded where its CA belongs',
    registry: [client],
    refusedWrite: {
      change: registerCa('root', pem(direct.certificate)),
      says: /CN=press-7 is a leaf, not a CA certificate.*upload the certificate of its issuer/,
    },
    client: { shows: direct, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'a registered CA certificate; there is none' },
    remedy: { change: [registered] },
  },
  {
    name: 'root and intermediate are uploaded in one text',
    registry: [client],
    refusedWrite: {
      change: registerCa('root', pem(root.certificate) + pem(hall.certificate)),
      says: /holds 2 certificates: register each CA certificate as a resource of its own/,
    },
    client: { shows: ofHall, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'a registered CA certificate; there is none' },
    remedy: { change: [registered, registerCa('hall', hall)] },
  },
  {
    name: 'the private key of the CA is uploaded with it',
    registry: [client],
    refusedWrite: {
      change: registerCa(
        'root',
        `${pem(root.certificate)}${root.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string}`,
      ),
      says: /private key.*treat the key as exposed/,
    },
    client: { shows: direct, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', presented: 'CN=Plant Root' },
    remedy: { change: [registered] },
  },
  {
    name: 'the CA is registered in another namespace',
    registry: [client],
    elsewhere: [registered, client],
    client: { shows: direct, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', presented: 'CN=Plant Root' },
    remedy: { client: { serverName: 'of the other namespace' } },
  },
  {
    name: 'the root is registered, and the client sends its certificate alone',
    registry: [registered, client],
    client: { shows: { ...ofHall, sent: [] }, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'CN=Plant Root', presented: 'CN=Hall 1' },
    remedy: { client: { shows: ofHall } },
  },
  {
    name: 'the root is registered, and the intermediate cannot be had from the client',
    registry: [registered, client],
    client: { shows: { ...ofHall, sent: [] }, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'CN=Plant Root', presented: 'CN=Hall 1' },
    remedy: { change: [registerCa('hall', hall)] },
  },
  {
    name: 'the client sends the intermediate of another hall',
    registry: [registered, client],
    client: { shows: { ...ofHall, sent: [otherHall.certificate.der] }, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'CN=Plant Root', presented: 'CN=Hall 1' },
    remedy: { client: { shows: ofHall } },
  },
  {
    name: 'another intermediate than the issuing one is registered',
    registry: [registerCa('hall-2', otherHall), client],
    client: { shows: ofHall, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'CN=Hall 2', presented: 'CN=Plant Root' },
    remedy: { change: [registerCa('hall-1', hall)] },
  },
  {
    name: 'a CA of the same name but with another key is registered',
    registry: [registerCa('root', foreign), client],
    client: { shows: direct, username },
    code: 'issuerNotRegistered',
    shows: {
      step: 'certificationPath',
      presented: 'CN=Plant Root, with another key than the registered one',
      detail: /CA certificate root bears the name of its issuer but has another key/,
    },
    remedy: { change: [registered] },
  },
  {
    name: 'a self-signed certificate, and the scheme compares names',
    registry: [registered, client],
    client: { shows: own, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', presented: 'CN=press-7', detail: /self-signed: the scheme ThumbprintMatch/ },
    remedy: {
      change: [registerClient('press-7', { thumbprints: [thumbprint(own)] })],
    },
  },
  {
    name: 'the certificate of the CA is used by a device',
    registry: [registered, registerClient('hall', { authenticationName: 'Hall 1' })],
    client: { shows: { certificate: hall.certificate.der, sent: [], key: hall.privateKey }, username: 'Hall 1' },
    code: 'chainInvalid',
    shows: {
      step: 'certificationPath',
      expected: 'a certificate with CA:FALSE',
      presented: 'basicConstraints CA:TRUE',
      detail: /rule leafIsCertificateAuthority/,
    },
    remedy: { client: { shows: issued('CN=Hall 1', { issuer: root }) } },
  },
  {
    name: 'the root allows no CA below it',
    registry: [registerCa('root', authority('CN=Plant Root', { key: key(0), pathLenConstraint: 0 })), client],
    client: { shows: ofHall, username },
    code: 'chainInvalid',
    shows: {
      step: 'certificationPath',
      expected: 'at most 0 CA certificates below',
      presented: '1',
      detail: /rule pathLenConstraint: CA certificate root/,
    },
    remedy: { change: [registered] },
  },
  {
    name: 'a certificate that is no CA issued the one of the device',
    registry: [registered, client],
    client: (() => {
      const deputy = oddAuthority('CN=Deputy', {
        issuer: root,
        key: key(4),
        extensions: [extension.basicConstraints(false, null)],
      })
      return { shows: forged({ issuer: deputy, subject: name('CN=press-7') }, [deputy]), username }
    })(),
    code: 'chainInvalid',
    shows: {
      step: 'certificationPath',
      presented: 'basicConstraints CA:FALSE',
      detail: 'rule issuerIsNoCertificateAuthority: intermediate CN=Deputy',
    },
    remedy: { client: { shows: direct } },
  },
  {
    name: 'the intermediate may not sign certificates',
    registry: [registered, client],
    client: (() => {
      const extensions = [extension.basicConstraints(true, null), extension.keyUsage(['cRLSign'])]
      const deputy = oddAuthority('CN=Deputy', { issuer: root, key: key(4), extensions })
      return { shows: forged({ issuer: deputy, subject: name('CN=press-7') }, [deputy]), username }
    })(),
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'CN=Plant Root', presented: 'CN=Deputy' },
    explain: {
      cannotKnow: 'the TLS library drops a certificate that may not have signed the one before; the file still has it',
      says: 'chainInvalid',
    },
    remedy: { client: { shows: ofHall } },
  },
  {
    name: 'a name constraint of the CA excludes the name of the device',
    registry: [
      registerCa(
        'root',
        authority('CN=Plant Root', {
          key: key(0),
          nameConstraints: { permitted: [general('dNSName', 'plant.example')] },
        }),
      ),
      registerClient('press-7', { authenticationName: 'press-7.office.example', scheme: 'Dns' }),
    ],
    client: {
      shows: issued('CN=x', { issuer: root, dns: ['press-7.office.example'] }),
      username: 'press-7.office.example',
    },
    code: 'chainInvalid',
    shows: {
      step: 'certificationPath',
      expected: /permitted subtrees of CN=Plant Root/,
      presented: 'dNSName press-7.office.example',
      detail: /rule nameConstraints/,
    },
    remedy: { change: [registered] },
  },
  {
    name: 'the certificate has a critical extension of the vendor',
    registry: [registered, client],
    client: {
      shows: forged({
        issuer: root,
        subject: name('CN=press-7'),
        extensions: leafExtensions({ oid: '1.3.6.1.4.1.99999.7', critical: true, value: text(Tag.Utf8String, '7') }),
      }),
      username,
    },
    code: 'chainInvalid',
    shows: {
      step: 'certificationPath',
      presented: '1.3.6.1.4.1.99999.7',
      detail: 'rule unknownCriticalExtension: the client certificate',
    },
    remedy: { client: { shows: direct } },
  },
  {
    name: 'the serial number is negative',
    registry: [registered, client],
    client: { shows: forged({ issuer: root, subject: name('CN=press-7'), serialNumber: -7n }), username },
    code: 'chainInvalid',
    shows: { step: 'certificationPath', presented: 'zero or a negative number', detail: /rule serialNumber/ },
    remedy: { client: { shows: direct } },
  },
  {
    name: 'the subject is empty, and the alternative name is not critical',
    registry: [registered, registerClient('press-7', { scheme: 'Dns' })],
    client: {
      shows: forged({
        issuer: root,
        subject: name(''),
        extensions: leafExtensions(extension.subjectAltName([general('dNSName', 'press-7')], false)),
      }),
      username,
    },
    code: 'chainInvalid',
    shows: { step: 'certificationPath', presented: 'an empty subject', detail: /rule emptySubject/ },
    remedy: { client: { shows: issued('', { issuer: root, dns: ['press-7'] }) } },
  },
  {
    name: 'somebody changed the certificate after it was signed',
    registry: [registered, client],
    client: { shows: tampered(), username },
    code: 'chainInvalid',
    shows: {
      step: 'certificationPath',
      expected: 'a signature by CN=Plant Root',
      presented: 'a signature that does not verify',
      detail: 'rule signature: the client certificate',
    },
    remedy: { client: { shows: direct } },
  },
  {
    name: 'the certificate hangs below six CAs',
    registry: [registered, client],
    client: { shows: deep(6), username },
    code: 'chainInvalid',
    shows: { step: 'certificationPath', expected: /at most 6 certificates/, detail: /rule pathTooLong/ },
    remedy: { client: { shows: deep(4) } },
  },
  {
    name: 'the certificate is for servers only',
    registry: [registered, client],
    client: {
      shows: issued('CN=press-7', { issuer: root, extendedKeyUsage: [ExtendedKeyUsage.ServerAuth] }),
      username,
    },
    code: 'purposeNotAllowed',
    shows: { step: 'certificationPath', expected: /clientAuth/, presented: /1\.3\.6\.1\.5\.5\.7\.3\.1|serverAuth/ },
    remedy: { client: { shows: direct } },
  },
  {
    name: 'the key is for encryption only',
    registry: [registered, client],
    client: {
      shows: forged({
        issuer: root,
        subject: name('CN=press-7'),
        extensions: [extension.basicConstraints(false, null), extension.keyUsage(['keyEncipherment'])],
      }),
      username,
    },
    code: 'chainInvalid',
    shows: { step: 'certificationPath', presented: 'keyUsage keyEncipherment', detail: /rule leafKeyUsage/ },
    remedy: { client: { shows: direct } },
  },
  {
    name: 'the intermediate is for servers only',
    registry: [registered, client],
    client: (() => {
      const servers = authority('CN=Servers', {
        key: key(4),
        issuer: root,
        extendedKeyUsage: [ExtendedKeyUsage.ServerAuth],
      })
      return { shows: issued('CN=press-7', { issuer: servers, sent: [servers] }), username }
    })(),
    code: 'purposeNotAllowed',
    shows: { step: 'certificationPath', expected: /clientAuth/, detail: /intermediate CN=Servers/ },
    remedy: { client: { shows: ofHall } },
  },
  {
    name: 'the certificate comes from a CA that this client is not bound to',
    registry: [registered, registerCa('office', authority('CN=Office CA', { key: key(4) })), bound('root')],
    client: { shows: issued('CN=press-7', { issuer: authority('CN=Office CA', { key: key(4) }) }), username },
    code: 'issuerNotAllowed',
    shows: { step: 'certificationPath', expected: 'CN=Plant Root', presented: 'CN=Office CA' },
    remedy: { change: [bound('root', 'office')] },
  },
]

/** What is right, and yet not seen whole by the TLS library of this Node.js. */
const line = authority('CN=Line 1', { key: key(4), issuer: hall })
const ofLine = issued('CN=press-7', { issuer: line, sent: [line, hall] })
export const lostPaths: readonly Setup[] = [
  {
    name: 'two intermediates are sent in reverse order',
    registry: [registered, client],
    client: { shows: { ...ofLine, sent: [...ofLine.sent].reverse() }, username },
    code: 'issuerNotRegistered',
    shows: { step: 'certificationPath', expected: 'CN=Plant Root', presented: 'CN=Hall 1' },
    explain: {
      cannotKnow: 'Node.js 24 stops reading when the issuer that it looks for is the last of those left',
      says: 'accepted',
    },
    remedy: { client: { shows: ofLine } },
  },
]

export const workingPaths: readonly Working[] = [
  {
    name: 'an intermediate alone is registered, and the client sends nothing else',
    registry: [registerCa('hall', hall), client],
    client: { shows: { ...ofHall, sent: [] }, username },
  },
  {
    name: 'certificates of others among the intermediates',
    registry: [registered, client],
    client: {
      shows: issued('CN=press-7', { issuer: line, sent: [line, otherHall, hall, foreign] }),
      username,
    },
  },
  {
    name: 'two registered CAs of the same name',
    registry: [registerCa('old', foreign), registered, client],
    client: { shows: direct, username },
  },
  {
    name: 'a client that is bound to its CA',
    registry: [registered, bound('root')],
    client: { shows: ofHall, username },
  },
]

function bound(...issuers: readonly string[]) {
  return registerClient('press-7', { issuers })
}

/** As issued, but for one octet of the name. */
function tampered() {
  const { certificate, ...rest } = issued('CN=press-9', { issuer: root })
  const der = Buffer.from(certificate)
  der[der.indexOf('press-9') + 6] = 0x37
  return { ...rest, certificate: new Uint8Array(der) }
}

/** A leaf below so many CAs, the registered root included. */
function deep(authorities: number) {
  const chain = [root]
  while (chain.length < authorities) {
    const subject = name(`CN=Level ${chain.length}`)
    chain.push(createCertificateAuthority({ ...valid, subject, key: key(10 + chain.length), issuer: chain.at(-1)! }))
  }
  return issued('CN=press-7', { issuer: chain.at(-1)!, sent: chain.slice(1).reverse() })
}
