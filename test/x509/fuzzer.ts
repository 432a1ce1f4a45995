import { X509Certificate } from 'node:crypto'
import { finish } from '../../src/base/steps.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { readRevocationList } from '../../src/x509/crl.ts'
import { decodeListInSteps } from '../../src/x509/crl-upload.ts'
import { DerReader } from '../../src/x509/der.ts'
import {
  canonicalKey,
  canonicalKeyOfText,
  commonNames,
  formatDistinguishedName,
} from '../../src/x509/distinguished-name.ts'
import { matchableText } from '../../src/x509/general-name.ts'
import { checkThumbprintCertificate, findPath } from '../../src/x509/path.ts'
import { readCertificateFile, readPem, toPem } from '../../src/x509/pem.ts'
import { keyWeakness } from '../../src/x509/public-key.ts'
import { timedWarm } from '../support/processor-time.ts'
import { corpus } from './fuzz-corpus.ts'
import { mutate, type Random, randomOf } from './fuzz-mutation.ts'
import { noSkew, now, parse } from './kit.ts'

/** What a stranger's or operator's bytes reach in this room. */
export const fuzzTargets = ['der', 'certificate', 'path', 'crl', 'crlUpload', 'pem'] as const
export type FuzzTarget = (typeof fuzzTargets)[number]

export interface FuzzResult {
  /** Inputs that were still accepted by the target: few, but never none. */
  readonly accepted: number
  readonly slowestMs: number
  readonly problem: { readonly run: number; readonly what: string; readonly hex: string } | null
}

/** No answer may take longer (processor time). */
const maximumMs = 20

/** Judges one input: true when it was accepted; throws when a promise is broken. */
type Target = (random: Random) => { readonly input: Uint8Array; readonly judge: () => boolean }

const certificates = Object.entries(corpus).flatMap(([name, der]) => (name === 'list' ? [] : [der]))
const pristine = certificates.map(parse)
const anchors = [parse(corpus.root), parse(corpus.rsaRoot), parse(corpus.edRoot)]
const signedBytes = new Set(pristine.map(({ tbsCertificate }) => Buffer.from(tbsCertificate).toString('latin1')))

/** A list as people hand it in: PEM, with the certificate of its CA, base64, DER. */
const listUploads = [
  toPem('X509 CRL', corpus.list),
  toPem('X509 CRL', corpus.list) + toPem('CERTIFICATE', corpus.root),
  Buffer.from(corpus.list).toString('base64'),
  Buffer.from(corpus.list).toString('latin1'),
]

/** Runs one target on mutated inputs; the same seed gives the same bytes. Stops at the first broken promise. */
export function fuzzX509(name: FuzzTarget, seed: number, runs: number): FuzzResult {
  const random = randomOf(seed)
  let accepted = 0
  let slowestMs = 0
  for (let run = 0; run < runs; run++) {
    const { input, judge } = targets[name](random)
    const hex = () => Buffer.from(input).toString('hex')
    try {
      const start = performance.now()
      if (judge()) accepted++
      let ms = performance.now() - start
      if (ms > maximumMs) ms = timedWarm(judge).ms // the machine may have been busy, or the code cold
      slowestMs = Math.max(slowestMs, ms)
      if (ms > maximumMs) return { accepted, slowestMs, problem: { run, what: `${ms.toFixed(1)} ms`, hex: hex() } }
    } catch (error) {
      const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      return { accepted, slowestMs, problem: { run, what, hex: hex() } }
    }
  }
  return { accepted, slowestMs, problem: null }
}

function promise(kept: boolean, what: string): void {
  if (!kept) throw new Error(what)
}

