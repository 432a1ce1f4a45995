import type { Steps } from '../base/steps.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { DenyList } from '../x509/deny-list.ts'
import { readPem } from '../x509/pem.ts'
import type { Change, ChangeEnvironment } from './change.ts'
import type { Warning } from './failure.ts'
import type { Fields } from './fields.ts'
import { registeredAuthorities } from './references.ts'
import { storedLists } from './revocation-lists.ts'
import { decodeSeen, type SeenCertificate, SeenIndex, seenIndexEntry } from './seen/seen-certificate.ts'
import { findChild, type RecordReader } from './stage.ts'
import type { ReadContext } from './types/context.ts'
import { type DenyEntryProperties, denyKeysOfEntry } from './types/deny-entry.ts'
import {
  parseStored,
  type RevocationListProperties,
  readRevocationListResource,
  sameAuthority,
} from './types/revocation-list.ts'

/** What deny entries and revocation lists have to do with the CA certificates of their namespace, and with each other. */

export function authorityNamed(reader: RecordReader, namespaceUid: string, name: string): Certificate | null {
  const stored = findChild(reader, namespaceUid, 'caCertificates', name)
  const pem = stored === undefined ? null : readPem(stored.properties.encodedCertificate)
  const parsed = pem?.ok === true ? parseCertificate(pem.value.certificates[0]!) : null
  return parsed?.ok === true ? parsed.value : null
}

/** A certificate that a client was accepted with, as far as it is remembered. */
export function certificateSeen(reader: RecordReader, namespaceUid: string, sha256: string): SeenCertificate | null {
  const key = reader.lookup(SeenIndex, seenIndexEntry(namespaceUid, sha256))
  const record = key === undefined ? undefined : reader.get(key)
  if (record === undefined) return null
  return decodeSeen(record.value).certificates.find((seen) => seen.sha256 === sha256.toUpperCase()) ?? null
}

/** Denying a CA denies everybody below it: no mistake perhaps, and nothing to find out from the refusals. */
export function warnOfDeniedAuthorities(
  reader: RecordReader,
  namespaceUid: string,
  entry: DenyEntryProperties,
  warnings: Warning[],
): void {
  const denyList = new DenyList()
  denyList.set('entry', denyKeysOfEntry(entry))
  const denied = registeredAuthorities(reader, namespaceUid).filter(
    ({ certificate }) => denyList.find(certificate) !== null,
  )
  if (denied.length === 0) return
  warnings.push({
    code: 'CaCertificateDenied',
    message: `The entry denies the registered CA certificate ${denied.map(({ name }) => name).join(', ')}: everything below it is refused.`,
  })
}

/** One list per CA: of two it could not be told which one is in force. */
export function* readRevocationList(
  reader: RecordReader,
  namespaceUid: string,
  properties: Fields,
  before: RevocationListProperties | null,
  context: ReadContext,
  change: Change,
  environment: ChangeEnvironment,
): Steps<{ properties: RevocationListProperties; settings: Record<never, never>; octets?: Uint8Array } | null> {
  const read = yield* readRevocationListResource(properties, before, context, {
    authorities: () => registeredAuthorities(reader, namespaceUid).map(({ certificate }) => certificate),
    content: change.kind === 'delete' ? null : (change.content ?? null),
  })
  if (read === null) return null
  const { authority, fresh } = read
  const other = storedLists(reader, namespaceUid).find((stored) => {
    const issuer = parseStored(stored.properties.encodedIssuerCertificate)
    return (
      stored.name.toLowerCase() !== context.name.toLowerCase() && issuer !== null && sameAuthority(issuer, authority)
    )
  })
  if (other !== undefined) {
    const message = `The revocation list ${other.name} is of the same CA. Replace that one: a CA has one list.`
    properties.fail('encodedRevocationList', 'Conflict', message)
    return null
  }
  if (fresh === null) return { properties: read.properties, settings: {} }
  environment.lists.remember(read.properties.sha256, fresh.list)
  warnOfRevokedAuthorities(reader, namespaceUid, read.authority, fresh.list, context)
  return { properties: read.properties, settings: {}, octets: fresh.der }
}

function warnOfRevokedAuthorities(
  reader: RecordReader,
  namespaceUid: string,
  authority: Certificate,
  list: { revokes(serialNumber: bigint): boolean; readonly nextUpdate: number | null },
  context: ReadContext,
): void {
  const revoked = registeredAuthorities(reader, namespaceUid).filter(
    ({ certificate }) =>
      Buffer.compare(certificate.issuer.der, authority.subject.der) === 0 && list.revokes(certificate.serialNumber),
  )
  if (revoked.length > 0) {
    const message = `The list revokes the registered CA certificate ${revoked.map(({ name }) => name).join(', ')}: everything below it is refused.`
    context.warnings.push({ code: 'CaCertificateRevoked', message })
  }
  if (list.nextUpdate !== null && list.nextUpdate < context.now) {
    const refuses = context.limits.staleRevocationLists === 'refuse'
    const message = refuses
      ? 'The list is stale already, and the namespace refuses what a stale list should vouch for (staleRevocationLists): everything of this CA is refused until a current list comes.'
      : 'The list is stale already. What it names is refused all the same.'
    context.warnings.push({ code: 'StaleRevocationList', message })
  }
}
