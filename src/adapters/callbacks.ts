import type { Stop } from '../ports/stop.ts'

/** Throws outside the caller's stack, where the process (or the test) sees a bug instead of a half-applied write. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

/** Callbacks of one kind. One that throws does not keep the others from being called. */
export class Callbacks<Arguments extends readonly unknown[]> {
  readonly #callbacks = new Set<{ readonly call: (...args: Arguments) => void }>()

  get size(): number {
    return this.#callbacks.size
  }

  add(call: (...args: Arguments) => void): Stop {
    const entry = { call }
    this.#callbacks.add(entry)
    return () => void this.#callbacks.delete(entry)
  }

  call(...args: Arguments): void {
    for (const entry of [...this.#callbacks]) {
      try {
        if (this.#callbacks.has(entry)) entry.call(...args)
      } catch (error) {
        throwLater(error)
      }
    }
  }

  clear(): void {
    this.#callbacks.clear()
  }
}
