import { formatUnixSeconds } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Events } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'
import type { RegistryView } from '../registry/view.ts'
import { boundedLog } from './bounded-log.ts'

/** Writes to the log which certificates expire soon. A fleet that was made in one day expires in one. */
export function logExpiry(events: Events, view: RegistryView, log: Log, clock: Clock): () => void {
  const bounded = boundedLog(log, clock, { certificateExpiring: 'certificatesExpiring' })
  const stop = events.on(['certificateExpiring'], (event) => {
    if (event.kind !== 'certificateExpiring') return
    const { kind, at: _, namespace, notAfter, ...facts } = event
    const namespaceName = view.namespaceById(namespace)?.name ?? null
    bounded.write('warn', kind, { namespaceName, ...facts, notAfter: formatUnixSeconds(notAfter) })
  })
  return () => {
    stop()
    bounded.stop()
  }
}
