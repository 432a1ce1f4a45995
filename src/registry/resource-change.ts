import { inSlices } from '../base/steps.ts'
import type { Clock } from '../ports/clock.ts'
import type { NamespaceId } from '../ports/identity.ts'
import type { ResourceType } from './resource-id.ts'
import { decodeStored, generationOf, nameOfKey } from './stored.ts'

/** One resource changed, told after it is visible and before the writer is answered. */
export interface ResourceChange {
  readonly change: 'created' | 'updated' | 'deleted'
  readonly namespace: NamespaceId
  readonly type: ResourceType
  readonly uid: string
  readonly name: string
}

/** Reads of the record what it is asked for: most listeners ask little, and a write may change a hundred thousand. */
export class ToldChange implements ResourceChange {
  readonly type: ResourceType
  readonly namespace: NamespaceId
  readonly uid: string
  readonly #value: Uint8Array | null
  readonly #key: string
  readonly #knownName: string | null

  /** @param knownName of a namespace; the key of all others holds theirs */
  constructor(
    type: ResourceType,
    namespace: NamespaceId,
    uid: string,
    value: Uint8Array | null,
    key: string,
    knownName: string | null = null,
  ) {
    this.type = type
    this.namespace = namespace
    this.uid = uid
    this.#value = value
    this.#key = key
    this.#knownName = knownName
  }

  get change(): ResourceChange['change'] {
    if (this.#value === null) return 'deleted'
    return generationOf(this.#value) === 1 ? 'created' : 'updated'
  }

  get name(): string {
    // Keys of all but clients hold the name in lower case.
    if (this.#value !== null && this.type !== 'clients') return decodeStored(this.#value).name
    return this.#knownName ?? nameOfKey(this.#key)
  }
}

export type ChangeListener = (changes: readonly ResourceChange[]) => void

/** Changes that listeners hear of in one go. */
const toldAtOnce = 256

/** Tells changes in their order: the first of them at once, a long list in slices. */
export class Tellings {
  readonly #clock: Clock
  readonly #listeners: ReadonlySet<ChangeListener>
  readonly #waiting: (readonly ResourceChange[])[] = []
  #running: Promise<void> | null = null

  constructor(clock: Clock, listeners: ReadonlySet<ChangeListener>) {
    this.#clock = clock
    this.#listeners = listeners
  }

  tell(changes: readonly ResourceChange[]): void {
    if (this.#listeners.size === 0 || changes.length === 0) return
    let from = 0
    if (this.#running === null) {
      this.#call(changes.slice(0, toldAtOnce))
      from = toldAtOnce
    }
    for (; from < changes.length; from += toldAtOnce) this.#waiting.push(changes.slice(from, from + toldAtOnce))
    if (this.#waiting.length > 0) this.#running ??= this.#tellRest()
  }

  /** Resolves when everything that was to be told is told. */
  async done(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  async #tellRest(): Promise<void> {
    const tellings = this
    await inSlices(
      this.#clock,
      (function* () {
        for (let next = tellings.#waiting.shift(); next !== undefined; next = tellings.#waiting.shift()) {
          yield
          tellings.#call(next)
        }
      })(),
    )
    this.#running = null
  }

  #call(changes: readonly ResourceChange[]): void {
    for (const listener of this.#listeners) listener(changes)
  }
}
