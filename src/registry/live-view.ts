import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { fold } from '../base/fold.ts'
import type { Steps } from '../base/steps.ts'
import type { NamespaceId, Revision } from '../ports/identity.ts'
import type { RegistryStore } from '../ports/registry-store.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { DenyList } from '../x509/deny-list.ts'
import { readPem } from '../x509/pem.ts'
import { Revocation } from '../x509/revocation.ts'
import { type AttributeQuery, parseAttributeQuery } from './attribute-query.ts'
import type { AttributeValue } from './attributes.ts'
import { keyByIpAddress, keyByName, keyBySubjectKey } from './client-index.ts'
import { GenerationCache } from './generation-cache.ts'
import { formatResourceId, namespaceId } from './resource-id.ts'
import type { RevocationLists } from './revocation-lists.ts'
import { allChildren, recordsBelow } from './stage.ts'
import {
  childNameEntry,
  childPrefix,
  decodeStored,
  factsOfKey,
  Index,
  type KeyFacts,
  type Mark,
  markKey,
  namespacePrefix,
  type StoredClient,
  type StoredDenyEntry,
  type StoredNamespace,
  type StoredRevocationList,
} from './stored.ts'
import { parseTopicTemplate, type TopicTemplate } from './topic-template.ts'
import { denyKeysOfEntry } from './types/deny-entry.ts'
import { limitsOfSettings } from './types/namespace-settings.ts'
import type {
  NamespaceView,
  PermissionBinding,
  RegisteredCaCertificate,
  RegisteredClient,
  RegistryView,
} from './view.ts'

/** Clients kept parsed: two generations of this many, about 1 KiB each. */
const cachedClients = 16_384

/** Longest session expiry of MQTT 5; as a maximum it is none. */
const neverExpires = 0xff_ff_ff_ff

/** The registry as decisions see it: namespaces in memory, clients read from the store when they are asked for. */
export class LiveView implements RegistryView {
  readonly #store: RegistryStore
  readonly #lists: RevocationLists
  readonly #byId = new Map<string, LiveNamespace>()
  readonly #byName = new Map<string, LiveNamespace>()
  #inOrder: readonly LiveNamespace[] = []

  constructor(store: RegistryStore, lists: RevocationLists) {
    this.#store = store
    this.#lists = lists
    for (const { value } of recordsBelow(store, namespacePrefix)) this.#add(decodeStored(value) as StoredNamespace)
  }

  /** At a start: reads what a decision must not have to wait for. */
  *loadTrust(): Steps<undefined> {
    yield* this.#lists.loadAll(this.#byId.keys())
    for (const namespace of this.#byId.values()) {
      void namespace.revocation
      yield
    }
  }

  namespaceByName(name: string): NamespaceView | undefined {
    return this.#byName.get(name.toLowerCase())
  }

  namespaceById(id: NamespaceId): NamespaceView | undefined {
    return this.#byId.get(id)
  }

  namespaces(): readonly NamespaceView[] {
    return this.#inOrder
  }

  /** Called with all changes of a write, in one turn, before it is answered: what was cached of the record is forgotten. */
  apply(facts: KeyFacts, value: Uint8Array | null, revision: Revision): void {
    if (facts.kind === 'namespace') {
      if (value === null) this.#remove(facts.uid)
      else this.#add(decodeStored(value) as StoredNamespace)
    } else if (facts.kind === 'child') {
      const namespace = this.#byId.get(facts.namespaceUid)
      if (facts.type === 'clients') namespace?.forgetClient(facts.uid)
      else if (facts.type === 'sealgateDenyEntries') {
        namespace?.deny(facts.uid, value === null ? null : (decodeStored(value) as StoredDenyEntry))
      } else if (facts.type === 'sealgateRevocationLists') {
        if (value === null) this.#lists.forget(facts.uid)
        else this.#lists.written(decodeStored(value) as StoredRevocationList)
        namespace?.forgetRights()
      } else namespace?.forgetRights()
    } else if (facts.kind === 'mark') this.#byId.get(facts.namespaceUid)?.moveRevision(facts.mark, revision)
  }

