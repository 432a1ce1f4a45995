import { Router } from '../src/broker/namespace/router.ts'
import { SessionEntry } from '../src/broker/namespace/session-table.ts'
import { parseTopicFilter, parseTopicName, type TopicName } from '../src/mqtt/topic.ts'
import type { SessionUid } from '../src/ports/identity.ts'
import type { StoredSubscription } from '../src/ports/session-store.ts'
import { median } from './statistics.ts'

/**
 * What it costs to find the receivers of a topic beside many wildcard filters: `npm run bench -- match-cost`. *known*: a
 * topic that was published before. *new*: one that was not, with one receiver. The filters are those of
 * tcp-pairs-qos0-filters; each topic follows one in a hundred of them down to its last level but one.
 */

const rounds = 15
const topicsPerRound = 2_000
const filtersPerSession = 1_000

export interface MatchCost {
  readonly filters: number
  /** Microseconds of processor time, median of the rounds. */
  readonly known: number
  readonly new: number
}

export function measureMatchCost(): readonly MatchCost[] {
  measure([1_000]) // compiles what all of them run
  return measure([0, 1_000, 10_000, 100_000])
}

export function renderMatchCost(costs: readonly MatchCost[]): string {
  return [
    '| wildcard filters | known topic | new topic |',
    '| ---: | ---: | ---: |',
    ...costs.map(({ filters, known, new: fresh }) => `| ${filters} | ${known.toFixed(3)} | ${fresh.toFixed(2)} |`),
    '',
    'Microseconds of processor time for one topic.',
  ].join('\n')
}

/** What a hundred thousand filters change for a topic that is known, and what a new one costs beside them. */
export function matchFigures(costs: readonly MatchCost[]): Record<string, number> {
  const [none, most] = [costs[0]!, costs.at(-1)!]
  return { knownToNone: most.known / none.known, newMicros: most.new }
}

/** In turns, so that what disturbs one disturbs all. */
function measure(counts: readonly number[]): readonly MatchCost[] {
  const all = counts.map((filters) => {
    return { filters, router: routerWith(filters), known: [] as number[], fresh: [] as number[] }
  })
  for (let round = 0; round < rounds; round++) {
    const topics = Array.from({ length: topicsPerRound }, (_, i) => topic(`bench/${round}-${i}/kind${i % 100}/x/other`))
    for (const { router, known, fresh } of all) {
      fresh.push(perTopic(router, topics))
      known.push(perTopic(router, topics))
    }
  }
  return all.map(({ filters, known, fresh }) => ({ filters, known: median(known), new: median(fresh) }))
}

function routerWith(filters: number): Router {
  const router = new Router()
  subscribe(router, 0, 'bench/+/+/+/other')
  for (let i = 0; i < filters; i++) {
    subscribe(router, 1 + Math.floor(i / filtersPerSession), `bench/+/kind${i % 100}/+/unit${i}/#`)
  }
  return router
}

function perTopic(router: Router, topics: readonly TopicName[]): number {
  const before = process.cpuUsage()
  let receivers = 0
  for (const name of topics) receivers += router.route(name).deliveries.length
  const { user, system } = process.cpuUsage(before)
  if (receivers !== topics.length) throw new Error(`${receivers} receivers of ${topics.length} topics`)
  return (user + system) / topics.length
}

const sessions = new Map<string, SessionEntry>()

function subscribe(router: Router, session: number, text: string): void {
  const parsed = parseTopicFilter(text)
  if (!parsed.ok) throw new Error(text)
  const stored: StoredSubscription = {
    topicFilter: text,
    maximumQoS: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: null,
  }
  router.add(entryOf(session), { stored, shareName: null, topicFilter: parsed.value })
}

function entryOf(session: number): SessionEntry {
  const uid = session.toString(16).padStart(32, '0')
  let entry = sessions.get(uid)
  if (entry === undefined) {
    entry = new SessionEntry(uid as SessionUid, `client-${session}`, false)
    sessions.set(uid, entry)
  }
  return entry
}

function topic(text: string): TopicName {
  const parsed = parseTopicName(text)
  if (!parsed.ok) throw new Error(text)
  return parsed.value
}
