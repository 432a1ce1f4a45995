import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { bytesEqual } from '../../base/bytes.ts'
import { finish } from '../../base/steps.ts'
import { formatUnixSeconds, toUnixSeconds, type UnixSeconds, unixSeconds } from '../../base/time.ts'
import type { Certificate } from '../../x509/certificate.ts'
import { readRevocationList } from '../../x509/crl.ts'
import { revokedEntriesOf } from '../../x509/crl-entries.ts'
import { decodeListInSteps } from '../../x509/crl-upload.ts'
import { integer, sequence, time } from '../../x509/der-writer.ts'
import { formatDistinguishedName } from '../../x509/distinguished-name.ts'
import { type CertificateAuthority, createRevocationList } from '../../x509/issue.ts'
import { toPem } from '../../x509/pem.ts'
import { formatSerialNumber } from '../../x509/revocation.ts'
import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { facts, type OutputForm, printResult } from '../print.ts'
import { shellWord } from '../shell-word.ts'
import type { Terminal } from '../terminal.ts'
import { readCertificates, writeNewFiles } from './files.ts'
import { readAuthority } from './make.ts'

export interface RevokeOptions {
  readonly ca: string
  readonly caKey?: string
  readonly list?: string
  readonly days?: string
  readonly output: OutputForm
}

const defaultDays = 7

/** Adds certificates to the list of their CA, which is made when there is none; without any it is only signed anew. */
export async function revoke(terminal: Terminal, files: readonly string[], options: RevokeOptions): Promise<void> {
  const days = Number(options.days ?? defaultDays)
  if (!Number.isInteger(days) || days < 1 || days > 3_650)
    throw wrongUsage(`--days ${options.days}: expected 1 to 3650`)
  const { authority } = await readAuthority(terminal, options.ca, options.caKey)
  const { keyUsage } = authority.certificate
  if (keyUsage?.has('cRLSign') === false) {
    throw new CommandFailure(`${options.ca}: its keyUsage has no cRLSign, so nobody takes a list of it`)
  }
  const file = options.list ?? `${options.ca.replace(/\.(?:pem|crt|cer)$/i, '')}.crl`
  const now = toUnixSeconds(terminal.now())
  const before = readList(terminal, file, authority, now)
  const added: Certificate[] = []
  for (const name of files) {
    const [certificate] = (await readCertificates(terminal, name)).certificates
    if (certificate === undefined) throw new CommandFailure(`${name}: no certificate in it`)
    if (!bytesEqual(certificate.issuer.der, authority.certificate.subject.der)) {
      const issuer = formatDistinguishedName(certificate.issuer)
      throw new CommandFailure(`${name}: issued by ${issuer}, which only that CA can revoke`)
    }
    if (before?.list.revokes(certificate.serialNumber) !== true) added.push(certificate)
  }
  const nextUpdate = unixSeconds(now + days * 86_400)
  const crlNumber = (before?.list.crlNumber ?? 0n) + 1n
  const entries = [
    ...(before === null ? [] : revokedEntriesOf(before.der)),
    ...added.map(({ serialNumber }) => sequence(integer(serialNumber), time(now))),
  ]
  const der = createRevocationList({ issuer: authority, thisUpdate: now, nextUpdate, crlNumber, revoked: [], entries })
  writeNewFiles(terminal, [{ path: file, content: toPem('X509 CRL', der), secret: false }], true)
  const shown = {
    file,
    issuer: formatDistinguishedName(authority.certificate.subject),
    crlNumber: formatSerialNumber(crlNumber),
    thisUpdate: formatUnixSeconds(now),
    nextUpdate: formatUnixSeconds(nextUpdate),
    revoked: entries.length,
    added: added.map(({ serialNumber }) => formatSerialNumber(serialNumber)),
  }
  await printResult(terminal, options.output, shown, () => [
    ...facts([
      ['list', file],
      ['issuer', shown.issuer],
      ['number', shown.crlNumber],
      ['next due', shown.nextUpdate],
      ['revoked', `${shown.revoked}${added.length === 0 ? '' : `, new: ${shown.added.join(' ')}`}`],
    ]),
    '',
    'Hand it to the broker:',
    `  sealgate namespace revocation-list create NAME --list ${shellWord(file)}`,
  ])
}

/** Null: there is none yet. A file that is another list is never overwritten. */
function readList(terminal: Terminal, file: string, authority: CertificateAuthority, now: UnixSeconds) {
  const path = resolve(terminal.workingDirectory, file)
  if (!existsSync(path)) return null
  const upload = finish(decodeListInSteps(readFileSync(path)))
  if (!upload.ok) throw new CommandFailure(`${file}: no revocation list; --list FILE names another`)
  const { der } = upload.value
  const read = readRevocationList({ der, authority: authority.certificate, now, skewSeconds: 300, inUse: null })
  if (!read.ok) throw new CommandFailure(`${file}: no list of this CA (${read.error.kind}); --list FILE names another`)
  return { der, list: read.value }
}