  #add(stored: StoredNamespace): void {
    const existing = this.#byId.get(stored.uid)
    if (existing !== undefined) {
      existing.replace(stored)
      return
    }
    const namespace = new LiveNamespace(this.#store, this.#lists, stored)
    this.#byId.set(stored.uid, namespace)
    this.#byName.set(stored.name.toLowerCase(), namespace)
    this.#inOrder = [...this.#byId.values()].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  #remove(uid: string): void {
    const namespace = this.#byId.get(uid)
    if (namespace === undefined) return
    this.#byId.delete(uid)
    const name = namespace.name.toLowerCase()
    if (this.#byName.get(name) === namespace) this.#byName.delete(name)
    this.#inOrder = this.#inOrder.filter((other) => other !== namespace)
  }
}

interface Rights {
  readonly clientGroups: readonly { readonly name: string; readonly query: AttributeQuery }[]
  readonly topicTemplates: ReadonlyMap<string, readonly TopicTemplate[]>
  readonly permissionBindings: readonly PermissionBinding[]
}

class LiveNamespace implements NamespaceView {
  readonly id: NamespaceId
  readonly #store: RegistryStore
  readonly #clients = new GenerationCache<string, RegisteredClient>(cachedClients)
  /** By names as they were asked for. A name never moves to another client while the one that has it is unchanged. */
  readonly #byName = new GenerationCache<string, RegisteredClient>(cachedClients)
  #stored: StoredNamespace
  #limits: NamespaceView['limits']
  readonly #lists: RevocationLists
  /** Null: not read yet. Kept while entries come and go: there may be many. */
  #denyList: DenyList | null = null
  #revocation: Revocation | null = null
  #rights: Rights | null = null
  #caCertificates: readonly RegisteredCaCertificate[] | null = null
  /**
   * As told, never read again: the store may show a write before we hear of it, and what is remembered of the facts before
   * must not bear the revision of those after.
   */
  readonly #revisions: Record<Mark, bigint>

  constructor(store: RegistryStore, lists: RevocationLists, stored: StoredNamespace) {
    this.#store = store
    this.#lists = lists
    this.#stored = stored
    this.id = stored.uid as NamespaceId
    this.#limits = limitsOfSettings(stored.settings, stored.sku.capacity)
    const revisionOf = (mark: Mark): bigint => store.get(markKey(mark, stored.uid))?.revision ?? 0n
    this.#revisions = { trust: revisionOf('trust'), rights: revisionOf('rights') }
  }

  replace(stored: StoredNamespace): void {
    this.#stored = stored
    this.#limits = limitsOfSettings(stored.settings, stored.sku.capacity)
    this.forgetRights()
  }

  forgetClient(uid: string): void {
    this.#clients.delete(uid)
  }

  /** @param entry null: it was removed */
  deny(uid: string, entry: StoredDenyEntry | null): void {
    this.forgetRights()
    if (this.#denyList === null) return
    if (entry === null) this.#denyList.delete(uid)
    else this.#denyList.set(uid, denyKeysOfEntry(entry.properties), entry.name)
  }

  moveRevision(mark: Mark, revision: bigint): void {
    this.#revisions[mark] = revision
    this.forgetRights()
  }

  /** Few and cheap to read again: groups, topic spaces, bindings and CA certificates. */
  forgetRights(): void {
    this.#rights = null
    this.#caCertificates = null
    this.#revocation = null
  }

  get createdAt(): number {
    return this.#stored.systemData.createdAt
  }

  get name(): string {
    return this.#stored.name
  }

  get resourceId(): string {
    return formatResourceId(namespaceId({ ...this.#stored, namespace: this.#stored.name }))
  }

  get mqttEnabled(): boolean {
    return this.#configuration.state === 'Enabled'
  }

  get alternativeAuthenticationNameSources(): NamespaceView['alternativeAuthenticationNameSources'] {
    return this.#configuration.clientAuthentication.alternativeAuthenticationNameSources
  }

  get maximumSessionExpirySeconds(): number {
    return Math.min(this.#configuration.maximumSessionExpiryInHours * 3600, neverExpires)
  }

  get maximumClientSessionsPerAuthenticationName(): number {
    return this.#configuration.maximumClientSessionsPerAuthenticationName
  }

  get limits(): NamespaceView['limits'] {
    return this.#limits
  }

  get hasCustomJwtAuthentication(): boolean {
    return this.#configuration.clientAuthentication.customJwtAuthentication !== undefined
  }

  get hasWebhookAuthentication(): boolean {
    return this.#configuration.clientAuthentication.webhookAuthentication !== undefined
  }

  get allowedOrigins(): readonly string[] {
    return this.#stored.settings.allowedOrigins
  }

  get #configuration() {
    return this.#stored.properties.topicSpacesConfiguration
  }

  get trustRevision(): bigint {
    return this.#revisions.trust
  }

  get rightsRevision(): bigint {
    return this.#revisions.rights
  }

  clientByAuthenticationName(name: string): RegisteredClient | undefined {
    const known = this.#byName.get(name)
    if (known !== undefined && this.#clients.get(known.uid) === known) return known
    const client = this.#clientByKey(keyByName(this.#store, this.id, name))
    if (client !== undefined) this.#byName.set(name, client)
    return client
  }

  clientBySubjectKey(key: string): RegisteredClient | undefined {
    return this.#clientByKey(keyBySubjectKey(this.#store, this.id, key))
  }

  clientByIpAddress(octets: Uint8Array): RegisteredClient | undefined {
    return this.#clientByKey(keyByIpAddress(this.#store, this.id, toHex(octets)))
  }

  clientByUid(uid: string): RegisteredClient | undefined {
    return this.#clients.get(uid) ?? this.#clientByKey(this.#store.lookup(Index.ClientUid, uid))
  }

  clientByResourceName(name: string): RegisteredClient | undefined {
    return this.#clientByKey(this.#store.lookup(Index.ChildName, childNameEntry('clients', this.id, name)))
  }

  #clientByKey(key: string | undefined): RegisteredClient | undefined {
    if (key === undefined) return undefined
    const facts = factsOfKey(key)
    if (facts.kind !== 'child' || facts.namespaceUid !== this.id) return undefined
    const cached = this.#clients.get(facts.uid)
    if (cached !== undefined) return cached
    const record = this.#store.get(key)
    if (record === undefined) return undefined
    const client = registeredClient(decodeStored(record.value) as StoredClient, record.revision)
    this.#clients.set(facts.uid, client)
    return client
  }

  caCertificates(): readonly RegisteredCaCertificate[] {
    this.#caCertificates ??= allChildren(this.#store, this.id, 'caCertificates').map(({ uid, name, properties }) => {
      const pem = readPem(properties.encodedCertificate)
      const certificate = pem.ok ? parseCertificate(pem.value.certificates[0]!) : null
      assert(certificate?.ok === true, `the stored CA certificate ${name} cannot be read`)
      return { uid, name, certificate: certificate.value }
    })
    return this.#caCertificates
  }

  get revocation(): Revocation {
    this.#denyList ??= readDenyList(this.#store, this.id)
    this.#revocation ??= new Revocation({
      denyList: this.#denyList,
      lists: this.#lists.inNamespace(this.id),
      refuseStale: this.#limits.staleRevocationLists === 'refuse',
    })
    return this.#revocation
  }

