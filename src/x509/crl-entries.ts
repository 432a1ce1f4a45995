import { DerReader, Tag } from './der.ts'

/** The members of revokedCertificates as encoded, of a list that was read and verified (`crl.ts`). */
export function revokedEntriesOf(list: Uint8Array): readonly Uint8Array[] {
  const tbs = new DerReader(list).sequence('certificateList').sequence('tbsCertList')
  if (tbs.peek() === Tag.Integer) tbs.raw('version')
  for (const what of ['signature', 'issuer', 'thisUpdate']) tbs.raw(what)
  if (tbs.peek() === Tag.UtcTime || tbs.peek() === Tag.GeneralizedTime) tbs.raw('nextUpdate')
  if (tbs.peek() !== Tag.Sequence) return []
  const entries = tbs.sequence('revokedCertificates')
  const found: Uint8Array[] = []
  while (entries.more()) found.push(entries.raw('revokedCertificates'))
  return found
}
