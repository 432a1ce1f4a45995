import { formatUnixSeconds, toUnixSeconds, type UnixSeconds } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { RegistryView } from '../registry/view.ts'

const lookEveryMs = 60_000

/** Of the time between thisUpdate and nextUpdate: when the next list should have come. */
const dueAfter = 0.75

type Freshness = 'fresh' | 'due' | 'stale'

/** docs/metrics.md has them from here. */
export const listMetrics = {
  stale: { name: 'sealgate_revocation_lists_stale', type: 'gauge', help: 'Revocation lists past their nextUpdate.' },
  due: {
    name: 'sealgate_revocation_lists_due',
    type: 'gauge',
    help: 'Revocation lists in the last quarter of their time.',
  },
} as const

/**
 * Tells of revocation lists that nobody renews, before it matters and when it does: in the last quarter of their time, and
 * when that is over. Where the namespace refuses what a stale list should vouch for, this is who will be locked out, and
 * when.
 */
export function watchListFreshness(view: RegistryView, clock: Clock, log: Log, metrics: Metrics): () => void {
  /** By namespace, name and nextUpdate: a new list begins anew. */
  let told = new Map<string, Freshness>()
  const stale = metrics.gauge(listMetrics.stale.name, listMetrics.stale.help)
  const due = metrics.gauge(listMetrics.due.name, listMetrics.due.help)

  const look = (): void => {
    const now = toUnixSeconds(clock.now())
    const current = new Map<string, Freshness>()
    const counts = { fresh: 0, due: 0, stale: 0 }
    for (const namespace of view.namespaces()) {
      for (const { name, list } of namespace.revocation.lists) {
        const { thisUpdate, nextUpdate } = list
        if (nextUpdate === null) continue
        const key = `${namespace.id} ${name} ${nextUpdate}`
        const freshness = freshnessOf(thisUpdate, nextUpdate, now)
        counts[freshness]++
        current.set(key, freshness)
        if (freshness === 'fresh' || told.get(key) === freshness) continue
        const refuses = namespace.limits.staleRevocationLists === 'refuse'
        log.write(
          freshness === 'stale' && refuses ? 'error' : 'warn',
          `revocationList${freshness === 'stale' ? 'Stale' : 'Due'}`,
          {
            namespace: namespace.name,
            list: name,
            nextUpdate: formatUnixSeconds(nextUpdate),
            staleRevocationLists: refuses ? 'refuse' : 'warn',
            message: sentenceOf(freshness, refuses),
          },
        )
      }
    }
    told = current
    stale.set(counts.stale)
    due.set(counts.due)
  }

  let cancel = (): void => {}
  const lookAgain = (): void => {
    look()
    cancel = clock.setTimer(lookEveryMs, lookAgain)
  }
  lookAgain()
  return () => cancel()
}

function freshnessOf(thisUpdate: UnixSeconds, nextUpdate: UnixSeconds, now: UnixSeconds): Freshness {
  if (now > nextUpdate) return 'stale'
  return now >= thisUpdate + (nextUpdate - thisUpdate) * dueAfter ? 'due' : 'fresh'
}

function sentenceOf(freshness: 'due' | 'stale', refuses: boolean): string {
  if (freshness === 'due') {
    return refuses
      ? 'A new list is due. When this one is past its nextUpdate, every client of its CA is refused and disconnected.'
      : 'A new list is due. What this one names stays refused when it is past its nextUpdate.'
  }
  return refuses
    ? 'The list is past its nextUpdate: every client of its CA is refused. Bring a current list, or set staleRevocationLists to warn.'
    : 'The list is past its nextUpdate. What it names stays refused; what was revoked since is not known here.'
}
