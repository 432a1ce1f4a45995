import type { Clock } from '../ports/clock.ts'
import type { DecisionFacts, Events } from '../ports/events.ts'
import type { Log } from '../ports/log.ts'

const windowMs = 10_000
/** Different refusals told apart in one window; what comes on top is only counted. */
const mostKinds = 1_000

export interface DecisionLogging {
  readonly acceptedToo: boolean
  /** Shows a refusal to a person; `enough`: the log need not say it again. */
  readonly tell?: ((refusal: DecisionFacts) => 'enough' | 'logToo') | undefined
}

/**
 * Writes decisions to the log: a refusal in full once per namespace, code and name or fingerprint in ten seconds, and
 * then how often it came again. A peer that tries in a loop, or a thousand of them, cannot fill the disk.
 */
export function logDecisions(events: Events, log: Log, clock: Clock, options: DecisionLogging): () => void {
  let repeats = new Map<string, { readonly record: DecisionFacts; count: number }>()
  let beyond = 0
  let cancel: (() => void) | null = null

  const endWindow = (): void => {
    cancel = null
    for (const { record, count } of repeats.values()) {
      if (count > 0) log.write('warn', 'refusedAgain', { ...headOf(record), times: count })
    }
    if (beyond > 0) log.write('warn', 'refusedOthers', { times: beyond })
    repeats = new Map()
    beyond = 0
  }

  const stop = events.on(['decision'], (event) => {
    if (event.kind !== 'decision') return
    const { record } = event
    if (record.outcome === 'accepted') {
      if (options.acceptedToo) log.write('debug', 'accepted', { ...record })
      return
    }
    const key = keyOf(record)
    const known = repeats.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    cancel ??= clock.setTimer(windowMs, endWindow)
    if (repeats.size >= mostKinds) {
      beyond++
      return
    }
    repeats.set(key, { record, count: 0 })
    if (options.tell?.(record) !== 'enough') log.write('warn', 'refused', { ...record })
  })
  return () => {
    stop()
    cancel?.()
    endWindow()
  }
}

function headOf(record: DecisionFacts) {
  const { namespaceName, code, authenticationName, certificateFingerprint, remoteAddress } = record
  return { namespaceName, code, authenticationName, certificateFingerprint, remoteAddress }
}

function keyOf(record: DecisionFacts): string {
  const who = record.authenticationName ?? record.certificateFingerprint ?? record.remoteAddress
  return `${record.namespaceName}\n${record.action}\n${record.code}\n${who}`
}
