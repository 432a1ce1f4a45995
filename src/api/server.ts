import { createReadStream } from 'node:fs'
import type { Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type HTTPMethods,
} from 'fastify'
import { requestedHost } from '../base/host-header.ts'
import { plainAddress } from '../base/source-address.ts'
import { type Admitted, admit, identify } from './access/gate.ts'
import { armError, tryLater } from './arm/error.ts'
import { unknownPath } from './arm/unknown-path.ts'
import { readBody } from './body.ts'
import { type Content, gatherContent } from './content.ts'
import type { FileAnswer } from './file-answer.ts'
import { createHouse, type House } from './house.ts'
import { type ApiLimits, type ApiParts, defaultLimits } from './parts.ts'
import { baseUrlOf, correlationHeaders, isMisdirected } from './request.ts'
import { type Answer, type Call, Query, type Route } from './route.ts'
import { routes } from './routes.ts'
import { SocketWatch } from './socket-watch.ts'

export interface Api {
  readonly host: string
  readonly port: number
  /** `/readyz` says no, nothing new is accepted; what is under way goes on. */
  stopAccepting(): void
  /** Answers what is under way, for a bounded time, and closes everything. */
  close(): Promise<void>
}

/** What the gate said, kept from the first hook to the handler. */
interface Entry extends Admitted {
  readonly query: Query
  readonly baseUrl: string
  /** Gives back what was set aside for the content. */
  readonly release: () => void
}

const methods: readonly HTTPMethods[] = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS']

/** Opens the management API: HTTPS only, no client certificate is asked for, no session is resumed. */
export async function openApi(parts: ApiParts): Promise<Api> {
  const { settings, tls, log, random } = parts
  let closing = false
  const house = createHouse(parts, () => !closing)
  const { limits } = house
  const sockets = new SocketWatch()

  const app = fastify({
    https: {
      ...tls.options,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: settings.handshakeTimeoutMs,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.connectionsCheckingIntervalMs,
      maxHeaderSize: 32_768,
    },
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.inactivityTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    bodyLimit: limits.bodyBytes,
    logger: false,
    exposeHeadRoutes: false,
    genReqId: () => uuidOf(random.uid()),
    return503OnClosing: false,
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      // A Client Identifier in a path may be long; the limit of all headers together is the real one.
      maxParamLength: 16_384,
      querystringParser: () => ({}),
    },
    frameworkErrors: (error, request, reply) => {
      send(reply as FastifyReply, request as FastifyRequest, mapError(house, error, request as FastifyRequest))
    },
    clientErrorHandler: answerBrokenRequest,
  }) as unknown as FastifyInstance<Server>

  app.removeAllContentTypeParsers()
  // The second is for all; the first is found without the type being taken to pieces.
  app.addContentTypeParser(['application/json', '*'], (request, stream, done) => {
    gatherContent(stream, request.routeOptions.bodyLimit, done)
  })
  // Hooks that need not wait have no promise, and whoever answers calls nobody after him (bench: tcp-pairs-qos0-churn).
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // A connection kept alive would hold the stop up for as long as its client likes.
    if (closing) reply.header('connection', 'close')
    done()
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (!sockets.begun(request.raw, reply.raw)) {
      reply.hijack()
      request.raw.socket.destroy()
      return
    }
    const host = requestedHost(request.raw)
    if (host === undefined) send(reply, request, badHost)
    else if (isMisdirected(house, request, host)) send(reply, request, misdirected)
    // Whoever names no route is answered before a byte of content is kept (S55: anybody may ask).
    else if (request.is404) send(reply, request, notFound(house, request))
    else done()
  })
  for (const route of routes) addRoute(app, house, route)
  for (const [path, allowed] of methodsByPath()) {
    const refuse = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const message = `${request.method} is not allowed here. Allowed: ${allowed.join(', ')}.`
      return send(
        reply,
        request,
        armError(405, 'MethodNotAllowed', message, { headers: { allow: allowed.join(', ') } }),
      )
    }
    app.route({
      method: methods.filter((method) => !allowed.includes(method)),
      url: path,
      onRequest: refuse,
      handler: refuse,
    })
  }
  app.setNotFoundHandler((request, reply) => send(reply, request, notFound(house, request)))
  app.setErrorHandler((error: FastifyError, request, reply) => send(reply, request, mapError(house, error, request)))

  const { server } = app
  server.maxConnections = settings.maximumConnections
  sockets.watch(server, parts.admit ?? (() => true))
  const forgetTls = tls.onChange(() => server.setSecureContext(tls.options))
  try {
    await app.listen({ host: settings.host, port: settings.port, backlog: 511 })
  } catch (error) {
    forgetTls()
    await app.close()
    throw error
  }
  const { address, port } = server.address() as AddressInfo

  const stopAccepting = (): void => {
    if (closing) return
    closing = true
    server.close()
    server.closeIdleConnections()
  }
  return {
    host: address,
    port,
    stopAccepting,
    async close() {
      stopAccepting()
      forgetTls()
      if (!(await sockets.end(parts.clock, limits.closeTimeoutMs))) log.write('warn', 'apiCloseTimedOut', {})
      await app.close()
    },
  }
}

