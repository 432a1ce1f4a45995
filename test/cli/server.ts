import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { unixSeconds } from '../../src/base/time.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import { ExtendedKeyUsage } from '../../src/x509/extensions.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generalNameOfText,
  issueCertificate,
  privateKeyPem,
} from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { administratorToken, serverCa, type TestApi, type TestApiOptions, testApi } from '../api/support.ts'
import { type Place, temporaryPlace } from './run.ts'

const seconds = Math.floor(Date.now() / 1_000)
const validity = { notBefore: unixSeconds(seconds - 3_600), notAfter: unixSeconds(seconds + 86_400) }

/** A place with a data directory as `serve` leaves it. */
export function placeWithData(
  t: TestContext,
  facts: { readonly port: number; readonly ca: string; readonly server?: string; readonly token?: string },
): Place {
  const place = temporaryPlace(t)
  const data = join(place.directory, 'data')
  mkdirSync(join(data, 'tls'), { recursive: true, mode: 0o700 })
  const token = join(data, 'admin.token')
  writeFileSync(token, `${facts.token ?? administratorToken}\n`)
  chmodSync(token, 0o600)
  writeFileSync(join(data, 'tls', 'ca.pem'), facts.ca)
  if (facts.server !== undefined) writeFileSync(join(data, 'tls', 'server.pem'), facts.server)
  writeFileSync(
    join(data, 'ready.json'),
    JSON.stringify({
      https: { host: '127.0.0.1', port: facts.port },
      caFile: join(data, 'tls', 'ca.pem'),
      tokenFile: token,
    }),
  )
  return place
}

/** The management API itself, and a place whose data directory leads to it. */
export async function served(
  t: TestContext,
  options: TestApiOptions = {},
): Promise<TestApi & { readonly place: Place }> {
  const api = await testApi(t, options)
  return Object.assign(api, { place: placeWithData(t, { port: api.api.port, ca: serverCa }) })
}

export interface Stub {
  readonly port: number
  readonly ca: string
  readonly certificate: string
  /** Every request that arrived: method, path and query, Authorization. */
  readonly requests: { readonly line: string; readonly authorization: string | undefined }[]
}

const authority = createCertificateAuthority({ subject: nameOfCommonName('Stub CA'), ...validity })

/** An HTTPS server that answers as the test wants, with a certificate for these names. */
export async function stubServer(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  names: readonly string[] = ['127.0.0.1'],
  issuer: CertificateAuthority = authority,
): Promise<Stub> {
  const { certificate, privateKey } = issueCertificate({
    issuer,
    subject: nameOfCommonName('stub'),
    subjectAltNames: names.map((name) => {
      const made = generalNameOfText(/^[\d.]+$/.test(name) ? 'iPAddress' : 'dNSName', name)
      assert.ok(made.ok)
      return made.value
    }),
    extendedKeyUsage: [ExtendedKeyUsage.ServerAuth],
    ...validity,
  })
  assert.ok(privateKey !== null)
  const pem = toPem('CERTIFICATE', certificate.der)
  const requests: Stub['requests'] = []
  const server = createServer({ cert: pem, key: privateKeyPem(privateKey) }, (request, response) => {
    requests.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization })
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    ca: toPem('CERTIFICATE', issuer.certificate.der),
    certificate: pem,
    requests,
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
