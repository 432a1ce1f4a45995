import type { Clock } from '../ports/clock.ts'
import type { DisconnectionReason, Events } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'

const windowMs = 10_000
/** Ends told in full in one window; what comes on top is only counted, so that no peer can fill the disk. */
const mostInFull = 100

/** Ends that are nobody's fault and nobody's surprise. */
const ordinary: ReadonlySet<DisconnectionReason> = new Set([
  'ClientInitiatedDisconnect',
  'ServerInitiatedDisconnect',
  'ConnectionLost',
])

/** Writes to the log which sessions we ended and why: an MQTT 3.1.1 client is told nothing but the end of its connection. */
export function logSessionEnds(events: Events, log: Log, clock: Clock): () => void {
  let inFull = 0
  let beyond = 0
  let cancel: (() => void) | null = null

  const endWindow = (): void => {
    cancel = null
    if (beyond > 0) log.write('warn', 'sessionsEnded', { times: beyond })
    inFull = 0
    beyond = 0
  }

  const stop = events.on(['sessionEnded'], (event) => {
    if (event.kind !== 'sessionEnded') return
    const { kind, ...facts } = event
    if (ordinary.has(event.reason)) {
      log.write('debug', kind, facts)
      return
    }
    cancel ??= clock.setTimer(windowMs, endWindow)
    if (inFull >= mostInFull) {
      beyond++
      return
    }
    inFull++
    log.write('warn', kind, facts)
  })
  return () => {
    stop()
    cancel?.()
    endWindow()
  }
}