/** S49: what somebody in between may have read in another way is not read at all. */
const badHost = armError(
  400,
  'InvalidRequest',
  'Write the path alone in the request line, and one Host header with a host name or address.',
  { target: 'Host', headers: { connection: 'close' } },
)
const misdirected = armError(
  421,
  'MisdirectedRequest',
  'The Host header names another namespace than the TLS connection was opened for.',
)

function addRoute(app: FastifyInstance<Server>, house: House, route: Route): void {
  const method: HTTPMethods[] = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]
  const bodyLimit = route.body?.limit === undefined ? house.limits.bodyBytes : house.limits[route.body.limit]
  const entries = new WeakMap<FastifyRequest, Entry>()
  app.route({
    method,
    url: patternOf(route),
    bodyLimit,
    onRequest: (request, reply, done) => {
      const entered = enter(house, route, request, bodyLimit)
      if ('answer' in entered) {
        send(reply, request, entered.answer)
        return
      }
      entries.set(request, entered)
      reply.raw.once('close', () => {
        // The content of one that was handed on stays in memory until it is done, whoever has left.
        if (entries.delete(request)) entered.release()
      })
      done()
    },
    handler: async (request, reply) => {
      const entry = entries.get(request)
      if (entry === undefined) return reply
      entries.delete(request)
      try {
        const content = Array.isArray(request.body) ? (request.body as Content) : undefined
        const body = await readBody(house, route.body, content)
        const answer = body.ok ? await route.handle(callFor(house, request, entry, body.value)) : body.error
        return send(reply, request, answer, house.limits)
      } finally {
        entry.release()
      }
    },
  })
}

function enter(house: House, route: Route, request: FastifyRequest, bodyLimit: number): Entry | { answer: Answer } {
  const query = new Query(searchOf(request))
  const baseUrl = baseUrlOf(house, request)
  const { authorization } = request.headers
  const admitted = admit(house, route, {
    authorization,
    remoteAddress: addressOf(request),
    requestId: request.id,
    params: request.params as Record<string, string>,
    query,
    baseUrl,
  })
  if (!admitted.ok) return { answer: admitted.error }
  const { 'content-length': length, 'content-encoding': encoding } = request.headers
  // Answered here, the rest of the content is read and dropped, so that the client gets to see why.
  if (Number(length ?? 0) > bodyLimit) return { answer: tooLarge(bodyLimit) }
  if (encoding !== undefined && encoding !== 'identity') {
    const message = `The content encoding ${JSON.stringify(encoding)} is not supported. Send the content as it is.`
    return { answer: armError(415, 'UnsupportedMediaType', message, { target: 'Content-Encoding' }) }
  }
  const release = setAside(house, admitted.value.caller, request, bodyLimit)
  if (release === null) {
    return { answer: tryLater(429, 1, 'Too much content is under way. Wait for the answers of the requests before.') }
  }
  return { ...admitted.value, query, baseUrl, release }
}

/** What anybody may send without a token is small. */
function setAside(
  { bodies }: House,
  caller: Admitted['caller'],
  { headers }: FastifyRequest,
  bodyLimit: number,
): (() => void) | null {
  const isChunked = headers['transfer-encoding'] !== undefined
  const bytes = isChunked ? bodyLimit : Number(headers['content-length'] ?? 0)
  if (caller === null || !(bytes > 0)) return () => {}
  return bodies.begin(caller.id, bytes)
}

