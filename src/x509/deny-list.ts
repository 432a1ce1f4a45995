import type { Certificate } from './certificate.ts'
import { type DenyKeys, denyKeysOf } from './deny.ts'

/** Which of its three keys a certificate was denied by, as an operator reads it. */
const kinds = {
  issuerAndSerialNumber: 'issuer and serial number',
  tbsCertificate: 'certificate',
  publicKey: 'public key',
} as const

export type DenyKind = keyof typeof kinds

export interface DenyHit {
  /** Name of the entry. */
  readonly entry: string
  /** What of the certificate is denied. */
  readonly by: string
}

/** Keys of certificates in use, so that a change of the list looks at each of them once. */
const known = new WeakMap<Certificate, DenyKeys>()

function keysOf(certificate: Certificate): DenyKeys {
  let keys = known.get(certificate)
  if (keys === undefined) {
    keys = denyKeysOf(certificate)
    known.set(certificate, keys)
  }
  return keys
}

/** The denied certificates of a namespace (S22), found by any of their keys however many there are. */
export class DenyList {
  /** Ids of entries. */
  readonly #byKey = new Map<string, Set<string>>()
  readonly #entries = new Map<string, { readonly name: string; readonly keys: readonly string[] }>()

  /** Entries. */
  get size(): number {
    return this.#entries.size
  }

  /** @param name what a record calls the entry */
  set(id: string, keys: Partial<DenyKeys>, name = id): void {
    this.delete(id)
    const all = (Object.keys(kinds) as DenyKind[]).flatMap((kind) => {
      const key = keys[kind]
      return key === undefined ? [] : [indexKey(kind, key)]
    })
    this.#entries.set(id, { name, keys: all })
    for (const key of all) {
      const ids = this.#byKey.get(key)
      if (ids === undefined) this.#byKey.set(key, new Set([id]))
      else ids.add(id)
    }
  }

  delete(id: string): void {
    for (const key of this.#entries.get(id)?.keys ?? []) {
      const ids = this.#byKey.get(key)
      ids?.delete(id)
      if (ids?.size === 0) this.#byKey.delete(key)
    }
    this.#entries.delete(id)
  }

  /** The entry that denies the certificate; null: none does. */
  find(certificate: Certificate): DenyHit | null {
    if (this.#entries.size === 0) return null
    const keys = keysOf(certificate)
    for (const kind of Object.keys(kinds) as DenyKind[]) {
      const [id] = this.#byKey.get(indexKey(kind, keys[kind])) ?? []
      if (id !== undefined) return { entry: this.#entries.get(id)!.name, by: kinds[kind] }
    }
    return null
  }
}

function indexKey(kind: DenyKind, key: string): string {
  return `${kind} ${key}`
}
