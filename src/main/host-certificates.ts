import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { normalizeServerName } from '../base/server-name.ts'
import type { TlsContexts } from '../listeners/tls-context.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { lookEveryMs, warnBeforeMs } from './keep-certificate.ts'
import { type KeyPair, readKeyPair } from './key-pair.ts'
import { reasonOf } from './start-error.ts'

const certificateEnding = '.pem'
const keyEnding = '.key'

export interface HostCertificates {
  /** Looks now instead of within ten seconds; resolves when what was found is served. */
  look(): Promise<void>
  stop(): void
}

interface Host {
  /** Size, time and inode of both files when `pair` was read. */
  seen: string
  pair: KeyPair | null
  /** What was last complained of. */
  problem: string | null
  warnedOf: KeyPair | null
  /** Its file was not there at the last look. */
  isMissing: boolean
}

/**
 * Serves the operator's own certificates by host name: `<host>.pem` with its intermediates and `<host>.key`, in one
 * directory. Files that come, change and go are followed; handshakes that begin from then on see it and who is connected
 * notices nothing. A pair that cannot be used is told, once, and the one before it stays: a certificate and a key that are
 * replaced one after the other do not match for a moment. A host whose file is missing in two looks has none any more.
 */
export function keepHostCertificates(
  directory: string,
  contexts: TlsContexts,
  clock: Clock,
  log: Log,
): HostCertificates {
  const hosts = new Map<string, Host>()
  const strange = new Set<string>()
  let problem: string | null = null
  let isStopped = false

  const lookAt = async (name: string, served: Map<string, KeyPair>): Promise<void> => {
    const certificateFile = join(directory, name + certificateEnding)
    const keyFile = join(directory, name + keyEnding)
    const seen = `${await traceOf(certificateFile)} ${await traceOf(keyFile)}`
    const host = hosts.get(name) ?? { seen: '', pair: null, problem: null, warnedOf: null, isMissing: false }
    hosts.set(name, host)
    host.isMissing = false
    if (isStopped) return
    if (seen !== host.seen) {
      try {
        const before = host.pair
        // Links to one pair share what is made of it: 1.5 ms and some 40 KB.
        host.pair = served.get(seen) ?? readKeyPair({ certificateFile, keyFile }, before)
        served.set(seen, host.pair)
        host.seen = seen
        host.problem = null
        if (host.pair !== before) {
          contexts.setHost(name, host.pair.context)
          log.write('info', 'hostCertificateServed', { host: name, notAfter: iso(host.pair.notAfter) })
        }
      } catch (error) {
        const reason = reasonOf(error)
        const stays = host.pair === null ? 'the default certificate' : 'the one before'
        if (reason !== host.problem) log.write('error', 'hostCertificateNotServed', { host: name, reason, stays })
        host.problem = reason
      }
    }
    if (host.pair !== null && host.warnedOf !== host.pair && host.pair.notAfter < clock.now() + warnBeforeMs) {
      host.warnedOf = host.pair
      log.write('warn', 'hostCertificateExpires', { host: name, notAfter: iso(host.pair.notAfter) })
    }
  }

  const look = async (): Promise<void> => {
    let files: readonly string[]
    try {
      files = await readdir(directory)
      problem = null
    } catch (error) {
      // No directory: nobody has certificates of his own. Any other fault keeps what is served.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') files = []
      else {
        const reason = reasonOf(error)
        if (reason !== problem) log.write('error', 'hostCertificatesNotRead', { directory, reason })
        problem = reason
        return
      }
    }
    const present = new Set<string>()
    for (const file of files) {
      if (!file.endsWith(certificateEnding)) continue
      const name = file.slice(0, -certificateEnding.length)
      if (normalizeServerName(name) === name) present.add(name)
      else if (!strange.has(file)) {
        strange.add(file)
        log.write('warn', 'hostCertificateIgnored', { file, reason: 'its name is not a host name in lower case' })
      }
    }
    for (const [name, host] of hosts) {
      if (present.has(name)) continue
      // Whoever replaces a file by removing it first must not have others meet another name in between.
      if (!host.isMissing) {
        host.isMissing = true
        continue
      }
      hosts.delete(name)
      contexts.setHost(name, null)
      log.write('info', 'hostCertificateRemoved', { host: name })
    }
    // One after the other, each behind a wait: a thousand new ones take seconds, of which nobody notices anything.
    const served = new Map<string, KeyPair>()
    for (const { seen, pair } of hosts.values()) if (pair !== null) served.set(seen, pair)
    for (const name of present) await lookAt(name, served)
  }

  /** One look at a time; who asks while one is under way gets a later one. */
  let underWay: Promise<void> = Promise.resolve()
  const next = (): Promise<void> => {
    underWay = underWay.then(() => (isStopped ? undefined : look()))
    return underWay
  }
  let cancel = (): void => {}
  const lookAgain = (): void => {
    void next().finally(() => {
      if (!isStopped) cancel = clock.setTimer(lookEveryMs, lookAgain)
    })
  }
  cancel = clock.setTimer(lookEveryMs, lookAgain)
  return {
    look: next,
    stop() {
      isStopped = true
      cancel()
    },
  }
}

/** Follows links: what a name points to may change without the name. */
async function traceOf(file: string): Promise<string> {
  try {
    const { size, mtimeMs, ino } = await stat(file)
    return `${size} ${mtimeMs} ${ino}`
  } catch {
    return 'none'
  }
}

function iso(millis: number): string {
  return new Date(millis).toISOString()
}
