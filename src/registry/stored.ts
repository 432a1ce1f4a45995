import { assert } from '../base/assert.ts'
import type { ChildType } from './resource-id.ts'
import { bytesOfText, textOfBytes } from './text-bytes.ts'
import type { CaCertificateProperties, CaCertificateSettings } from './types/ca-certificate.ts'
import type { ClientProperties, ClientSettings } from './types/client.ts'
import type { ClientGroupProperties } from './types/client-group.ts'
import type { DenyEntryProperties } from './types/deny-entry.ts'
import type { NamespaceProperties, NamespaceSettings, Sku } from './types/namespace.ts'
import type { PermissionBindingProperties } from './types/permission-binding.ts'
import type { RevocationListProperties } from './types/revocation-list.ts'
import type { TopicSpaceProperties } from './types/topic-space.ts'

/**
 * Records as they lie in the store: JSON with a format number, under keys whose parts are fixed words, random uids and
 * names that hold no space. A child's key is `<word> <namespace uid> <name> <uid>`, so that a range is in order of names
 * and a removed record still tells its uid.
 */

export type ActorType = 'User' | 'Application' | 'ManagedIdentity' | 'Key'

export interface SystemData {
  readonly createdAt: number
  readonly createdBy: string
  readonly createdByType: ActorType
  readonly lastModifiedAt: number
  readonly lastModifiedBy: string
  readonly lastModifiedByType: ActorType
}

interface Head {
  readonly format: 1
  readonly uid: string
  readonly name: string
  /** 1 when created; rises by one with each change. */
  readonly generation: number
  readonly systemData: SystemData
}

export interface StoredNamespace extends Head {
  readonly type: 'namespaces'
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
  readonly sku: Sku
  readonly identity: Readonly<Record<string, unknown>> | null
  readonly properties: NamespaceProperties
  readonly settings: NamespaceSettings
  /** Access keys of the HTTP plane; never part of a document. */
  readonly keys: { readonly key1: string; readonly key2: string }
}

interface Child<Type extends ChildType, Properties, Settings = Record<never, never>> extends Head {
  readonly type: Type
  readonly namespaceUid: string
  readonly properties: Properties
  readonly settings: Settings
}

export type StoredCaCertificate = Child<'caCertificates', CaCertificateProperties, CaCertificateSettings>
export type StoredClient = Child<'clients', ClientProperties, ClientSettings>
export type StoredClientGroup = Child<'clientGroups', ClientGroupProperties>
export type StoredTopicSpace = Child<'topicSpaces', TopicSpaceProperties>
export type StoredPermissionBinding = Child<'permissionBindings', PermissionBindingProperties>
export type StoredDenyEntry = Child<'sealgateDenyEntries', DenyEntryProperties>
export type StoredRevocationList = Child<'sealgateRevocationLists', RevocationListProperties>
export type StoredChild =
  | StoredCaCertificate
  | StoredClient
  | StoredClientGroup
  | StoredTopicSpace
  | StoredPermissionBinding
  | StoredDenyEntry
  | StoredRevocationList
export type Stored = StoredNamespace | StoredChild
export type StoredOf<Type extends ChildType> = Extract<StoredChild, { readonly type: Type }>

/** Unique indexes. Values begin with the namespace's uid where uniqueness is per namespace. */
export const Index = {
  /** Lower-case name -> namespace uid. */
  NamespaceName: 'namespaceName',
  /** Lower-case host of a custom domain -> namespace uid. */
  Host: 'host',
  /** Type, namespace and name -> key. Client names keep their case. */
  ChildName: 'childName',
  /** Client uid -> key. */
  ClientUid: 'clientUid',
  /** Folded authentication name -> key (S1). */
  AuthenticationName: 'authenticationName',
  /** Canonical key of an authentication name that is a distinguished name -> key (S4). */
  SubjectKey: 'subjectKey',
  /** Octets of an authentication name that is an IP address, hexadecimal -> key (S4). */
  IpAddress: 'ipAddress',
} as const

const words: Readonly<Record<ChildType, string>> = {
  caCertificates: 'ca',
  clients: 'client',
  clientGroups: 'group',
  topicSpaces: 'space',
  permissionBindings: 'binding',
  sealgateDenyEntries: 'deny',
  sealgateRevocationLists: 'crl',
}
const typesByWord = new Map(Object.entries(words).map(([type, word]) => [word, type as ChildType]))

