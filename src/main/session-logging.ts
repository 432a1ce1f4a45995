import type { Clock } from '../ports/clock.ts'
import type { DisconnectionReason, Events } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'
import { boundedLog } from './bounded-log.ts'

/** Ends that are nobody's fault and nobody's surprise. */
const ordinary: ReadonlySet<DisconnectionReason> = new Set([
  'ClientInitiatedDisconnect',
  'ServerInitiatedDisconnect',
  'ConnectionLost',
])

/** Writes to the log which sessions we ended and why: an MQTT 3.1.1 client is told nothing but the end of its connection. */
export function logSessionEnds(events: Events, log: Log, clock: Clock): () => void {
  const bounded = boundedLog(log, clock, { sessionEnded: 'sessionsEnded' })
  const stop = events.on(['sessionEnded'], (event) => {
    if (event.kind !== 'sessionEnded') return
    const { kind, ...facts } = event
    if (ordinary.has(event.reason)) log.write('debug', kind, facts)
    else bounded.write('warn', kind, facts)
  })
  return () => {
    stop()
    bounded.stop()
  }
}
