import { hash } from 'node:crypto'
import { toHex } from '../base/bytes.ts'
import { fold } from '../base/fold.ts'
import { canonicalKeyOfText } from '../x509/distinguished-name.ts'
import { parseIpAddress } from '../x509/ip-address.ts'
import type { RegistryFailure } from './failure.ts'
import type { RecordReader, Stage } from './stage.ts'
import { countsKey, Index, keyOf, type StoredClient } from './stored.ts'
import { bytesOfText, textOfBytes } from './text-bytes.ts'

/**
 * The unique entries of a client. The authentication name is one name under three readings: its folded text (S1), as a
 * distinguished name and as an IP address (S4). All three are unique whatever the validation scheme is, because the
 * scheme can change and the name cannot, and because one certificate must never fit two clients.
 */

/** Longer texts are no authentication name, and are not worth a parser's work. */
const maximumNameLength = 512

export interface NameEntries {
  readonly folded: string
  /** Null: the text is no distinguished name. */
  readonly subjectKey: string | null
  /** Null: the text is no IP address. */
  readonly ipAddress: string | null
}

function nameEntries(authenticationName: string): NameEntries {
  const folded = fold(authenticationName)
  if (authenticationName.length > maximumNameLength) return { folded, subjectKey: null, ipAddress: null }
  const canonical = authenticationName.includes('=') ? canonicalKeyOfText(authenticationName) : null
  const octets = parseIpAddress(authenticationName)
  return { folded, subjectKey: canonical, ipAddress: octets === null ? null : toHex(octets) }
}

function entry(namespaceUid: string, value: string): string {
  return `${namespaceUid} ${value}`
}

/** A canonical key can be longer than a store's keys may be, and is only compared for equality. */
function digestOf(subjectKey: string): string {
  return hash('sha256', subjectKey, 'hex')
}

export function keyByName(reader: RecordReader, namespaceUid: string, authenticationName: string): string | undefined {
  if (authenticationName.length > maximumNameLength) return undefined
  const direct = reader.lookup(Index.AuthenticationName, entry(namespaceUid, fold(authenticationName)))
  if (direct !== undefined) return direct
  const { subjectKey, ipAddress } = nameEntries(authenticationName)
  if (subjectKey !== null) return keyBySubjectKey(reader, namespaceUid, subjectKey)
  return ipAddress === null ? undefined : keyByIpAddress(reader, namespaceUid, ipAddress)
}

export function keyBySubjectKey(reader: RecordReader, namespaceUid: string, subjectKey: string): string | undefined {
  return reader.lookup(Index.SubjectKey, entry(namespaceUid, digestOf(subjectKey)))
}

/** @param ipAddress hexadecimal octets, lower case */
export function keyByIpAddress(reader: RecordReader, namespaceUid: string, ipAddress: string): string | undefined {
  return reader.lookup(Index.IpAddress, entry(namespaceUid, ipAddress))
}

export function identityTaken(
  reader: RecordReader,
  namespaceUid: string,
  authenticationName: string,
): RegistryFailure | null {
  const key = keyByName(reader, namespaceUid, authenticationName)
  if (key === undefined) return null
  const holder = key.split(' ')[2]
  const message = `The client "${holder}" has this authentication name already: names differ in more than case, and distinguished names and IP addresses in more than spelling.`
  return { kind: 'nameTaken', target: 'properties.authenticationName', message }
}

export function claimClient(stage: Stage, client: StoredClient): void {
  const key = keyOf(client)
  for (const [index, value] of entriesOf(client)) stage.claim(index, value, key)
  setCount(stage, client.namespaceUid, countClients(stage, client.namespaceUid) + 1)
}

export function releaseClient(stage: Stage, client: StoredClient): void {
  const key = keyOf(client)
  for (const [index, value] of entriesOf(client)) if (stage.lookup(index, value) === key) stage.release(index, value)
  setCount(stage, client.namespaceUid, countClients(stage, client.namespaceUid) - 1)
}

export function entriesOf(client: StoredClient): readonly (readonly [index: string, value: string])[] {
  const { folded, subjectKey, ipAddress } = nameEntries(client.properties.authenticationName)
  const { namespaceUid, uid } = client
  const entries: (readonly [string, string])[] = [
    [Index.ClientUid, uid],
    [Index.AuthenticationName, entry(namespaceUid, folded)],
  ]
  if (subjectKey !== null) entries.push([Index.SubjectKey, entry(namespaceUid, digestOf(subjectKey))])
  if (ipAddress !== null) entries.push([Index.IpAddress, entry(namespaceUid, ipAddress)])
  return entries
}

export function countClients(reader: RecordReader, namespaceUid: string): number {
  const record = reader.get(countsKey(namespaceUid))
  if (record === undefined) return 0
  return (JSON.parse(textOfBytes(record.value)) as { clients: number }).clients
}

function setCount(stage: Stage, namespaceUid: string, clients: number): void {
  stage.put(countsKey(namespaceUid), bytesOfText(JSON.stringify({ clients })))
}
