import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type UnixMillis, unixMillis } from '../base/time.ts'
import { contextOptions, type ServerCertificate } from '../listeners/tls-context.ts'
import { refuseReadableSecret } from './files.ts'
import { reasonOf, StartError } from './start-error.ts'

/** Of a certificate with its chain, or of a key. */
const maximumFileBytes = 1_048_576

/** Two PEM files of an operator. */
export interface KeyPairFiles {
  readonly certificateFile: string
  readonly keyFile: string
  /** What stands before a path in messages, e.g. the flag that names it. */
  readonly certificateLabel?: string
  readonly keyLabel?: string
}

export interface KeyPair {
  readonly files: ServerCertificate
  readonly context: SecureContext
  readonly notAfter: UnixMillis
}

/**
 * Reads a server certificate and its key, and judges them when they are others than before.
 *
 * @returns `before` itself when the files hold the same
 * @throws StartError when the files are of no use
 */
export function readKeyPair(pair: KeyPairFiles, before: KeyPair | null): KeyPair {
  const certificateFile = `${pair.certificateLabel ?? ''}${pair.certificateFile}`
  const keyFile = `${pair.keyLabel ?? ''}${pair.keyFile}`
  const read = (path: string, shown: string): string => {
    try {
      // A pipe would keep the whole process waiting for whoever writes to it.
      const status = statSync(path)
      if (!status.isFile()) throw new Error('not a regular file')
      if (status.size > maximumFileBytes) throw new Error(`larger than ${maximumFileBytes} bytes`)
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw new StartError([`${shown}: ${reasonOf(error)}`], error)
    }
  }
  const certificate = read(pair.certificateFile, certificateFile)
  const privateKey = read(pair.keyFile, keyFile)
  if (before?.files.certificate === certificate && before.files.privateKey === privateKey) return before
  refuseReadableSecret(pair.keyFile, 'world')
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(certificate)
  } catch (error) {
    throw new StartError([`${certificateFile}: no PEM certificate in it`], error)
  }
  let key: KeyObject
  try {
    key = createPrivateKey(privateKey)
  } catch (error) {
    throw new StartError([`${keyFile}: no PEM private key without a password in it`], error)
  }
  if (!leaf.checkPrivateKey(key)) {
    throw new StartError([`${keyFile} is not the key of the first certificate in ${pair.certificateFile}`])
  }
  const files = { certificate, privateKey }
  try {
    const context = createSecureContext(contextOptions(files))
    return { files, context, notAfter: unixMillis(leaf.validToDate.getTime()) }
  } catch (error) {
    throw new StartError([`${certificateFile}: TLS cannot use it: ${reasonOf(error)}`], error)
  }
}
