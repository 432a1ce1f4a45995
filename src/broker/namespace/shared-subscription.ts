import type { UnixMillis } from '../../base/time.ts'
import type { QoS } from '../../mqtt/packet.ts'
import { TokenBucket } from '../bounds/token-bucket.ts'
import type { SessionEntry } from './session-table.ts'
import type { Subscription } from './subscription.ts'

/** A message that a share group gave to one member in memory, kept until that member has it. */
export interface SharedCopy {
  readonly group: ShareGroup
  /** In stored form. */
  readonly body: Uint8Array
  readonly qos: QoS
  readonly retain: boolean
  readonly expiresAt: UnixMillis | null
}

/**
 * The members of one `$share/<name>/<filter>`. Each message goes to one of them: to those that are online and keep up,
 * in turn; else to one that is online; else to one whose queue is in the store (MQTT 5.0 4.8.2).
 */
export class ShareGroup {
  readonly shareName: string
  readonly topicFilter: string
  readonly #members = new Map<SessionEntry, Subscription>()
  #order: SessionEntry[] = []
  #next = 0
  /** Null: nothing was counted yet. */
  #rate: TokenBucket | null = null
  /** What `#rate` was made or tuned for. */
  #ratePerSecond = 0

  constructor(shareName: string, topicFilter: string) {
    this.shareName = shareName
    this.topicFilter = topicFilter
  }

  get size(): number {
    return this.#members.size
  }

  get storedQoS(): 0 | 1 | 2 {
    let highest: 0 | 1 | 2 = 0
    for (const [session, { stored }] of this.#members) {
      if (session.isStored && stored.maximumQoS > highest) highest = stored.maximumQoS
    }
    return highest
  }

  has(session: SessionEntry): boolean {
    return this.#members.has(session)
  }

  add(session: SessionEntry, subscription: Subscription): void {
    if (!this.#members.has(session)) this.#order.push(session)
    this.#members.set(session, subscription)
  }

  remove(session: SessionEntry): void {
    if (!this.#members.delete(session)) return
    this.#order = this.#order.filter((member) => member !== session)
  }

  /** The member that gets the next message, and its subscription; null when nobody can take it. */
  pick(
    except: SessionEntry | null = null,
  ): { readonly session: SessionEntry; readonly subscription: Subscription } | null {
    const order = this.#order
    let online: SessionEntry | null = null
    let offline: SessionEntry | null = null
    for (let i = 0; i < order.length; i++) {
      const session = order[(this.#next + i) % order.length] as SessionEntry
      if (session === except) continue
      if (session.online === null) {
        if (session.isStored) offline ??= session
        continue
      }
      if (session.online.keepsUp) {
        this.#next = (this.#next + i + 1) % order.length
        return this.#choice(session)
      }
      online ??= session
    }
    const session = online ?? offline
    if (session === null) return null
    this.#next = (order.indexOf(session) + 1) % order.length
    return this.#choice(session)
  }

  /** Milliseconds until the group may give out another message: so many per second for each of its members. */
  waitMs(perMember: number, nowMs: number): number {
    const perSecond = perMember * this.size
    if (this.#rate === null) this.#rate = new TokenBucket(perSecond, perSecond, nowMs)
    const waitMs = this.#rate.waitMs(nowMs)
    if (perSecond === this.#ratePerSecond || perSecond === 0) return waitMs
    this.#ratePerSecond = perSecond
    this.#rate.retune(perSecond, perSecond, nowMs)
    return this.#rate.waitMs(nowMs)
  }

  gaveOut(): void {
    this.#rate?.spend(1)
  }

  #choice(session: SessionEntry): { session: SessionEntry; subscription: Subscription } {
    return { session, subscription: this.#members.get(session) as Subscription }
  }
}
