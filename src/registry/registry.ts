import { err, ok, type Result } from '../base/result.ts'
import { finish, inSlices, type Steps } from '../base/steps.ts'
import type { Cancel, Clock } from '../ports/clock.ts'
import type { NamespaceId } from '../ports/identity.ts'
import type { Random } from '../ports/random.ts'
import type { RegistryChange, RegistryStore } from '../ports/registry-store.ts'
import type { Stop } from '../ports/stop.ts'
import { applyAll, withEtags } from './apply-changes.ts'
import {
  type Author,
  addressedNamespace,
  type Change,
  type Changed,
  type ChangeEnvironment,
  type EtagCondition,
  notFound,
  parentOf,
} from './change.ts'
import { regenerateKey } from './change-namespace.ts'
import type { RegistryFailure } from './failure.ts'
import { type OpenReport, prepareStore } from './format.ts'
import { type ListOptions, listChildren, listNamespaces, type NamespaceCollection, type Page } from './listing.ts'
import { LiveView } from './live-view.ts'
import type { ProfileName } from './profile.ts'
import { purgeNamespace, unfinishedPurges } from './purge.ts'
import { childResource, etagOf, namespaceResource, type Resource } from './resource.ts'
import { type ChangeListener, Tellings, ToldChange } from './resource-change.ts'
import type { CollectionId, ResourceId } from './resource-id.ts'
import { RevocationLists } from './revocation-lists.ts'
import { findChild, readStored, Stage } from './stage.ts'
import { factsOfKey, keyOf, namespaceKey, type StoredChild, type StoredNamespace } from './stored.ts'
import type { RegistryView } from './view.ts'
import { type WriteOutcome, Writer } from './writer.ts'

export type { ResourceChange } from './resource-change.ts'

export interface RegistryParts {
  readonly store: RegistryStore
  readonly random: Random
  readonly clock: Clock
  /** Profile of a namespace that names none. Default `full`. */
  readonly defaultProfile?: ProfileName
  /** A namespace's host is `<namespace>.<domain>`; null: hosts are not told. */
  readonly domain?: string | null
  /** SHA-256 of the runtime's bundled public roots, lower-case hexadecimal (S13). */
  readonly publicRoots?: ReadonlySet<string>
  /** Version of the Unicode tables that names are folded by (S1). */
  readonly unicodeVersion?: string
}

export interface WriteOptions {
  readonly apiVersion?: string | null
  readonly condition?: EtagCondition
  /** Octets of a revocation list, which are too many for a document. */
  readonly content?: Uint8Array
}

export interface Registry {
  readonly view: RegistryView
  /** What opening found worth telling. */
  readonly report: OpenReport
  get(id: ResourceId): Result<Resource, RegistryFailure>
  list(collection: CollectionId | NamespaceCollection, options: ListOptions): Result<Page, RegistryFailure>
  put(id: ResourceId, body: unknown, author: Author, options?: WriteOptions): Promise<Result<Changed, RegistryFailure>>
  patch(
    id: ResourceId,
    body: unknown,
    author: Author,
    options?: WriteOptions,
  ): Promise<Result<Changed, RegistryFailure>>
  delete(id: ResourceId, author: Author, options?: WriteOptions): Promise<Result<Changed, RegistryFailure>>
  /** All of it in one write of the store, or nothing and every problem of every change. In the order given. */
  transact(changes: readonly Change[], author: Author): Promise<Result<readonly Changed[], RegistryFailure>>
  /** What `transact` would do now; nothing is written. */
  rehearse(changes: readonly Change[], author: Author): Promise<Result<readonly Changed[], RegistryFailure>>
  /** Long work of a caller, a few milliseconds at a time. */
  inSlices<Value>(steps: Steps<Value>): Promise<Value>
  /** DER of a revocation list; the larger ones take a while. */
  listContent(id: ResourceId): Result<Uint8Array, RegistryFailure>
  /** Access keys of the HTTP plane. */
  listKeys(id: ResourceId): Result<StoredNamespace['keys'], RegistryFailure>
  regenerateKey(
    id: ResourceId,
    keyName: 'key1' | 'key2',
    author: Author,
  ): Promise<Result<StoredNamespace['keys'], RegistryFailure>>
  /** A client by its authentication name, which the path of a resource does not hold. */
  findClient(namespaceName: string, authenticationName: string): Resource | undefined
  onChange(callback: ChangeListener): Stop
  /** Private notes of the deployment code, written in the same transaction (S67). */
  note(key: string): Uint8Array | undefined
  transactWithNote(
    changes: readonly Change[],
    author: Author,
    note: { readonly key: string; readonly value: Uint8Array },
  ): Promise<Result<readonly Changed[], RegistryFailure>>
  /** Resolves when nothing is being written or purged. */
  idle(): Promise<void>
  close(): void
}

const purgeRetryMs = 5_000

/** A plan that resources change under this often is told as it is. */
const rehearsals = 3

export async function openRegistry(parts: RegistryParts): Promise<Registry> {
  const report = await prepareStore(parts.store, parts.unicodeVersion ?? process.versions.unicode ?? 'unknown')
  const registry = new StoreRegistry(parts, report)
  await registry.inSlices(registry.view.loadTrust())
  return registry
}

