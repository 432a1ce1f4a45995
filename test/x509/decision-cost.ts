import { parseCertificate } from '../../src/x509/certificate.ts'
import { CertificateCache } from '../../src/x509/certificate-cache.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  issueCertificate,
  type KeyType,
} from '../../src/x509/issue.ts'
import { findPath } from '../../src/x509/path.ts'
import { name, noSkew, now, timed, valid } from './kit.ts'

/**
 * What one path decision costs, in microseconds of processor time: `node test/x509/decision-cost.ts`. Depth is the
 * number of signatures from leaf to anchor. "parsed": every certificate is parsed and its key imported, as with
 * registered ones; "from DER": leaf and sent certificates are read anew, as at the first CONNECT of a device;
 * "cached": the leaf anew, sent intermediates through the cache, as with a fleet below one of them.
 */
const rounds = 7
const decisions = 300

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function cost(run: () => void): number {
  for (let i = 0; i < decisions; i++) run()
  const spent = Array.from({ length: rounds }, () => {
    const { ms } = timed(() => {
      for (let i = 0; i < decisions; i++) run()
    })
    return (ms * 1000) / decisions
  })
  return median(spent)
}

function measure(type: KeyType, depth: number, registeredCount: number): readonly [number, number, number, number] {
  const chain: CertificateAuthority[] = []
  for (let i = 0; i < depth; i++) {
    const issuer = chain.at(-1)
    chain.push(
      createCertificateAuthority({
        subject: name(`CN=ca ${i}`),
        key: type,
        ...valid,
        ...(issuer === undefined ? {} : { issuer }),
      }),
    )
  }
  const { der } = issueCertificate({ issuer: chain.at(-1)!, subject: name('CN=dev'), key: type, ...valid }).certificate
  const others = Array.from(
    { length: registeredCount - 1 },
    (_, i) => createCertificateAuthority({ subject: name(`CN=other ${i}`), ...valid }).certificate,
  )
  const anchors = [...others, chain[0]!.certificate]
  const intermediates = chain.slice(1).map(({ certificate }) => certificate)
  const sent = intermediates.map((certificate) => certificate.der).reverse()
  const read = parseCertificate(der)
  if (!read.ok) throw new Error(read.error.reason)
  const leaf = read.value
  const request = { anchors, now, skew: noSkew }
  const cache = new CertificateCache()
  const check = (accepted: boolean) => {
    if (!accepted) throw new Error('the path was refused')
  }
  return [
    cost(() => check(findPath({ ...request, leaf, sent: [], registered: intermediates }).ok)),
    cost(() => {
      const again = parseCertificate(der)
      check(again.ok && findPath({ ...request, leaf: again.value, sent }).ok)
    }),
    cost(() => {
      const again = parseCertificate(der)
      check(again.ok && findPath({ ...request, leaf: again.value, sent, cache }).ok)
    }),
    cost(() => check(parseCertificate(der).ok)),
  ]
}

console.log('key       depth  CAs   parsed  from DER   cached  reading the leaf   (µs of processor time, median)')
for (const type of ['P-256', 'RSA-2048', 'P-384', 'Ed25519'] as const) {
  for (const depth of [1, 2, 3]) {
    for (const registered of depth === 1 ? [1, 10] : [1]) {
      const [parsed, fromDer, cached, reading] = measure(type, depth, registered).map((value) =>
        value.toFixed(1).padStart(8),
      )
      console.log(
        `${type.padEnd(9)} ${depth}      ${String(registered).padStart(3)} ${parsed} ${fromDer} ${cached}  ${reading}`,
      )
    }
  }
}
