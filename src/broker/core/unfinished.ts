import { EngineError } from '../../ports/engine-error.ts'
import type { Log } from '../../ports/log.ts'

interface Work {
  readonly name: string
  readonly run: () => Promise<unknown>
}

/** Tried again together, so that they share the store's transactions. */
const atOnce = 200

/** Whoever comes and goes while the store opens sessions and ends none does not grow it: the next start sees to the rest. */
const mostWorks = 10_000

/**
 * Changes of the store that nobody waits for and that must not be lost: the end of a session whose connection, client or
 * right is gone, the end of a namespace. While the store is in trouble they are tried again every second; else a session
 * would stay connected in the store with nobody behind it: it would never expire, and keep its name until the next start.
 */
export class Unfinished {
  readonly #log: Log
  readonly #most: number
  readonly #works = new Map<string, Work>()
  #isTrying = false

  constructor(log: Log, most = mostWorks) {
    this.#log = log
    this.#most = most
  }

  get count(): number {
    return this.#works.size
  }

  /**
   * @param key what it is done to: a later work of this name takes the place of an earlier one
   * @param run may be called again after a failure whose outcome is not known
   * @returns true: it is done. False: it failed; if trying again may help, that is done without the caller
   */
  async do(name: string, key: string, run: () => Promise<unknown>): Promise<boolean> {
    try {
      await run()
      return true
    } catch (error) {
      // Fenced: somebody else has the session, and with it the duty to end it.
      if (isFenced(error)) return false
      this.#log.write('error', `${name}Failed`, { error: String(error) })
      if (isRetryable(error)) this.#keep(`${name} ${key}`, { name, run })
      return false
    }
  }

  #keep(key: string, work: Work): void {
    if (this.#works.has(key) || this.#works.size < this.#most) this.#works.set(key, work)
    else this.#log.write('warn', 'workForgotten', { work: key })
  }

  /** Tries everything once more. */
  async retry(): Promise<void> {
    if (this.#isTrying) return
    this.#isTrying = true
    const works = [...this.#works]
    // The first one says whether there is any sense in trying the others.
    for (let from = 0, size = 1; from < works.length; from += size, size = atOnce) {
      const ended = await Promise.all(works.slice(from, from + size).map(([key, work]) => this.#again(key, work)))
      if (!ended.includes(true)) break
    }
    this.#isTrying = false
  }

  /** @returns false: the store is in trouble still */
  async #again(key: string, work: Work): Promise<boolean> {
    try {
      await work.run()
    } catch (error) {
      if (isRetryable(error)) return false
      if (!isFenced(error)) this.#log.write('error', `${work.name}Failed`, { error: String(error) })
    }
    // A later one may have taken its place.
    if (this.#works.get(key) === work) this.#works.delete(key)
    return true
  }
}

function isFenced(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'fenced'
}

function isRetryable(error: unknown): boolean {
  return error instanceof EngineError && error.retryable
}