const targets: Readonly<Record<FuzzTarget, Target>> = {
  der: (random) => {
    const input = mutate(random, random.pick([...certificates, corpus.list]), certificates)
    return { input, judge: () => walk(new DerReader(input), 0) }
  },
  certificate: (random) => {
    const input = mutate(random, random.pick(certificates), certificates)
    return { input, judge: () => judgeCertificate(input) }
  },
  path: (random) => {
    const sent = Array.from({ length: random.below(14) }, () => maybeMutated(random))
    const input = maybeMutated(random)
    return { input: joined([input, ...sent]), judge: () => judgePath(input, sent) }
  },
  crl: (random) => {
    const input = mutate(random, corpus.list, [...certificates, corpus.list])
    return { input, judge: () => judgeList(input) }
  },
  crlUpload: (random) => {
    const uploads = listUploads.map((text) => Buffer.from(text, 'latin1'))
    const input = Buffer.from(mutate(random, random.pick(uploads), uploads))
    return {
      input,
      judge: () => {
        const upload = finish(decodeListInSteps(input))
        return upload.ok && judgeList(upload.value.der)
      },
    }
  },
  pem: (random) => {
    const text = Buffer.from(mutate(random, pemText(random), [pemText(random)]))
    return {
      input: text,
      judge: () => {
        readCertificateFile(text)
        return readPem(text.toString('latin1')).ok
      },
    }
  },
}

function maybeMutated(random: Random): Uint8Array {
  const der = random.pick(certificates)
  return random.below(2) === 0 ? der : mutate(random, der, certificates)
}

function pemText(random: Random): Uint8Array {
  const base64 = Buffer.from(random.pick(certificates)).toString('base64')
  const form = random.below(3)
  if (form === 0) return Buffer.from(base64)
  const text = `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
  return Buffer.from(form === 1 ? text : Buffer.from(text).toString('base64'))
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

/** Reads everything there is, by whatever tag it has. */
function walk(reader: DerReader, depth: number): boolean {
  let elements = 0
  while (reader.more() && elements++ < 10_000) {
    const tag = reader.peek()
    if ((tag & 0x20) !== 0 && depth < 20) walk(reader.enter(tag, 'element'), depth + 1)
    else if (tag === 0x02) reader.integer('number')
    else if (tag === 0x06) reader.objectIdentifier('identifier')
    else if (tag === 0x03) reader.namedBits('bits')
    else if (tag === 0x17 || tag === 0x18) reader.time('time')
    else if (tag === 0x01) reader.boolean('flag')
    else reader.raw('element')
  }
  return reader.failure === null
}

function judgeCertificate(input: Uint8Array): boolean {
  const read = parseCertificate(input)
  if (!read.ok) return false
  const certificate = read.value
  checkThumbprintCertificate(certificate, now, noSkew)
  for (const name of [certificate.subject, certificate.issuer]) {
    commonNames(name)
    // Null: longer than a text may be, or a value that never matches.
    const again = canonicalKeyOfText(formatDistinguishedName(name))
    promise(again === null || again === canonicalKey(name), 'a printed name reads as another one')
  }
  for (const name of certificate.subjectAltNames) matchableText(name)
  if (keyWeakness(certificate.publicKeyFacts) === null) judgeKey(input, certificate.subjectPublicKeyInfo)
  return true
}

/** S18: TLS proved possession of the key as OpenSSL reads it, so ours must be the same. */
function judgeKey(input: Uint8Array, ours: Uint8Array): void {
  let theirs: Buffer
  try {
    theirs = new X509Certificate(input).publicKey.export({ format: 'der', type: 'spki' })
  } catch {
    return // no handshake would get this far
  }
  promise(theirs.equals(ours), 'OpenSSL reads another key from this certificate')
}

function judgePath(leaf: Uint8Array, sent: readonly Uint8Array[]): boolean {
  const read = parseCertificate(leaf)
  if (!read.ok) return false
  const found = findPath({ leaf: read.value, sent, anchors, now, skew: noSkew })
  if (!found.ok) {
    promise(found.error.signatureVerifications <= 32, 'more than 32 signatures were verified')
    return false
  }
  const { certificates: path } = found.value
  promise(path.length <= 6 && anchors.includes(path.at(-1)!), 'the path does not end at an anchor')
  for (const { tbsCertificate } of path) {
    promise(signedBytes.has(Buffer.from(tbsCertificate).toString('latin1')), 'a changed certificate was accepted')
  }
  return true
}

const listContent = contentOf(corpus.list)

function judgeList(input: Uint8Array): boolean {
  const found = readRevocationList({ der: input, authority: anchors[0]!, now, skewSeconds: 0, inUse: null })
  if (!found.ok) return false
  promise(contentOf(input) === listContent, 'a changed list was accepted')
  return true
}

/** The signed content of a list. */
function contentOf(der: Uint8Array): string {
  const list = new DerReader(der).sequence('list')
  return Buffer.from(list.raw('content')).toString('latin1')
}
