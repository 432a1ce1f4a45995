import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate and its key as files, the way users have them. */
export interface KeyPair {
  readonly certificateFile: string
  readonly keyFile: string
  readonly certificate: string
  readonly key: string
}

export function openssl(directory: string, ...args: string[]): string {
  return execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function pairOf(directory: string, name: string): KeyPair {
  const certificateFile = join(directory, `${name}.pem`)
  const keyFile = join(directory, `${name}.key`)
  return {
    certificateFile,
    keyFile,
    certificate: readFileSync(certificateFile, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
  }
}

/** What `openssl req -x509` makes of a subject when nobody says more: CA:TRUE and no extended key usage. */
export function selfSigned(directory: string, name: string, subject: string, extensions: string[] = []): KeyPair {
  openssl(
    directory,
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.pem`],
    ...extensions.flatMap((extension) => ['-addext', extension]),
  )
  return pairOf(directory, name)
}

/** A certificate that `issuer` signs; extensions as OpenSSL configuration lines. */
export function issued(
  directory: string,
  name: string,
  subject: string,
  issuer: KeyPair,
  extensions: readonly string[],
): KeyPair {
  writeFileSync(join(directory, `${name}.ext`), `${extensions.join('\n')}\n`)
  openssl(
    directory,
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`],
  )
  openssl(
    directory,
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', issuer.certificateFile, '-CAkey', issuer.keyFile],
    ...['-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
  )
  return pairOf(directory, name)
}

export const authorityExtensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
export const clientExtensions = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=clientAuth',
]
