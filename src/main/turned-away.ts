import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { ListenerKind } from '../ports/transport.ts'

/** `rate`: its address, or all together, opened too many in too short a time. `maximum`: the listener has no room. */
export type TurnedAwayReason = 'rate' | 'maximum'

const listeners: readonly ListenerKind[] = ['mqtts', 'wss', 'mqtt-tcp']
const reasons: readonly TurnedAwayReason[] = ['rate', 'maximum']

export const turnedAwayMetric = {
  name: 'sealgate_turned_away_total',
  help: 'Peers cut before any work: too many in too short a time (rate), or no room on the listener (maximum).',
  type: 'counter',
  labels: ['listener', 'reason'],
} as const

/** A flood that goes on is said again after this time. */
const saidAgainMs = 60_000

/** Counts peers that the doors cut at once; the log names a flood when it begins, then once a minute with how many there were. */
export function countTurnedAway(
  clock: Clock,
  log: Log,
  metrics: Metrics,
): (listener: ListenerKind, reason: TurnedAwayReason) => void {
  const counter = metrics.counter(turnedAwayMetric.name, turnedAwayMetric.help)
  // From the start on, so that a rate can be made of the first one.
  for (const listener of listeners) for (const reason of reasons) counter.add(0, { listener, reason })
  const spells = new Map<string, { unsaid: number; saidMs: number }>()
  return (listener, reason) => {
    counter.add(1, { listener, reason })
    const key = `${listener} ${reason}`
    const spell = spells.get(key) ?? { unsaid: 0, saidMs: Number.NEGATIVE_INFINITY }
    spells.set(key, spell)
    spell.unsaid++
    const nowMs = clock.monotonicMs()
    if (nowMs - spell.saidMs < saidAgainMs) return
    log.write('warn', 'peersTurnedAway', { listener, reason, times: spell.unsaid })
    spell.unsaid = 0
    spell.saidMs = nowMs
  }
}