function callFor(house: House, request: FastifyRequest, entry: Entry, body: unknown): Call {
  return {
    house,
    ...entry,
    params: request.params as Record<string, string>,
    headers: request.headers,
    body,
    requestId: request.id,
    remoteAddress: addressOf(request),
  }
}

function send(reply: FastifyReply, request: FastifyRequest, answer: Answer, limits = defaultLimits): FastifyReply {
  const { status, body, stream, file, headers, contentType } = answer
  reply.headers({
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    ...correlationHeaders(request),
    ...headers,
  })
  // An existence probe is answered 204 or 404, and never with content.
  if (request.method === 'HEAD') return reply.code(status === 200 ? 204 : status).send()
  reply.code(status)
  if (stream !== undefined) {
    return reply.header('content-type', contentType ?? 'application/json; charset=utf-8').send(Readable.from(stream))
  }
  if (file !== undefined) return sendFile(reply, file, limits)
  if (body === undefined) return reply.send()
  if (contentType !== undefined) return reply.header('content-type', contentType).send(String(body))
  return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body))
}

/** Given up when the other side takes too little of it: the file lies on our disk until then, and nobody gets another one. */
function sendFile(reply: FastifyReply, file: FileAnswer, { fileBytesPerLook, fileLookMs }: ApiLimits): FastifyReply {
  const content = createReadStream(file.path, { highWaterMark: 256 * 1024 })
  let before = 0
  const look = setInterval(() => {
    if (content.bytesRead - before < fileBytesPerLook) reply.raw.destroy()
    before = content.bytesRead
  }, fileLookMs)
  reply.raw.on('close', () => {
    clearInterval(look)
    content.destroy()
  })
  content.on('close', () => file.dispose())
  reply.headers({ 'content-type': 'application/octet-stream', 'content-length': file.bytes })
  return reply.send(content)
}

/** Paths of Azure are told apart only for those who show a token. */
function notFound(house: House, request: FastifyRequest): Answer {
  const path = pathOf(request)
  if (/^\/+(subscriptions|providers|tenants|sealgate)(\/|$)/i.test(path)) {
    const identified = identify(house, {
      authorization: request.headers.authorization,
      remoteAddress: addressOf(request),
      requestId: request.id,
      params: {},
      query: new Query(''),
      baseUrl: baseUrlOf(house, request),
    })
    if (!identified.ok) return identified.error
  }
  return unknownPath(path)
}

function mapError(house: House, error: FastifyError, request: FastifyRequest): Answer {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return tooLarge(house.limits.bodyBytes)
  if (error.code === 'FST_ERR_BAD_URL')
    return armError(400, 'InvalidRequestUri', 'The path is not percent-encoded well.')
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return armError(error.statusCode, 'InvalidRequest', 'The request could not be read.')
  }
  const { log, events, clock } = house.parts
  log.write('error', 'apiRequestFailed', {
    requestId: request.id,
    method: request.method,
    path: pathOf(request),
    error,
  })
  events.emit({ kind: 'bug', at: clock.now(), where: 'api', error })
  const message = `An internal error. The log names it under the request id ${request.id}.`
  return armError(500, 'InternalServerError', message)
}

function tooLarge(limit: number): Answer {
  const message = `The content is larger than ${limit} bytes. Send a smaller document, or several.`
  return armError(413, 'RequestContentTooLarge', message, { target: 'Content-Length' })
}

/** What is no HTTP at all. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const tooMuch = error.code === 'HPE_HEADER_OVERFLOW'
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const status = tooMuch ? '431 Request Header Fields Too Large' : late ? '408 Request Timeout' : '400 Bad Request'
  const code = tooMuch ? 'RequestHeadersTooLarge' : late ? 'RequestTimeout' : 'InvalidRequest'
  const body = JSON.stringify({ error: { code, message: 'The request could not be read.' } })
  const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\n\r\n`
  socket.end(head + body)
}

function methodsByPath(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const route of routes) {
    const pattern = patternOf(route)
    const own = route.method === 'GET' ? ['GET', 'HEAD'] : [route.method]
    found.set(pattern, [...(found.get(pattern) ?? []), ...own])
  }
  return found
}

/** `{name}` as the router writes it. */
function patternOf({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] as string
}

function searchOf(request: FastifyRequest): string {
  const at = request.url.indexOf('?')
  return at < 0 ? '' : request.url.slice(at + 1)
}

function addressOf(request: FastifyRequest): string {
  return plainAddress(request.ip)
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
