import { EngineError } from '../../ports/engine-error.ts'

/** What happens to a node's writes, so that tests can see what its callers make of it. */
export type WriteFault =
  /** None is applied. */
  | 'refuse'
  /** All are applied, but the caller is told `unavailable`: an unknown outcome. */
  | 'loseAnswer'
  /** All are applied, and the store says that it has little room left. */
  | 'full'

/** One node's way into the queue. */
export interface Writer {
  open: boolean
  fault: WriteFault | null
}

/**
 * Applies the writes of all nodes one after the other in the order of the calls, and never inside a call: whoever reads
 * right after calling sees the state before it, as with a store that has to reach a disk.
 */
export class WriteQueue {
  #waiting: (() => void)[] = []

  run<T>(writer: Writer, apply: () => T): Promise<T> {
    if (!writer.open) return Promise.reject(unavailable('closed'))
    return new Promise<T>((resolve, reject) => {
      const job = (): void => {
        if (writer.fault === 'refuse') {
          reject(unavailable('write refused'))
          return
        }
        try {
          const value = apply()
          if (writer.fault === 'loseAnswer') reject(unavailable('answer lost'))
          else resolve(value)
        } catch (error) {
          reject(error)
        }
      }
      if (this.#waiting.push(job) === 1) queueMicrotask(() => this.#drain())
    })
  }

  #drain(): void {
    const jobs = this.#waiting
    this.#waiting = []
    for (const job of jobs) job()
  }
}

export function unavailable(why: string): EngineError {
  return new EngineError('unavailable', `memory engine: ${why}`)
}
