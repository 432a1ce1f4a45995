import { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { CommandFailure } from '../command-failure.ts'
import type { Terminal } from '../terminal.ts'
import type { ServerAddress } from './find-server.ts'
import type { RestRequest } from './request.ts'
import { connectionFailure, refusal } from './rest-failure.ts'

export interface RestAnswer {
  readonly status: number
  /** Parsed JSON; undefined: no content. */
  readonly body: unknown
  readonly etag: string | null
}

/** Newer than any property that there is, so that all of them can be said. */
const apiVersion = '2026-06-15-preview'
const timeoutMs = 120_000
const maximumTries = 4
const maximumWaitSeconds = 30

/**
 * Speaks to one server (S65): its certificate is checked against the CA of the address, the token goes to that origin
 * only, no redirect is followed, and of a link to a next page only path and query are used.
 */
export class RestClient {
  readonly address: ServerAddress
  readonly #terminal: Terminal
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 })

  constructor(address: ServerAddress, terminal: Terminal) {
    this.address = address
    this.#terminal = terminal
  }

  close(): void {
    this.#agent.destroy()
  }

  /** @throws RestFailure for every status that is no success */
  async send(wanted: RestRequest): Promise<RestAnswer> {
    const response = await this.#sendPatiently(wanted)
    const content = await this.#read(response)
    const status = response.statusCode ?? 0
    return { status, body: content === '' ? undefined : parsed(content), etag: response.headers.etag ?? null }
  }

  /** The answer as it arrives, for what may be too large to hold. */
  async stream(wanted: RestRequest): Promise<AsyncIterable<Uint8Array>> {
    return this.#sendPatiently(wanted)
  }

  /** Every member of a list, page by page. */
  async *list(wanted: RestRequest): AsyncGenerator<unknown> {
    let next: RestRequest | null = wanted
    while (next !== null) {
      const { body } = await this.send(next)
      const page = body as { readonly value?: unknown; readonly nextLink?: unknown }
      if (typeof page !== 'object' || page === null || !Array.isArray(page.value)) {
        throw new CommandFailure(`${this.address.origin} did not answer with a list`)
      }
      yield* page.value
      next = typeof page.nextLink === 'string' && page.nextLink !== '' ? this.#nextPage(wanted, page.nextLink) : null
    }
  }

  /** The server may know itself by another address than ours; another list is no next page of this one. */
  #nextPage(first: RestRequest, link: string): RestRequest {
    const { origin } = this.address
    const url = URL.canParse(link, origin) ? new URL(link, origin) : null
    if (url === null || !samePath(url.pathname, first.path)) {
      throw new CommandFailure('the link to the next page leads elsewhere; it was not followed')
    }
    return { method: 'GET', path: first.path, query: Object.fromEntries(url.searchParams) }
  }

  async #sendPatiently(wanted: RestRequest): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      const response = await this.#sendOnce(wanted)
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) return response
      const seconds = Number(response.headers['retry-after'] ?? Number.NaN)
      const content = await this.#read(response)
      const later = (status === 429 || status === 503) && seconds <= maximumWaitSeconds
      if (!later || tries === maximumTries) throw refusal(this.address, wanted, response, content)
      this.#terminal.complain(`note: the server asks to wait ${seconds} s`)
      await this.#terminal.wait(seconds * 1_000)
    }
  }

  #sendOnce(wanted: RestRequest): Promise<IncomingMessage> {
    const { origin, token, ca } = this.address
    const { hostname, port } = new URL(origin)
    const query = new URLSearchParams({ 'api-version': apiVersion })
    for (const [name, value] of Object.entries(wanted.query ?? {})) {
      if (value !== undefined) query.set(name, value)
    }
    const content = wanted.content ?? (wanted.body === undefined ? null : JSON.stringify(wanted.body))
    const body = content === null ? null : Buffer.from(content, 'utf8')
    return new Promise((resolve, reject) => {
      // Not as a URL: that would resolve a resource named `..`.
      const outgoing = request({
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port: port === '' ? 443 : Number(port),
        path: `${wanted.path}?${query}`,
        method: wanted.method,
        agent: this.#agent,
        ...(ca === null ? {} : { ca }),
        minVersion: 'TLSv1.2',
        checkServerIdentity: (host, certificate) => this.#checkIdentity(host, certificate),
        timeout: wanted.timeoutMs ?? timeoutMs,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${token}`,
          ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
          ...(wanted.ifMatch == null ? {} : { 'if-match': wanted.ifMatch }),
        },
      })
      outgoing.on('timeout', () =>
        outgoing.destroy(new Error(`no answer within ${(wanted.timeoutMs ?? timeoutMs) / 1_000} s`)),
      )
      outgoing.on('error', (error) => reject(connectionFailure(this.address, error)))
      outgoing.on('response', resolve)
      outgoing.end(body ?? undefined)
    })
  }

  /** The chain was verified before. A server of this machine is also known by its very certificate. */
  #checkIdentity(host: string, certificate: PeerCertificate): Error | undefined {
    const failure = checkServerIdentity(host, certificate)
    const { pinnedCertificate } = this.address
    if (failure === undefined || pinnedCertificate === null) return failure
    return new X509Certificate(pinnedCertificate).raw.equals(certificate.raw) ? undefined : failure
  }

  async #read(response: IncomingMessage): Promise<string> {
    try {
      return await text(response)
    } catch (error) {
      throw connectionFailure(this.address, error as Error)
    }
  }
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch (error) {
    throw new CommandFailure('the server answered with something that is no JSON', 1, error)
  }
}

/** Equal but for letter case and spelling of escapes, which the server may write in its own way. */
function samePath(a: string, b: string): boolean {
  const plain = (path: string) => {
    try {
      return decodeURIComponent(path)
        .toLowerCase()
        .replace(/\/{2,}/g, '/')
    } catch {
      return null
    }
  }
  return plain(a) !== null && plain(a) === plain(b)
}
