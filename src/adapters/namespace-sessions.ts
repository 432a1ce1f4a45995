import type { SessionUid } from '../ports/identity.ts'
import type { SessionOwner } from '../ports/session-store.ts'
import type { SessionEntry } from './session-entry.ts'
import { byCodeUnits, SortedList } from './sorted-list.ts'

/** The sessions of one namespace by name, in the order of their names, and by owner. */
export class NamespaceSessions {
  readonly byClientId = new Map<string, SessionEntry>()
  readonly order = new SortedList<string>(byCodeUnits)
  /** Most owners have one session, which is kept without a map. */
  readonly byOwner = new Map<string, SessionEntry | Map<SessionUid, SessionEntry>>()

  countOf(owner: string): number {
    const held = this.byOwner.get(owner)
    if (held === undefined) return 0
    return held instanceof Map ? held.size : 1
  }

  sessionsOf(owner: string): Iterable<SessionEntry> {
    const held = this.byOwner.get(owner)
    if (held === undefined) return []
    return held instanceof Map ? held.values() : [held]
  }

  addTo(owner: string, entry: SessionEntry): void {
    const held = this.byOwner.get(owner)
    if (held === undefined) this.byOwner.set(owner, entry)
    else if (held instanceof Map) held.set(entry.record.uid, entry)
    else if (held.record.uid === entry.record.uid) this.byOwner.set(owner, entry)
    else {
      this.byOwner.set(
        owner,
        new Map([
          [held.record.uid, held],
          [entry.record.uid, entry],
        ]),
      )
    }
  }

  removeFrom(owner: string, uid: SessionUid): void {
    const held = this.byOwner.get(owner)
    if (held instanceof Map) {
      held.delete(uid)
      if (held.size === 0) this.byOwner.delete(owner)
    } else if (held?.record.uid === uid) {
      this.byOwner.delete(owner)
    }
  }
}

/** The authority is one of a closed set of words without a colon, so two owners never share a key (S28). */
export function ownerKey(owner: SessionOwner): string {
  return `${owner.authority}:${owner.foldedName}`
}
