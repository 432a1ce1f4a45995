import type { KeyObject } from 'node:crypto'
import { readAlgorithmIdentifier } from '../../x509/algorithm-identifier.ts'
import { constructed, DerReader, Tag } from '../../x509/der.ts'
import { type DistinguishedName, readDistinguishedName } from '../../x509/distinguished-name.ts'
import { readExtensions } from '../../x509/extensions.ts'
import type { GeneralName } from '../../x509/general-name.ts'
import { maximumPemLength } from '../../x509/pem.ts'
import { importPublicKey, keyWeakness, readPublicKeyInfo } from '../../x509/public-key.ts'
import { signatureScheme, verifySignature } from '../../x509/signature.ts'
import { CommandFailure } from '../command-failure.ts'
import type { Terminal } from '../terminal.ts'
import { readFileOrInput } from './files.ts'

/** A certificate request (PKCS #10, RFC 2986) whose sender holds the key. */
export interface SigningRequest {
  readonly subject: DistinguishedName
  /** What the sender asks for. Nobody has vetted it. */
  readonly subjectAltNames: readonly GeneralName[]
  readonly publicKey: KeyObject
}

const extensionRequest = '1.2.840.113549.1.9.14'

export async function readRequest(terminal: Terminal, file: string): Promise<SigningRequest> {
  const octets = await readFileOrInput(terminal, file)
  if (octets.length > maximumPemLength) throw new CommandFailure(`${file}: larger than ${maximumPemLength} bytes`)
  const request = parseRequest(derOf(file, octets))
  if (typeof request === 'string') throw new CommandFailure(`${file}: ${request}`)
  return request
}

function derOf(file: string, octets: Uint8Array): Uint8Array {
  if (octets[0] === 0x30) return octets
  const text = Buffer.from(octets).toString('latin1')
  const begin = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/.exec(text)
  const end = begin === null ? -1 : text.indexOf('-----END', begin.index)
  if (begin === null || end < 0) {
    throw new CommandFailure([`${file}: no certificate request in it`, 'sealgate cert csr NAME makes one'])
  }
  return Buffer.from(text.slice(begin.index + begin[0].length, end), 'base64')
}

/** The request, or one sentence that says why it is none. */
function parseRequest(der: Uint8Array): SigningRequest | string {
  const reader = new DerReader(new Uint8Array(der))
  const outer = reader.sequence('request')
  reader.finish('request')
  const start = outer.offset
  const info = outer.sequence('certificationRequestInfo')
  const signed = reader.bytes.subarray(start, outer.offset)
  const algorithm = readAlgorithmIdentifier(outer, 'signatureAlgorithm')
  const signature = outer.wholeBitString('signature')
  outer.finish('request')

  if (info.smallInteger('version') !== 0) info.fail('version is not 0')
  const subject = readDistinguishedName(info, 'subject')
  const key = readPublicKeyInfo(info)
  const subjectAltNames = readRequestedNames(info)
  info.finish('certificationRequestInfo')
  if (reader.failure !== null) return `not a well-formed certificate request: ${reader.failure.reason}`

  const weakness = keyWeakness(key.facts)
  if (weakness !== null) return `its key is not accepted (${weakness.presented}); use ${weakness.expected}`
  const publicKey = importPublicKey(key.der)
  const scheme = signatureScheme(algorithm)
  if (publicKey === null) return 'its key is not a valid key of its type'
  if (scheme === null) return 'it is signed with an algorithm that is not accepted; use SHA-256 or better'
  if (!verifySignature(scheme, signed, signature, { publicKey, publicKeyFacts: key.facts })) {
    return 'its signature is wrong, so its sender may not hold the key'
  }
  return { subject, subjectAltNames, publicKey }
}

/** The alternative names among the requested extensions; other attributes are passed over. */
function readRequestedNames(info: DerReader): readonly GeneralName[] {
  let names: readonly GeneralName[] = []
  if (info.peek() !== constructed(0)) return names
  const attributes = info.enter(constructed(0), 'attributes')
  while (attributes.more()) {
    const attribute = attributes.sequence('attribute')
    const oid = attribute.objectIdentifier('attribute')
    const values = attribute.enter(Tag.Set, 'attribute values')
    attribute.finish('attribute')
    if (oid !== extensionRequest || names.length > 0) continue
    names = readExtensions(values).subjectAltNames
    values.finish('extension request')
  }
  return names
}
