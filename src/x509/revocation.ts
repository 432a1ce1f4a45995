import { formatUnixSeconds, type UnixSeconds, unixSeconds } from '../base/time.ts'
import type { Certificate } from './certificate.ts'
import { isStale, type RevocationList } from './crl.ts'
import { DenyList } from './deny-list.ts'
import { signatureScheme, verifySignature } from './signature.ts'

/** A verified list and the CA that it speaks for. */
export interface RegisteredRevocationList {
  /** As the operator named it. */
  readonly name: string
  /** Its subject and key say whose certificates the list judges, wherever they stand in a path. */
  readonly authority: Certificate
  readonly list: RevocationList
}

export interface RevocationFault {
  readonly kind: 'certificateRevoked' | 'revocationUnknown'
  readonly expected: string
  readonly presented: string
}

export interface RevocationParts {
  readonly denyList: DenyList
  readonly lists: readonly RegisteredRevocationList[]
  /** A certificate is refused when the list of its issuer is past its nextUpdate. */
  readonly refuseStale: boolean
}

/**
 * What a namespace knows about certificates that must not be used any more: its deny list and the revocation lists of
 * CAs. Asked for every certificate of a path, anchor included, and for certificates that are accepted by thumbprint (S23).
 * A list that is absent changes nothing, and nothing is fetched (S26).
 */
export class Revocation {
  static readonly none = new Revocation({ denyList: new DenyList(), lists: [], refuseStale: false })

  readonly #denyList: DenyList
  readonly #lists: readonly RegisteredRevocationList[]
  /** By the issuer's name as encoded. */
  readonly #byIssuer = new Map<string, RegisteredRevocationList[]>()
  readonly #refuseStale: boolean

  constructor({ denyList, lists, refuseStale }: RevocationParts) {
    this.#denyList = denyList
    this.#lists = lists
    this.#refuseStale = refuseStale
    for (const registered of lists) {
      const key = issuerKey(registered.authority.subject.der)
      const same = this.#byIssuer.get(key)
      if (same === undefined) this.#byIssuer.set(key, [registered])
      else same.push(registered)
    }
  }

  /**
   * Null: nothing speaks against the certificate.
   *
   * @param isAnchor a registered CA certificate is trusted as it stands: it needs no fresh list, but it can be denied or
   *   be on one
   */
  faultOf(certificate: Certificate, isAnchor: boolean, now: UnixSeconds): RevocationFault | null {
    const denied = this.#denyList.find(certificate)
    if (denied !== null) {
      return {
        kind: 'certificateRevoked',
        expected: 'a certificate that is not on the deny list',
        presented: `deny entry ${denied.entry}, by ${denied.by}`,
      }
    }
    const lists = this.#listsFor(certificate)
    for (const registered of lists) {
      if (!registered.list.revokes(certificate.serialNumber) || !isIssuedBy(certificate, registered)) continue
      return {
        kind: 'certificateRevoked',
        expected: `a certificate that is not on revocation list ${describe(registered, now)}`,
        presented: `serial number ${formatSerialNumber(certificate.serialNumber)} is on it`,
      }
    }
    if (!this.#refuseStale || isAnchor) return null
    for (const registered of lists) {
      if (!isStale(registered.list, now) || !isIssuedBy(certificate, registered)) continue
      return {
        kind: 'revocationUnknown',
        expected: `a current revocation list ${registered.name}`,
        presented: describe(registered, now),
      }
    }
    return null
  }

  /** For whoever watches that they are renewed. */
  get lists(): readonly RegisteredRevocationList[] {
    return this.#lists
  }

  /** What was asked about these certificates and said nothing against them, for the record; null: there was nothing to ask. */
  account(certificates: readonly Certificate[], now: UnixSeconds): string | null {
    const said: string[] = []
    if (this.#denyList.size > 0) said.push('not on the deny list')
    const asked = new Set(certificates.flatMap((certificate) => this.#listsFor(certificate)))
    for (const registered of asked) said.push(`not on revocation list ${describe(registered, now)}`)
    return said.length === 0 ? null : said.join('; ')
  }

  /**
   * The last second at which no list that these certificates need is stale; null: none of them needs one.
   *
   * @param certificates without the anchor
   */
  freshUntil(certificates: readonly Certificate[]): UnixSeconds | null {
    if (!this.#refuseStale) return null
    let until: number | null = null
    for (const certificate of certificates) {
      for (const registered of this.#listsFor(certificate)) {
        const { nextUpdate } = registered.list
        if (nextUpdate === null || !isIssuedBy(certificate, registered)) continue
        until = Math.min(until ?? nextUpdate, nextUpdate)
      }
    }
    return until === null ? null : unixSeconds(until)
  }

  /** Whether there is a list that these certificates need, as far as names tell. */
  mayRestOnList(certificates: readonly Certificate[]): boolean {
    return this.#refuseStale && certificates.some((certificate) => this.#listsFor(certificate).length > 0)
  }

  /** Instants from which on an answer may be another one. */
  turns(): readonly number[] {
    return this.#lists.flatMap(({ list: { nextUpdate } }) => (nextUpdate === null ? [] : [nextUpdate + 1]))
  }

  #listsFor({ issuer }: Certificate): readonly RegisteredRevocationList[] {
    return this.#lists.length === 0 ? [] : (this.#byIssuer.get(issuerKey(issuer.der)) ?? [])
  }
}

/** As people compare it: hexadecimal, with the prefix that says so (S24). */
export function formatSerialNumber(serialNumber: bigint): string {
  return serialNumber < 0n ? `-0x${(-serialNumber).toString(16)}` : `0x${serialNumber.toString(16)}`
}

function describe({ name, list }: RegisteredRevocationList, now: UnixSeconds): string {
  const issued = `${name} of ${formatUnixSeconds(list.thisUpdate)}`
  return isStale(list, now) ? `${issued}, stale since ${formatUnixSeconds(list.nextUpdate!)}` : issued
}

/** Of two CAs with one name only the one whose key signed it: the other's list is not about this certificate. */
const issued = new WeakMap<Certificate, Map<string, boolean>>()

function isIssuedBy(certificate: Certificate, { authority }: RegisteredRevocationList): boolean {
  let answers = issued.get(certificate)
  if (answers === undefined) {
    answers = new Map()
    issued.set(certificate, answers)
  }
  let answer = answers.get(authority.sha256)
  if (answer === undefined) {
    const scheme = signatureScheme(certificate.signatureAlgorithm)
    answer = scheme !== null && verifySignature(scheme, certificate.tbsCertificate, certificate.signature, authority)
    answers.set(authority.sha256, answer)
  }
  return answer
}

function issuerKey(der: Uint8Array): string {
  return Buffer.from(der.buffer, der.byteOffset, der.length).toString('latin1')
}
