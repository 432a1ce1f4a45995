import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { readCertificateFile, toPem } from '../../x509/pem.ts'
import { pemSentence } from '../cert/files.ts'
import { CommandFailure, reasonOf } from '../command-failure.ts'

/** A certificate that a flag names: a file, `@file`, or the text itself. Nothing that holds a private key is sent (S21). */
export function readCertificateValue(flag: string, word: string, workingDirectory: string): string {
  const isText = !word.startsWith('@') && !existsSync(resolve(workingDirectory, word)) && looksLikeCertificate(word)
  const file = word.replace(/^@/, '')
  const contents = readCertificateFile(isText ? Buffer.from(word, 'utf8') : readOctets(flag, file, workingDirectory))
  const where = isText ? flag : `${flag} ${file}`
  if (contents.ok) return contents.value.certificates.map((der) => toPem('CERTIFICATE', der)).join('')
  if (contents.error.kind !== 'privateKey') throw new CommandFailure(`${where}: ${pemSentence(contents.error)}`)
  throw new CommandFailure([
    `${where}: holds a private key; nothing was sent`,
    'Name a file with the certificate alone',
  ])
}

/** PEM, also as one line, or base64. */
function looksLikeCertificate(word: string): boolean {
  return word.includes('-----BEGIN') || /^[A-Za-z0-9+/=\s]{100,}$/.test(word)
}

function readOctets(flag: string, file: string, workingDirectory: string): Uint8Array {
  try {
    return readFileSync(resolve(workingDirectory, file))
  } catch (error) {
    throw new CommandFailure(`${flag} ${file}: ${reasonOf(error)}`, 1, error)
  }
}
