import { hash as digest, timingSafeEqual } from 'node:crypto'
import { err, ok, type Result } from '../../base/result.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { RegistryStore } from '../../ports/registry-store.ts'
import { JsonRecords } from '../json-records.ts'
import type { Caller } from './caller.ts'
import type { Grant } from './role.ts'

/**
 * Bearer tokens. A token is `sgt_<id>_<256 random bits>`; the store holds the SHA-256 of the whole and never the token
 * (S65). A service principal has a secret instead, for which the token endpoint gives tokens that live an hour.
 */

export interface TokenRecord extends Grant {
  readonly format: 1
  readonly kind: 'token' | 'servicePrincipal'
  readonly id: string
  readonly name: string
  readonly hash: string
  readonly createdAt: number
  readonly createdBy: string
  /** Null: never. */
  readonly expiresAt: number | null
}

/** What the token endpoint gave out: good while the service principal is. */
interface SessionRecord {
  readonly format: 1
  /** `<id of the service principal> <own id>` is its key, so that they are found and removed together. */
  readonly id: string
  readonly principal: string
  readonly hash: string
  readonly expiresAt: number
}

export type TokenFailure = 'invalid' | 'expired'

const tokenPattern = /^sgt_([0-9a-f]{32})_[A-Za-z0-9_-]{43}$/
const sessionPattern = /^sgs_([0-9a-f]{32})_([0-9a-f]{32})_[A-Za-z0-9_-]{43}$/

/** Tokens and service principals together; a person gave each of them a name. */
const maximumTokens = 1_000
/** Of one service principal at a time; the oldest makes room. */
const maximumSessions = 50
const sessionSeconds = 3_600

export class Tokens {
  readonly #tokens: JsonRecords<TokenRecord>
  readonly #sessions: JsonRecords<SessionRecord>
  readonly #administratorHash: Uint8Array
  readonly #clock: Clock
  readonly #random: Random

  constructor(store: RegistryStore, administratorHash: Uint8Array, clock: Clock, random: Random) {
    this.#tokens = new JsonRecords(store, 'accessToken')
    this.#sessions = new JsonRecords(store, 'accessSession')
    this.#administratorHash = administratorHash
    this.#clock = clock
    this.#random = random
  }

  /** Whose token this is. Hashes are compared in constant time. */
  identify(token: string): Result<Caller, TokenFailure> {
    const hash = sha256(token)
    if (timingSafeEqual(hash, this.#administratorHash)) return ok(administrator)
    const id = tokenPattern.exec(token)?.[1]
    if (id !== undefined) {
      const record = this.#tokens.get(id)
      if (record?.kind !== 'token' || !isHash(record.hash, hash)) return err('invalid')
      return this.#isOver(record.expiresAt) ? err('expired') : ok(callerOf(record))
    }
    const [, principal, own] = sessionPattern.exec(token) ?? []
    if (principal === undefined || own === undefined) return err('invalid')
    const session = this.#sessions.get(`${principal} ${own}`)
    if (session === undefined || !isHash(session.hash, hash)) return err('invalid')
    const record = this.#tokens.get(principal)
    if (record?.kind !== 'servicePrincipal') return err('invalid')
    return this.#isOver(session.expiresAt) || this.#isOver(record.expiresAt) ? err('expired') : ok(callerOf(record))
  }

  /** The token or secret is in the answer and nowhere else. */
  async create(
    given: Pick<TokenRecord, 'kind' | 'name' | 'role' | 'scope' | 'notActions' | 'expiresAt' | 'createdBy'>,
  ): Promise<Result<{ readonly record: TokenRecord; readonly secret: string }, 'nameTaken' | 'tooMany'>> {
    if (this.#tokens.all().length >= maximumTokens) return err('tooMany')
    const id = this.#random.uid()
    const random = Buffer.from(this.#random.bytes(32)).toString('base64url')
    const secret = given.kind === 'token' ? `sgt_${id}_${random}` : random
    const hash = sha256(secret).toString('hex')
    const record: TokenRecord = { format: 1, id, ...given, hash, createdAt: this.#clock.now() }
    const done = await this.#tokens.put(id, record, 'new', nameOf(record))
    return done === 'done' ? ok({ record, secret }) : err('nameTaken')
  }

  list(): readonly TokenRecord[] {
    return this.#tokens.all()
  }

  find(id: string): TokenRecord | undefined {
    return this.#tokens.get(id)
  }

  /** From now on neither the token nor anything that was given out for it is good. */
  async revoke(id: string): Promise<boolean> {
    const record = this.#tokens.get(id)
    if (record === undefined) return false
    await this.#tokens.remove([id], nameOf(record))
    await this.#sessions.remove(this.#sessions.all(`${id} `).map(sessionKey))
    return true
  }

  /** A short-lived token for a service principal, named by its name or id, that shows its secret. */
  async signIn(
    client: string,
    secret: string,
  ): Promise<Result<{ readonly token: string; readonly seconds: number }, null>> {
    const wanted = client.toLowerCase()
    const record = this.#tokens.get(wanted.replaceAll('-', '')) ?? this.#tokens.find(nameIndex, wanted)
    // Without a principal the work is the same, so that the time tells nothing of which names there are.
    const matches = isHash(record?.hash ?? '0'.repeat(64), sha256(secret))
    if (record?.kind !== 'servicePrincipal' || !matches || this.#isOver(record.expiresAt)) return err(null)
    const now = this.#clock.now()
    const sessions = [...this.#sessions.all(`${record.id} `)].sort((a, b) => a.expiresAt - b.expiresAt)
    const over = sessions.filter(
      ({ expiresAt }, index) => expiresAt <= now || index < sessions.length - maximumSessions + 1,
    )
    await this.#sessions.remove(over.map(sessionKey))
    const id = this.#random.uid()
    const token = `sgs_${record.id}_${id}_${Buffer.from(this.#random.bytes(32)).toString('base64url')}`
    const expiresAt = Math.min(now + sessionSeconds * 1_000, record.expiresAt ?? Number.POSITIVE_INFINITY)
    const session: SessionRecord = {
      format: 1,
      id,
      principal: record.id,
      hash: sha256(token).toString('hex'),
      expiresAt,
    }
    await this.#sessions.put(sessionKey(session), session, 'new')
    return ok({ token, seconds: Math.floor((expiresAt - now) / 1_000) })
  }

  #isOver(expiresAt: number | null): boolean {
    return expiresAt !== null && expiresAt <= this.#clock.now()
  }
}

const administrator: Caller = {
  id: 'administrator',
  name: 'administrator',
  type: 'User',
  grant: { role: 'owner', scope: '', notActions: [] },
  expiresAt: null,
}

function callerOf({ id, name, kind, role, scope, notActions, expiresAt }: TokenRecord): Caller {
  const type = kind === 'token' ? 'Key' : 'Application'
  return { id, name, type, grant: { role, scope, notActions }, expiresAt }
}

/** Unique over tokens and service principals: audits tell who did something by name. */
const nameIndex = 'accessTokenName'

function nameOf({ name }: TokenRecord) {
  return { index: nameIndex, value: name.toLowerCase() }
}

function sessionKey({ principal, id }: SessionRecord): string {
  return `${principal} ${id}`
}

function sha256(text: string): Buffer {
  return digest('sha256', text, 'buffer')
}

function isHash(stored: string, hash: Uint8Array): boolean {
  return timingSafeEqual(Buffer.from(stored, 'hex'), hash)
}
