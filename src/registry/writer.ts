import { inSlices, type Steps } from '../base/steps.ts'
import type { Clock } from '../ports/clock.ts'
import { EngineError } from '../ports/engine-error.ts'
import type { Revision } from '../ports/identity.ts'
import type { RegistryStore, RegistryWrite } from '../ports/registry-store.ts'
import { Stage } from './stage.ts'

/** Work on a stage; `keep` false: what it staged is given up. */
export type Work<Value> = (stage: Stage) => Steps<{ readonly keep: boolean; readonly value: Value }>

export type WriteOutcome<Value> =
  | {
      readonly kind: 'done'
      readonly value: Value /** Null: nothing was written. */
      readonly revision: Revision | null
    }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'unavailable'; readonly error: EngineError }

interface Job {
  readonly run: (root: Stage) => Steps<undefined>
  readonly settle: (result: { readonly revision: Revision | null } | EngineError) => void
  readonly fail: (error: unknown) => void
}

export interface WriterParts {
  readonly store: RegistryStore
  readonly clock: Clock
  /** Rises with each change of a resource in the store, whoever made it. */
  readonly changesSeen: () => number
}

/** Writers that lost against another node this often in a row are told so. */
const maximumAttempts = 5
const maximumBatch = 256

/**
 * One write at a time: what is validated is what is written. Requests that come while a write is under way are validated
 * one upon the other and share the next one. Validation may take many turns; when a resource changes in the store
 * meanwhile, it begins anew.
 */
export class Writer {
  readonly #parts: WriterParts
  readonly #waiting: Job[] = []
  #running: Promise<void> | null = null

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  run<Value>(work: Work<Value>): Promise<WriteOutcome<Value>> {
    return new Promise((resolve, reject) => {
      let value: Value
      let kept = false
      this.#waiting.push({
        *run(root): Steps<undefined> {
          kept = false
          const stage = new Stage(root)
          try {
            const done = yield* work(stage)
            value = done.value
            kept = done.keep && !stage.empty
          } catch (error) {
            // A bug of ours ends this request, not those that share the write.
            reject(error)
            return
          }
          if (kept) yield* stage.mergeInto(root)
        },
        settle: (result) => {
          if (!(result instanceof EngineError)) {
            resolve({ kind: 'done', value, revision: kept ? result.revision : null })
          } else if (!kept) resolve({ kind: 'done', value, revision: null })
          else resolve(result.code === 'conflict' ? { kind: 'conflict' } : { kind: 'unavailable', error: result })
        },
        fail: reject,
      })
      this.#running ??= this.#drain()
    })
  }

  /** Resolves when no write waits or is under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #drain(): Promise<void> {
    // What is asked for in the same turn belongs to the first batch.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maximumBatch)
      try {
        const result = await this.#write(batch)
        for (const job of batch) job.settle(result)
      } catch (error) {
        for (const job of batch) job.fail(error)
      }
    }
    this.#running = null
  }

  async #write(batch: readonly Job[]): Promise<{ readonly revision: Revision | null } | EngineError> {
    const { store, clock, changesSeen } = this.#parts
    for (let attempt = 1; ; attempt++) {
      const seen = changesSeen()
      const root = new Stage(store)
      const write = await inSlices(clock, judge(batch, root, store))
      // The ground moved while it was judged: neither a yes nor a no can be relied on.
      if (changesSeen() !== seen) {
        if (attempt === maximumAttempts) return new EngineError('conflict', 'resources change all the time')
        continue
      }
      if (write === null) return { revision: null }
      try {
        return { revision: await store.write(write) }
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        if (error.code !== 'conflict' || attempt === maximumAttempts) return error
      }
    }
  }
}

function* judge(batch: readonly Job[], root: Stage, store: RegistryStore): Steps<RegistryWrite | null> {
  for (const job of batch) {
    yield* job.run(root)
    yield
  }
  return root.empty ? null : yield* root.toWrite(store)
}
