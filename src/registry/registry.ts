import { err, ok, type Result } from '../base/result.ts'
import { finish, inSlices, type Steps } from '../base/steps.ts'
import type { Cancel, Clock } from '../ports/clock.ts'
import type { NamespaceId, RegistryChange, RegistryStore, Stop } from '../ports/engine.ts'
import type { Random } from '../ports/random.ts'
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
import { deleteChild, putChild, standInChild } from './change-child.ts'
import { deleteNamespace, putNamespace, regenerateKey, standIn } from './change-namespace.ts'
import { invalid, type Problem, problemsOf, type RegistryFailure } from './failure.ts'
import { type OpenReport, prepareStore } from './format.ts'
import { LiveView } from './live-view.ts'
import type { ProfileName } from './profile.ts'
import { purgeNamespace, unfinishedPurges } from './purge.ts'
import { childResource, etagOf, namespaceResource, type Resource } from './resource.ts'
import { type ChangeListener, Tellings, ToldChange } from './resource-change.ts'
import type { CollectionId, ResourceId } from './resource-id.ts'
import { RevocationLists } from './revocation-lists.ts'
import { findChild, readStored, recordsBelow, Stage } from './stage.ts'
import {
  childPrefix,
  decodeStored,
  factsOfKey,
  keyOf,
  namespaceKey,
  namespacePrefix,
  type StoredChild,
  type StoredNamespace,
} from './stored.ts'
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

export interface ListOptions {
  /** `next` of the page before. */
  readonly after?: string | null
  /** Resources of a page. */
  readonly limit: number
  readonly where?: (name: string) => boolean
}

export interface Page {
  readonly resources: readonly Resource[]
  /** Null: this is the last page. Stays valid. May be given though the rest of the list holds nothing more. */
  readonly next: string | null
}

/** All namespaces of a subscription, or of one of its resource groups. */
export interface NamespaceCollection {
  readonly subscriptionId: string
  readonly resourceGroup: string | null
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

/** At most this many records are looked at for one page of a filtered list: some milliseconds of the event loop. */
const scanLimit = 1_000

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
    if (!('type' in collection)) return ok(this.#listNamespaces(collection, options))
    const parent = parentOf(this.#store, { ...collection, child: null })
    if (!parent.ok) return parent
    const { after, limit, where } = options
    const prefix = childPrefix(collection.type, parent.value.uid)
    // `!` lies between the space that ends a name in a key and every character of a name.
    let start = after === null || after === undefined ? null : `${prefix}${after}!`
    const resources: Resource[] = []
    for (let scanned = 0; scanned < scanLimit; ) {
      const records = this.#store.range(prefix, start, Math.min(512, limit + 1))
      for (const { key, value, revision } of records) {
        scanned++
        const name = nameOfKey(key)
        if (resources.length === limit) return ok({ resources, next: lastName(start!) })
        start = key
        if (where !== undefined && !where(name)) continue
        resources.push(childResource(decodeStored(value) as StoredChild, parent.value, etagOf(revision)))
      }
      if (records.length < Math.min(512, limit + 1)) return ok({ resources, next: null })
    }
    return ok({ resources, next: lastName(start!) })
  }

  #listNamespaces({ subscriptionId, resourceGroup }: NamespaceCollection, { after, limit, where }: ListOptions): Page {
    const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
    const all = [...recordsBelow(this.#store, namespacePrefix)]
      .map(({ value }) => decodeStored(value) as StoredNamespace)
      .filter((namespace) => same(namespace.subscriptionId, subscriptionId))
      .filter((namespace) => resourceGroup === null || same(namespace.resourceGroup, resourceGroup))
      .filter(({ name }) => where?.(name) ?? true)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .filter(({ name }) => after === null || after === undefined || name > after)
    const page = all.slice(0, limit)
    const next = all.length > limit ? page.at(-1)!.name : null
    return { resources: page.map((namespace) => this.#namespaceResource(namespace)), next }
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
    const environment = this.#environment(author)
    const outcome = await this.#writer.run(function* (stage) {
      const value = yield* applyAll(stage, changes, environment)
      if (note !== null && value.ok) stage.put(note.key, note.value)
      return { keep: value.ok, value }
    })
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

  #environment(author: Author): ChangeEnvironment {
    return {
      random: this.#parts.random,
      author,
      hostname: (name) => this.#hostname(name),
      defaultProfile: this.#parts.defaultProfile ?? 'full',
      publicRoots: this.#parts.publicRoots ?? new Set(),
      lists: this.#lists,
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
    for (const { key, value } of changes) {
      const facts = factsOfKey(key)
      if (facts.kind === 'namespace') {
        const name = this.view.namespaceById(facts.uid as NamespaceId)?.name ?? ''
        told.push(new ToldChange('namespaces', facts.uid as NamespaceId, facts.uid, value, name))
      } else if (facts.kind === 'child') {
        const namespace = facts.namespaceUid as NamespaceId
        // What is purged left with its namespace.
        if (value === null && this.view.namespaceById(namespace) === undefined) continue
        told.push(new ToldChange(facts.type, namespace, facts.uid, value, nameOfKey(key)))
      }
    }
    this.#changesSeen += told.length
    this.view.apply(changes)
    this.#tellings.tell(told)
  }
}

function nameOfKey(key: string): string {
  return key.split(' ')[2] ?? ''
}

/** Name part of a key, or of a start that was made from one. */
function lastName(start: string): string {
  return nameOfKey(start).replace('!', '')
}

function* applyChange(
  stage: Stage,
  change: Change,
  environment: ChangeEnvironment,
): Steps<Result<Changed, RegistryFailure>> {
  const { id } = change
  if (id.child === null) {
    return change.kind === 'delete'
      ? deleteNamespace(stage, change, environment)
      : putNamespace(stage, change, environment)
  }
  const childId = { ...id, child: id.child }
  return change.kind === 'delete'
    ? yield* deleteChild(stage, change, childId)
    : yield* putChild(stage, change, childId, environment)
}

function standInFor(stage: Stage, change: Exclude<Change, { kind: 'delete' }>, environment: ChangeEnvironment): void {
  const { id } = change
  if (id.child === null) standIn(stage, change, environment)
  else standInChild(stage, { ...id, child: id.child }, environment)
}

/** Goes on after a failure, so that every problem of the document is told at once. */
function* applyAll(
  stage: Stage,
  changes: readonly Change[],
  environment: ChangeEnvironment,
): Steps<Result<readonly Changed[], RegistryFailure>> {
  const done: Changed[] = []
  const problems: Problem[] = []
  for (const change of changes) {
    const result = yield* applyChange(stage, change, environment)
    if (result.ok) done.push(result.value)
    else if (changes.length === 1 && change.label === undefined) return result
    // The document may be right: it was written for another state of things.
    else if (result.error.kind === 'etagMismatch') return result
    else {
      problems.push(...problemsOf(result.error, change.label ?? ''))
      if (change.kind !== 'delete') standInFor(stage, change, environment)
    }
    yield
  }
  return problems.length > 0 ? err(invalid(problems)) : ok(done)
}

/** What was staged has no revision until it is written. */
function* withEtags(done: readonly Changed[], outcome: WriteOutcome<unknown>): Steps<readonly Changed[]> {
  const revision = outcome.kind === 'done' ? outcome.revision : null
  if (revision === null) return done
  const etag = etagOf(revision)
  const written: Changed[] = []
  for (const changed of done) {
    const isNew = changed.resource !== null && changed.resource.etag === ''
    written.push(isNew ? { ...changed, resource: changed.resource.withEtag(etag) } : changed)
    yield
  }
  return written
}

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