export const namespacePrefix = 'namespace '

export function namespaceKey(uid: string): string {
  return namespacePrefix + uid
}

export function childPrefix(type: ChildType, namespaceUid: string): string {
  return `${words[type]} ${namespaceUid} `
}

function childKey(type: ChildType, namespaceUid: string, name: string, uid: string): string {
  return `${childPrefix(type, namespaceUid)}${nameKey(type, name)} ${uid}`
}

/** Client names are case-sensitive; other names ignore case, as resource names in Azure do. */
export function nameKey(type: ChildType, name: string): string {
  return type === 'clients' ? name : name.toLowerCase()
}

export function childNameEntry(type: ChildType, namespaceUid: string, name: string): string {
  return `${words[type]} ${namespaceUid} ${nameKey(type, name)}`
}

/** Revisions of these records are the revisions of what they stand for; they are written with each such change. */
export type Mark = 'rights' | 'trust'

export function markKey(mark: Mark, namespaceUid: string): string {
  return `${mark} ${namespaceUid}`
}

export function countsKey(namespaceUid: string): string {
  return `counts ${namespaceUid}`
}

/** Octets of revocation lists, in pieces: `<prefix><list uid> <digest> <number>`. Written and removed with their record. */
export function listPiecePrefix(namespaceUid: string): string {
  return `crlPiece ${namespaceUid} `
}

export const purgePrefix = 'purge '

export function purgeKey(namespaceUid: string): string {
  return purgePrefix + namespaceUid
}

export const formatKey = 'format'

/** Of a child's record. */
export function nameOfKey(key: string): string {
  const second = key.indexOf(' ', key.indexOf(' ') + 1)
  const third = key.indexOf(' ', second + 1)
  return second < 0 ? '' : key.slice(second + 1, third < 0 ? undefined : third)
}

/** What changed, told by a key alone. */
export type KeyFacts =
  | { readonly kind: 'namespace'; readonly uid: string }
  | { readonly kind: 'child'; readonly type: ChildType; readonly namespaceUid: string; readonly uid: string }
  | { readonly kind: 'mark'; readonly mark: Mark; readonly namespaceUid: string }
  | { readonly kind: 'other' }

export function factsOfKey(key: string): KeyFacts {
  const first = key.indexOf(' ')
  const word = first < 0 ? key : key.slice(0, first)
  const second = key.indexOf(' ', first + 1)
  const namespaceUid = first < 0 ? '' : key.slice(first + 1, second < 0 ? undefined : second)
  if (word === 'namespace') return { kind: 'namespace', uid: namespaceUid }
  if (word === 'rights' || word === 'trust') return { kind: 'mark', mark: word, namespaceUid }
  const type = typesByWord.get(word)
  const last = key.lastIndexOf(' ')
  // `<word> <namespace uid> <name> <uid>`
  if (type === undefined || second < 0 || last <= second + 1) return { kind: 'other' }
  return { kind: 'child', type, namespaceUid, uid: key.slice(last + 1) }
}

export function keyOf(stored: Stored): string {
  if (stored.type === 'namespaces') return namespaceKey(stored.uid)
  return childKey(stored.type, stored.namespaceUid, stored.name, stored.uid)
}

export function encodeStored(stored: Stored): Uint8Array {
  return bytesOfText(JSON.stringify(stored))
}

const generationMember = Buffer.from('"generation":')
/** Members before it are few and short: `encodeStored` writes them in the order of `Head`. */
const generationWithin = 512

/** 1: the record was just created. Reads no more of it than that. */
export function generationOf(value: Uint8Array): number {
  const head = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, generationWithin))
  const at = head.indexOf(generationMember)
  if (at < 0) return decodeStored(value).generation
  return Number.parseInt(head.toString('latin1', at + generationMember.length, at + generationMember.length + 16), 10)
}

export function decodeStored(value: Uint8Array): Stored {
  const stored = JSON.parse(textOfBytes(value)) as Stored
  assert(stored.format === 1, `registry record of format ${stored.format}`)
  return stored
}
