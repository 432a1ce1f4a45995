import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { toPem } from '../../x509/pem.ts'
import { CommandFailure, reasonOf } from '../command-failure.ts'
import type { RestClient } from '../rest/client.ts'

/** The server takes a larger one beside the document (`…/upload`), so that none has to fit into JSON. */
const largestInDocument = 1_048_576

/** A revocation list as text: PEM, whatever the file holds. Nothing that holds a private key is sent (S21). */
export function readListValue(flag: string, word: string, workingDirectory: string): string {
  const file = word.replace(/^@/, '')
  const octets = readOctets(flag, file, workingDirectory)
  if (octets.includes('PRIVATE KEY')) {
    throw new CommandFailure([
      `${flag} ${file}: holds a private key; nothing was sent`,
      'Name a file with the list alone',
    ])
  }
  return octets[0] === 0x30 ? toPem('X509 CRL', octets) : octets.toString('latin1')
}

/**
 * Sends the list on its own when it is too large for the document, and takes it out of that.
 *
 * @returns what is left of the document to be written
 */
export async function sendLargeList(
  client: RestClient,
  path: string,
  body: unknown,
): Promise<{ readonly sent: boolean; readonly body: unknown }> {
  const { properties = {}, ...document } = (body ?? {}) as { readonly properties?: Record<string, unknown> }
  const { encodedRevocationList, encodedIssuerCertificate, allowOlder, ...rest } = properties
  if (typeof encodedRevocationList !== 'string' || encodedRevocationList.length <= largestInDocument) {
    return { sent: false, body }
  }
  const issuer = typeof encodedIssuerCertificate === 'string' ? encodedIssuerCertificate : ''
  await client.send({
    method: 'POST',
    path: `${path}/upload`,
    query: { allowOlder: allowOlder === true ? 'true' : undefined },
    content: `${encodedRevocationList}\n${issuer}`,
  })
  return { sent: true, body: { ...document, properties: rest } }
}

function readOctets(flag: string, file: string, workingDirectory: string): Buffer {
  try {
    return readFileSync(resolve(workingDirectory, file))
  } catch (error) {
    throw new CommandFailure(`${flag} ${file}: ${reasonOf(error)}`, 1, error)
  }
}
