import { createPublicKey, type KeyObject } from 'node:crypto'
import { type DerReader, integerValue, Tag } from './der.ts'

/** What a SubjectPublicKeyInfo says about its key, read from DER before anything is computed with it. */
export type PublicKeyFacts =
  | { readonly kind: 'RSA' | 'RSASSA-PSS'; readonly modulusBits: number; readonly exponent: bigint }
  /** `curve` is a name of `namedCurves`, another curve's OID, or null for explicit parameters. */
  | { readonly kind: 'EC'; readonly curve: string | null }
  | { readonly kind: 'Ed25519' | 'Ed448' }
  | { readonly kind: 'other'; readonly oid: string }

const rsaEncryption = '1.2.840.113549.1.1.1'
const rsassaPss = '1.2.840.113549.1.1.10'
const ecPublicKey = '1.2.840.10045.2.1'

const namedCurves: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.3.1.7', 'P-256'],
  ['1.3.132.0.34', 'P-384'],
  ['1.3.132.0.35', 'P-521'],
])
const edwardsKeys: ReadonlyMap<string, { readonly kind: 'Ed25519' | 'Ed448'; readonly octets: number }> = new Map([
  ['1.3.101.112', { kind: 'Ed25519', octets: 32 }],
  ['1.3.101.113', { kind: 'Ed448', octets: 57 }],
])

/** Reads SubjectPublicKeyInfo; faults are left in the reader. Forms that OpenSSL would write otherwise are faults (S18). */
export function readPublicKeyInfo(reader: DerReader): { readonly der: Uint8Array; readonly facts: PublicKeyFacts } {
  const what = 'subjectPublicKeyInfo'
  const start = reader.offset
  const info = reader.sequence(what)
  const der = reader.bytes.subarray(start, reader.offset)
  const algorithm = info.sequence(what)
  const oid = algorithm.objectIdentifier(what)
  const facts = readFacts(oid, algorithm, info)
  info.finish(what)
  return { der, facts }
}

function readFacts(oid: string, algorithm: DerReader, info: DerReader): PublicKeyFacts {
  const what = 'subjectPublicKeyInfo'
  switch (oid) {
    case rsaEncryption:
    case rsassaPss: {
      if (oid === rsaEncryption) {
        // RFC 3279 2.3.1: NULL, always. Without it OpenSSL's own encoding of the key would differ from what was sent.
        if (algorithm.content(Tag.Null, 'rsaEncryption parameters').length > 0) algorithm.fail('NULL with content')
      } else if (algorithm.more()) algorithm.raw(what)
      algorithm.finish(what)
      return readRsaKey(info, oid === rsaEncryption ? 'RSA' : 'RSASSA-PSS')
    }
    case ecPublicKey: {
      const named = algorithm.peek() === Tag.ObjectIdentifier
      const curve = named ? algorithm.objectIdentifier(what) : null
      if (!named) algorithm.raw(what) // explicit parameters: the runtime would show them as the named curve
      algorithm.finish(what)
      info.wholeBitString(what)
      return { kind: 'EC', curve: curve === null ? null : (namedCurves.get(curve) ?? curve) }
    }
    default: {
      const edwards = edwardsKeys.get(oid)
      if (edwards !== undefined) {
        algorithm.finish(what) // RFC 8410 3: parameters absent
        if (info.wholeBitString(what).length !== edwards.octets) info.fail(`${what}: key of a wrong length`)
        return { kind: edwards.kind }
      }
      info.content(Tag.BitString, what)
      return { kind: 'other', oid }
    }
  }
}

function readRsaKey(info: DerReader, kind: 'RSA' | 'RSASSA-PSS'): PublicKeyFacts {
  const what = 'RSAPublicKey'
  const octets = info.wholeBitString(what)
  if (info.failure !== null) return { kind, modulusBits: 0, exponent: 0n }
  const key = info.within(info.offset - octets.length, info.offset).sequence(what)
  const modulus = key.integerOctets(what)
  const exponent = key.integerOctets(what)
  key.finish(what)
  if (info.failure !== null) return { kind, modulusBits: 0, exponent: 0n }
  if (modulus[0]! >= 0x80 || exponent[0]! >= 0x80) key.fail(`${what}: negative`)
  const leading = modulus[0] === 0 ? 1 : 0
  const modulusBits = (modulus.length - leading) * 8 - Math.clz32(modulus[leading] ?? 0) + 24
  return { kind, modulusBits, exponent: integerValue(exponent) }
}

/** Why a key is refused; what would have been fine and what was there. */
export interface KeyWeakness {
  readonly expected: string
  readonly presented: string
  /** True when computing with the key would itself be the attack (S17): nothing more is done with the certificate. */
  readonly costly: boolean
}

const minimumModulusBits = 2048
/** Verification cost grows with the square of the modulus; nothing above is in use. */
const maximumModulusBits = 8192
const exponentLimit = 1n << 32n

/** The key policy for every certificate of a path and for thumbprint certificates; null: the key is fine. */
export function keyWeakness(facts: PublicKeyFacts): KeyWeakness | null {
  switch (facts.kind) {
    case 'RSA':
    case 'RSASSA-PSS': {
      const { modulusBits, exponent } = facts
      if (exponent < 3n || exponent >= exponentLimit || (exponent & 1n) === 0n) {
        const bits = exponent.toString(2).length
        const presented = bits > 64 ? `an exponent of ${bits} bits` : `exponent ${exponent}`
        return { expected: 'an odd RSA exponent from 3 to 4294967295', presented, costly: true }
      }
      if (modulusBits < minimumModulusBits || modulusBits > maximumModulusBits) {
        return {
          expected: `an RSA key of ${minimumModulusBits} to ${maximumModulusBits} bits`,
          presented: `RSA ${modulusBits} bits`,
          costly: modulusBits > maximumModulusBits,
        }
      }
      return null
    }
    case 'EC': {
      const { curve } = facts
      if (curve === 'P-256' || curve === 'P-384' || curve === 'P-521') return null
      const presented = curve === null ? 'explicit curve parameters' : `curve ${curve}`
      return { expected: 'the named curve P-256, P-384 or P-521', presented, costly: false }
    }
    case 'Ed25519':
    case 'Ed448':
      return null
    case 'other':
      return { expected: 'an RSA, EC or Edwards curve key', presented: `key type ${facts.oid}`, costly: false }
  }
}

/** The key for `node:crypto`; null when the runtime cannot import it, e.g. a point that is not on its curve. */
export function importPublicKey(der: Uint8Array): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.from(der.buffer, der.byteOffset, der.length), format: 'der', type: 'spki' })
  } catch {
    return null
  }
}
