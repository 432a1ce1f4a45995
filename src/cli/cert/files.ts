import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { bytesEqual } from '../../base/bytes.ts'
import { type Certificate, parseCertificate } from '../../x509/certificate.ts'
import { maximumPemLength, type PemFailure, readCertificateFile, toPem } from '../../x509/pem.ts'
import { CommandFailure, reasonOf } from '../command-failure.ts'
import type { Terminal } from '../terminal.ts'

/** A file as named on the command line; `-` is the standard input. */
export async function readFileOrInput(terminal: Terminal, file: string): Promise<Uint8Array> {
  if (file === '-') return Buffer.from(await terminal.readInput(), 'utf8')
  try {
    return readFileSync(resolve(terminal.workingDirectory, file))
  } catch (error) {
    throw new CommandFailure(`${file}: ${reasonOf(error)}`, 1, error)
  }
}

export interface CertificateFile {
  readonly certificates: readonly Certificate[]
  /** A private key stands beside the certificates. It was passed over unread. */
  readonly holdsPrivateKey: boolean
}

/**
 * The certificates of a file as PEM, for the server to judge: not looked into here, as it is the server's reading that
 * counts. Nothing but CERTIFICATE blocks leaves this function (S21).
 */
export async function readCertificateText(terminal: Terminal, file: string): Promise<string> {
  const octets = await readFileOrInput(terminal, file)
  const blocks = certificateBlocks(Buffer.from(octets).toString('latin1'))
  const contents = readCertificateFile(blocks === null ? octets : Buffer.from(blocks, 'latin1'))
  if (!contents.ok) throw new CommandFailure(`${file}: ${pemSentence(contents.error)}`)
  return contents.value.certificates.map((der) => toPem('CERTIFICATE', der)).join('')
}

/** Every certificate of a PEM or DER file, in order; at least one. Of PEM only the CERTIFICATE blocks are looked at (S21). */
export async function readCertificates(terminal: Terminal, file: string): Promise<CertificateFile> {
  const octets = await readFileOrInput(terminal, file)
  if (octets.length > maximumPemLength) {
    throw new CommandFailure(`${file}: larger than ${maximumPemLength} bytes, so no certificate file`)
  }
  const text = Buffer.from(octets).toString('latin1')
  const blocks = certificateBlocks(text)
  const contents = readCertificateFile(blocks === null ? octets : Buffer.from(blocks, 'latin1'))
  if (!contents.ok) throw new CommandFailure(`${file}: ${pemSentence(contents.error)}`)
  const certificates = contents.value.certificates.map((der, index) => {
    const parsed = parseCertificate(der)
    if (parsed.ok) return parsed.value
    const which = contents.value.certificates.length === 1 ? 'the certificate' : `certificate ${index + 1}`
    throw new CommandFailure(`${file}: ${which} is not well-formed X.509: ${parsed.error.reason}`)
  })
  return { certificates, holdsPrivateKey: blocks !== null && /PRIVATE KEY/.test(text) }
}

/** The CERTIFICATE blocks of a text that has other blocks too; null: take the file as it is. */
function certificateBlocks(text: string): string | null {
  const blocks: string[] = []
  const begin = '-----BEGIN CERTIFICATE-----'
  const end = '-----END CERTIFICATE-----'
  let at = text.indexOf(begin)
  while (at >= 0) {
    const stop = text.indexOf(end, at)
    if (stop < 0) return null
    blocks.push(text.slice(at, stop + end.length))
    at = text.indexOf(begin, stop)
  }
  return blocks.length === 0 ? null : blocks.join('\n')
}

/** What is wrong with the content of a file, to stand behind its name. */
export function pemSentence(failure: PemFailure): string {
  switch (failure.kind) {
    case 'privateKey':
      return 'holds a private key and no certificate; it was not read. Name the certificate file'
    case 'tooLarge':
      return `larger than ${failure.maximumOctets} bytes, so no certificate file`
    case 'empty':
      return 'is empty'
    case 'notPem':
      return 'is neither PEM nor DER of a certificate'
    case 'unterminated':
      return 'the PEM text is cut off: its -----END line is missing'
    case 'badBase64':
      return 'the PEM text holds characters that are not base64'
    case 'noCertificate':
      return `holds ${failure.labels.slice(0, 4).join(', ')} but no CERTIFICATE`
  }
}

/**
 * A private key in PEM without a password.
 *
 * @param secret refuse a file that everybody on the machine can read
 */
export function readPrivateKey(terminal: Terminal, file: string, secret: boolean): KeyObject {
  const path = resolve(terminal.workingDirectory, file)
  let content: string
  try {
    if (secret && process.platform !== 'win32' && (statSync(path).mode & 0o007) !== 0) {
      throw new CommandFailure(`${file}: other users can read this private key; chmod 600 ${file}`)
    }
    content = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    throw new CommandFailure(`${file}: ${reasonOf(error)}`, 1, error)
  }
  if (/ENCRYPTED/.test(content)) {
    throw new CommandFailure([
      `${file}: the private key has a password`,
      'openssl pkey -in FILE -out PLAIN writes one without',
    ])
  }
  try {
    return createPrivateKey(content)
  } catch {
    // The library's message may quote the file.
    throw new CommandFailure(`${file}: no PEM private key in it`)
  }
}

export function isKeyOf(key: KeyObject, certificate: Certificate): boolean {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return bytesEqual(spki, certificate.subjectPublicKeyInfo)
}

export interface NewFile {
  readonly path: string
  readonly content: string
  /** Only its owner may read it. */
  readonly secret: boolean
}

/** When one of them is there already, nothing is written without `force`. */
export function refuseExisting(terminal: Terminal, files: readonly string[], force: boolean): void {
  const there = files.filter((path) => existsSync(resolve(terminal.workingDirectory, path)))
  if (there.length === 0 || force) return
  throw new CommandFailure([
    `${there.join(' and ')} ${there.length === 1 ? 'exists' : 'exist'} already; nothing was written`,
    `--out FILE names ${there.length === 1 ? 'another' : 'other files'}, --force replaces ${there.length === 1 ? 'it' : 'these'}`,
  ])
}

/** All or none, as far as can be told before. */
export function writeNewFiles(terminal: Terminal, files: readonly NewFile[], force: boolean): void {
  const paths = files.map(({ path }) => resolve(terminal.workingDirectory, path))
  if (new Set(paths).size < paths.length) {
    throw new CommandFailure(`${files[0]?.path}: certificate and private key cannot be the same file`)
  }
  refuseExisting(
    terminal,
    files.map(({ path }) => path),
    force,
  )
  for (const [index, { path, content, secret }] of files.entries()) {
    try {
      writeOne(paths[index] as string, content, secret, force)
    } catch (error) {
      throw new CommandFailure(`${path}: ${reasonOf(error)}`, 1, error)
    }
  }
}

/** Made exclusively, so that a key never goes into a file that somebody else prepared. */
function writeOne(path: string, content: string, secret: boolean, force: boolean): void {
  const target = force ? `${path}.${process.pid}.new` : path
  const descriptor = openSync(target, 'wx', secret ? 0o600 : 0o644)
  try {
    writeFileSync(descriptor, content)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  if (force) renameSync(target, path)
}
