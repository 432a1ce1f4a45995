import type { ServerCertificate, TlsContexts } from '../listeners/tls-context.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { ServerCertificateSource } from './server-certificate.ts'
import { reasonOf } from './start-error.ts'

/** Files of a kilobyte or two: reading them tells a change however they were replaced, by symlinks and mounts too. */
export const lookEveryMs = 10_000
export const warnBeforeMs = 14 * 86_400_000

export interface CertificateKeeper {
  /** Looks now instead of within ten seconds. */
  look(): void
  stop(): void
}

/**
 * Keeps the served certificate the one that it should be: the operator's files when they change, a made one when it is
 * about to expire. Handshakes that begin from then on see it; who is connected notices nothing. What cannot be used is
 * told, once, and the one before it stays.
 */
export function keepCertificateCurrent(
  source: ServerCertificateSource,
  contexts: TlsContexts,
  clock: Clock,
  log: Log,
): CertificateKeeper {
  let problem: string | null = null
  let warnedOf: ServerCertificate | null = null

  const replace = (): void => {
    const renewed = source.renew(clock.now())
    if (renewed !== null) {
      contexts.replaceFallback(renewed)
      log.write('info', 'serverCertificateReplaced', { notAfter: iso(source.notAfter) })
    }
    problem = null
  }
  const look = (): void => {
    try {
      replace()
    } catch (error) {
      const reason = reasonOf(error)
      if (reason !== problem) log.write('error', 'serverCertificateNotReplaced', { reason })
      problem = reason
    }
    if (source.notAfter < clock.now() + warnBeforeMs && warnedOf !== source.current) {
      warnedOf = source.current
      log.write('warn', 'serverCertificateExpires', { notAfter: iso(source.notAfter) })
    }
  }

  let cancel = (): void => {}
  const lookAgain = (): void => {
    look()
    cancel = clock.setTimer(lookEveryMs, lookAgain)
  }
  lookAgain()
  return { look, stop: () => cancel() }
}

function iso(millis: number): string {
  return new Date(millis).toISOString()
}