  clientGroups(): Rights['clientGroups'] {
    return this.#readRights().clientGroups
  }

  topicTemplates(topicSpaceName: string): readonly TopicTemplate[] {
    return this.#readRights().topicTemplates.get(topicSpaceName) ?? []
  }

  permissionBindings(): readonly PermissionBinding[] {
    return this.#readRights().permissionBindings
  }

  #readRights(): Rights {
    this.#rights ??= readRights(this.#store, this.id)
    return this.#rights
  }
}

/**
 * Texts were accepted once; a later version of us that reads them differently must not fail open, so what cannot be
 * parsed any more grants nothing.
 */
function readRights(store: RegistryStore, namespaceUid: string): Rights {
  const clientGroups = allChildren(store, namespaceUid, 'clientGroups').flatMap(({ name, properties }) => {
    const query = parseAttributeQuery(properties.query)
    return query.ok ? [{ name, query: query.value }] : []
  })
  const topicTemplates = new Map(
    allChildren(store, namespaceUid, 'topicSpaces').map(({ name, properties }) => [
      name,
      properties.topicTemplates.flatMap((text) => {
        const template = parseTopicTemplate(text)
        return template.ok ? [template.value] : []
      }),
    ]),
  )
  const permissionBindings = allChildren(store, namespaceUid, 'permissionBindings').map(({ name, properties }) => {
    const { clientGroupName, topicSpaceName, permission } = properties
    return { name, clientGroupName, topicSpaceName, permission }
  })
  return { clientGroups, topicTemplates, permissionBindings }
}

function readDenyList(store: RegistryStore, namespaceUid: string): DenyList {
  const denyList = new DenyList()
  for (const { value } of recordsBelow(store, childPrefix('sealgateDenyEntries', namespaceUid))) {
    const { uid, name, properties } = decodeStored(value) as StoredDenyEntry
    denyList.set(uid, denyKeysOfEntry(properties), name)
  }
  return denyList
}

function registeredClient(stored: StoredClient, revision: bigint): RegisteredClient {
  const { uid, name, properties, settings } = stored
  const attributes: Record<string, AttributeValue> = Object.create(null)
  for (const key of Object.keys(properties.attributes)) attributes[key] = properties.attributes[key]!
  return {
    uid,
    name,
    authenticationName: properties.authenticationName,
    foldedName: fold(properties.authenticationName),
    enabled: properties.state === 'Enabled',
    validationScheme: properties.validationScheme,
    allowedThumbprints: properties.allowedThumbprints,
    attributes,
    issuers: settings.issuers ?? null,
    revision,
  }
}
