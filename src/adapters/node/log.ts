import { pino } from 'pino'
import type { Log, LogLevel } from '../../ports/log.ts'
import { prettyLine } from './pretty-line.ts'
import { safeFacts } from './safe-facts.ts'

export interface LogDestination {
  write(text: string): unknown
}

export interface LogOptions {
  /** The lowest level that is written. */
  readonly level: LogLevel
  /** `auto`: for a person when stderr is a terminal, else one JSON object per line. */
  readonly form: 'auto' | 'json' | 'pretty'
  /** Default: stderr. */
  readonly destination?: LogDestination
}

export interface NodeLog extends Log {
  /** Writes what is still buffered; before the process ends at once. What is on its way may come out behind it. */
  flush(): void
  /** The last word before the process ends: resolves when everything is out, in order, or whoever reads takes too long. */
  settled(): Promise<void>
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** While whoever reads stderr is slow, this much waits; what comes on top is dropped, since the broker must not wait. */
const bufferLimitBytes = 4 * 1024 * 1024

/** How long the end of the process waits for a slow reader. */
const settleMs = 1_000

/** Members of an entry that facts may not replace. */
const reserved: ReadonlySet<string> = new Set(['level', 'time', 'event'])

export function nodeLog(options: LogOptions): NodeLog {
  const form = options.form === 'auto' ? (process.stderr.isTTY ? 'pretty' : 'json') : options.form
  return form === 'pretty' ? prettyLog(options) : jsonLog(options)
}

function prettyLog(options: LogOptions): NodeLog {
  const destination = options.destination ?? process.stderr
  const colour = options.destination === undefined && process.stderr.isTTY && process.env['NO_COLOR'] === undefined
  return {
    write(level, event, facts) {
      if (ranks[level] < ranks[options.level]) return
      destination.write(prettyLine(new Date(), level, event, safeFacts(facts), { colour }))
    },
    flush() {},
    settled: async () => {},
  }
}

function jsonLog(options: LogOptions): NodeLog {
  const buffered =
    options.destination === undefined
      ? pino.destination({ dest: 2, sync: false, maxLength: bufferLimitBytes })
      : undefined
  // A reader of stderr that goes away (EPIPE) must not take the broker with it.
  buffered?.on('error', () => {})
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    buffered ?? (options.destination as LogDestination & { write(text: string): void }),
  )
  let ended = false
  return {
    write(level, event, facts) {
      if (ended || ranks[level] < ranks[options.level]) return
      const entry: Record<string, unknown> = { event }
      for (const [name, value] of Object.entries(safeFacts(facts)))
        entry[reserved.has(name) ? `${name}_` : name] = value
      logger[level](entry)
    },
    flush() {
      try {
        buffered?.flushSync()
      } catch {
        // Nobody reads any more.
      }
    },
    async settled() {
      if (buffered === undefined) return
      // The end comes when all the rest is out, in the order in which it was written.
      ended = true
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, settleMs)
        buffered.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
        buffered.end()
      })
    },
  }
}