class StoreRegistry implements Registry {
  readonly view: LiveView
  readonly report: OpenReport
  readonly #parts: RegistryParts
  readonly #store: RegistryStore
  readonly #writer: Writer
  readonly #lists: RevocationLists
  readonly #listeners = new Set<ChangeListener>()
  readonly #tellings: Tellings
  readonly #stop: Stop
  readonly #timers = new Set<Cancel>()
  #purging: Promise<void> = Promise.resolve()
  #changesSeen = 0
  #closed = false

  constructor(parts: RegistryParts, report: OpenReport) {
    this.#parts = parts
    this.#store = parts.store
    this.#writer = new Writer({ store: parts.store, clock: parts.clock, changesSeen: () => this.#changesSeen })
    this.#tellings = new Tellings(parts.clock, this.#listeners)
    this.report = report
    this.#lists = new RevocationLists(parts.store)
    this.view = new LiveView(parts.store, this.#lists)
    this.#stop = parts.store.watch((changes) => this.#onWrite(changes))
    for (const uid of unfinishedPurges(parts.store)) this.#purge(uid)
  }

  get(id: ResourceId): Result<Resource, RegistryFailure> {
    const namespace = addressedNamespace(this.#store, id)
    if (namespace === undefined) return err(id.child === null ? notFound(id) : this.#parentMissing(id))
    if (id.child === null) return ok(this.#namespaceResource(namespace))
    const stored = findChild(this.#store, namespace.uid, id.child.type, id.child.name)
    return stored === undefined ? err(notFound(id)) : ok(this.#childResource(stored, namespace))
  }

  list(collection: CollectionId | NamespaceCollection, options: ListOptions): Result<Page, RegistryFailure> {
    if ('type' in collection) return listChildren(this.#store, collection, options)
    return ok(listNamespaces(this.#store, collection, options, (namespace) => this.#namespaceResource(namespace)))
  }

  async put(id: ResourceId, body: unknown, author: Author, options: WriteOptions = {}) {
    return this.#single({ kind: 'put', id, body, ...options }, author)
  }

  async patch(id: ResourceId, body: unknown, author: Author, options: WriteOptions = {}) {
    return this.#single({ kind: 'patch', id, body, ...options }, author)
  }

  async delete(id: ResourceId, author: Author, options: WriteOptions = {}) {
    const { condition } = options
    return this.#single({ kind: 'delete', id, ...(condition === undefined ? {} : { condition }) }, author)
  }

  async #single(change: Change, author: Author): Promise<Result<Changed, RegistryFailure>> {
    const done = await this.#transact([change], author, null)
    return done.ok ? ok(done.value[0]!) : done
  }

  async transact(changes: readonly Change[], author: Author): Promise<Result<readonly Changed[], RegistryFailure>> {
    return this.#transact(changes, author, null)
  }

  async transactWithNote(
    changes: readonly Change[],
    author: Author,
    note: { readonly key: string; readonly value: Uint8Array },
  ): Promise<Result<readonly Changed[], RegistryFailure>> {
    return this.#transact(changes, author, note)
  }

  async #transact(
    changes: readonly Change[],
    author: Author,
    note: { readonly key: string; readonly value: Uint8Array } | null,
  ): Promise<Result<readonly Changed[], RegistryFailure>> {
    const lists = this.#lists.beginWrite()
    const environment = this.#environment(author, lists)
    let outcome: WriteOutcome<Result<readonly Changed[], RegistryFailure>>
    try {
      outcome = await this.#writer.run(function* (stage) {
        const value = yield* applyAll(stage, changes, environment)
        if (note !== null && value.ok) stage.put(note.key, note.value)
        return { keep: value.ok, value }
      })
    } finally {
      lists.end()
    }
    const result = settled(outcome)
    if (!result.ok) return result
    await this.#tellings.done()
    this.#afterWrite(result.value)
    return ok(await this.inSlices(withEtags(result.value, outcome)))
  }

  async rehearse(changes: readonly Change[], author: Author): Promise<Result<readonly Changed[], RegistryFailure>> {
    const environment = this.#environment(author)
    for (let attempt = 1; ; attempt++) {
      const seen = this.#changesSeen
      const done = await this.inSlices(applyAll(new Stage(this.#store), changes, environment))
      if (this.#changesSeen === seen || attempt === rehearsals) return done
    }
  }

  inSlices<Value>(steps: Steps<Value>): Promise<Value> {
    return inSlices(this.#parts.clock, steps)
  }

  listContent(id: ResourceId): Result<Uint8Array, RegistryFailure> {
    const namespace = addressedNamespace(this.#store, id)
    const type = 'sealgateRevocationLists'
    const stored =
      namespace === undefined || id.child?.type !== type
        ? undefined
        : findChild(this.#store, namespace.uid, type, id.child.name)
    return stored === undefined ? err(notFound(id)) : ok(finish(this.#lists.octets(stored)))
  }

  listKeys(id: ResourceId): Result<StoredNamespace['keys'], RegistryFailure> {
    const namespace = addressedNamespace(this.#store, id)
    return namespace === undefined ? err(notFound(id)) : ok(namespace.keys)
  }

  async regenerateKey(id: ResourceId, keyName: 'key1' | 'key2', author: Author) {
    const environment = this.#environment(author)
    const outcome = await this.#writer.run<Result<StoredNamespace['keys'], RegistryFailure>>(function* (stage) {
      yield
      const namespace = addressedNamespace(stage, id)
      if (namespace === undefined) return { keep: false, value: err(notFound(id)) }
      return { keep: true, value: ok(regenerateKey(stage, namespace, keyName, environment)) }
    })
    return settled(outcome)
  }

  findClient(namespaceName: string, authenticationName: string): Resource | undefined {
    const view = this.view.namespaceByName(namespaceName)
    const client = view?.clientByAuthenticationName(authenticationName)
    if (view === undefined || client === undefined) return undefined
    const namespace = readStored(this.#store, namespaceKey(view.id)) as StoredNamespace | undefined
    const stored = namespace && findChild(this.#store, namespace.uid, 'clients', client.name)
    return stored && this.#childResource(stored, namespace)
  }

  onChange(callback: ChangeListener): Stop {
    this.#listeners.add(callback)
    return () => this.#listeners.delete(callback)
  }

  note(key: string): Uint8Array | undefined {
    return this.#store.get(key)?.value
  }

  async idle(): Promise<void> {
    await this.#writer.idle()
    await this.#tellings.done()
    await this.#purging
  }

  close(): void {
    this.#closed = true
    for (const cancel of this.#timers) cancel()
    this.#stop()
    this.#listeners.clear()
  }

  /** @param lists where what is read is of no further use: nowhere */
  #environment(author: Author, lists: ChangeEnvironment['lists'] = forgetful): ChangeEnvironment {
    return {
      random: this.#parts.random,
      author,
      hostname: (name) => this.#hostname(name),
      defaultProfile: this.#parts.defaultProfile ?? 'full',
      publicRoots: this.#parts.publicRoots ?? new Set(),
      lists,
    }
  }

  #hostname(name: string): string | null {
    const domain = this.#parts.domain ?? null
    return domain === null ? null : `${name.toLowerCase()}.${domain}`
  }

  #namespaceResource(stored: StoredNamespace): Resource {
    const revision = this.#store.get(namespaceKey(stored.uid))?.revision
    return namespaceResource(stored, revision === undefined ? '' : etagOf(revision), (name) => this.#hostname(name))
  }

  #childResource(stored: StoredChild, namespace: StoredNamespace): Resource {
    const revision = this.#store.get(keyOf(stored))?.revision
    return childResource(stored, namespace, revision === undefined ? '' : etagOf(revision))
  }

  #parentMissing(id: ResourceId): RegistryFailure {
    const parent = parentOf(this.#store, id)
    return parent.ok ? notFound(id) : parent.error
  }

  #afterWrite(changes: readonly Changed[]): void {
    for (const { change, id, before } of changes) {
      if (change === 'deleted' && id.child === null && before !== null) this.#purge(before.uid)
    }
  }

  /** One after the other. What the store cannot write now is tried again; what is left at the end goes on at the next start. */
  #purge(namespaceUid: string): void {
    this.#purging = this.#purging
      .then(() => purgeNamespace(this.#store, namespaceUid))
      .catch(() => {
        if (this.#closed) return
        const cancel = this.#parts.clock.setTimer(purgeRetryMs, () => {
          this.#timers.delete(cancel)
          this.#purge(namespaceUid)
        })
        this.#timers.add(cancel)
      })
  }

  #onWrite(changes: readonly RegistryChange[]): void {
    const told: ToldChange[] = []
    for (const { key, value, revision } of changes) {
      const facts = factsOfKey(key)
      if (facts.kind === 'namespace') {
        const name = this.view.namespaceById(facts.uid as NamespaceId)?.name ?? ''
        told.push(new ToldChange('namespaces', facts.uid as NamespaceId, facts.uid, value, key, name))
      } else if (facts.kind === 'child') {
        const namespace = facts.namespaceUid as NamespaceId
        // What is purged left with its namespace.
        if (value === null && this.view.namespaceById(namespace) === undefined) continue
        told.push(new ToldChange(facts.type, namespace, facts.uid, value, key))
      }
      this.view.apply(facts, value, revision)
    }
    this.#changesSeen += told.length
    this.#tellings.tell(told)
  }
}

const forgetful: ChangeEnvironment['lists'] = { remember: () => {} }

function settled<Value>(outcome: WriteOutcome<Result<Value, RegistryFailure>>): Result<Value, RegistryFailure> {
  switch (outcome.kind) {
    case 'done':
      return outcome.value
    case 'conflict':
      return err({ kind: 'conflict', message: 'Others changed the same resources at the same time. Try again.' })
    case 'unavailable':
      return err({ kind: 'unavailable', message: `Nothing can be written now: ${outcome.error.message}.` })
  }
}
