import { readdirSync, readFileSync } from 'node:fs'

/**
 * How long others were given time to do something. What they wanted to run and were not let, because the machine had other
 * work, does not count: a bound in this time says something about them and not about the machine. Linux tells it per
 * thread; elsewhere it is the time by the clock.
 */
export class Patience {
  readonly #pid: () => number
  /** By thread, in milliseconds. */
  #delays = new Map<string, number>()
  #at = 0
  #spentMs = 0

  /** @param pid of the process that is waited for; this one is the other that needs time */
  constructor(pid: () => number) {
    this.#pid = pid
    this.restart()
  }

  restart(): void {
    this.#at = performance.now()
    this.#spentMs = 0
    this.#delays = this.#read()
  }

  /** Call often: what happened between two calls is one figure. */
  spentMs(): number {
    const now = performance.now()
    const delays = this.#read()
    // The one that waited longest, of each process: threads of one wait at the same time.
    const longest = { own: 0, other: 0 }
    for (const [thread, delay] of delays) {
      const whose = thread.startsWith('own') ? 'own' : 'other'
      longest[whose] = Math.max(longest[whose], delay - (this.#delays.get(thread) ?? delay))
    }
    this.#spentMs += Math.max(0, now - this.#at - longest.own - longest.other)
    this.#at = now
    this.#delays = delays
    return this.#spentMs
  }

  #read(): Map<string, number> {
    const delays = new Map<string, number>()
    for (const [whose, pid] of [
      ['own', process.pid],
      ['other', this.#pid()],
    ] as const) {
      try {
        for (const thread of readdirSync(`/proc/${pid}/task`)) {
          const [, delay = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
          delays.set(`${whose} ${pid} ${thread}`, Number(delay) / 1e6)
        }
      } catch {
        // No such file system, or the process or one of its threads is gone: nothing is known of it.
      }
    }
    return delays
  }
}
