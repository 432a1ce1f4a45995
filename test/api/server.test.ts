import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { gate } from './gate.ts'
import { administratorToken, namespaceBody, plantPath, serverCa, type TestApiOptions, testApi } from './support.ts'

/** Writes text and gives what comes back until the server closes, or until `enough`. */
function raw(port: number, text: string, enough: (got: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: serverCa, servername: 'localhost' }, () => socket.write(text))
    let got = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      got += chunk
      if (enough(got)) socket.destroy()
    })
    socket.on('close', () => resolve(got))
    socket.on('error', reject)
  })
}

function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: serverCa, servername: 'localhost', ...options })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
  })
}

test('S19 TLS 1.2 and 1.3 with ephemeral keys and AEAD, no client certificate asked, no session resumed', async (t) => {
  const { api } = await testApi(t)
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const sessions: Buffer[] = []
    const first = await handshake(api.port, { minVersion: version, maxVersion: version })
    first.on('session', (session) => sessions.push(session))
    assert.match(first.getCipher().name, /^(TLS_AES_|TLS_CHACHA20_|ECDHE-.*(GCM|CHACHA20))/)
    first.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
    first.resume()
    await new Promise((resolve) => first.on('close', resolve))
    const session = sessions[0] ?? first.getSession()
    const second = await handshake(api.port, {
      minVersion: version,
      maxVersion: version,
      ...(session === undefined ? {} : { session }),
    })
    assert.equal(second.isSessionReused(), false, version)
    second.destroy()
  }
  await assert.rejects(handshake(api.port, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:@SECLEVEL=0' }))
  await assert.rejects(
    handshake(api.port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA' }),
  )
})

test('ids of a request come back, and only what is harmless in a header', async (t) => {
  const { call } = await testApi(t)
  const reply = await call('GET', '/healthz', {
    headers: { 'x-ms-client-request-id': 'a-b-c', 'x-ms-correlation-request-id': 'c-d' },
  })
  assert.equal(reply.headers['x-ms-client-request-id'], 'a-b-c')
  assert.equal(reply.headers['x-ms-correlation-request-id'], 'c-d')
  assert.match(String(reply.headers['x-ms-request-id']), /^[0-9a-f]{8}-[0-9a-f-]{27}$/)
  const odd = await call('GET', '/healthz', { headers: { 'x-ms-client-request-id': 'a b' } })
  assert.equal(odd.headers['x-ms-client-request-id'], undefined)
  const refused = await call('GET', plantPath, { token: null })
  assert.ok(refused.headers['x-ms-request-id'] !== undefined)
})

test('a method that a path has not is 405 and names those it has', async (t) => {
  const { call } = await testApi(t)
  const reply = await call('DELETE', '/healthz')
  assert.equal(reply.status, 405)
  assert.equal(reply.headers['allow'], 'GET, HEAD')
  const options = await call('OPTIONS', plantPath)
  assert.equal(options.status, 405)
  assert.equal(options.headers['access-control-allow-origin'], undefined)
})

test('S55 nothing is kept of the content of a request that names no route or a method that the path has not', async (t) => {
  const { api } = await testApi(t)
  const answered = (path: string) =>
    raw(api.port, `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000000\r\n\r\nfirst of many`, (got) =>
      got.includes('\r\n\r\n'),
    )
  // The rest of the content never comes: an answer shows that none was waited for.
  assert.match(await answered('/healthz'), /^HTTP\/1\.1 405 /)
  assert.match(await answered('/nothing/here'), /^HTTP\/1\.1 404 /)
  assert.match(await answered('/subscriptions/nothing'), /^HTTP\/1\.1 40[15] /)
  assert.match(await answered('/providers/nothing'), /^HTTP\/1\.1 401 /)
})

const upload = `${plantPath}/sealgateRevocationLists/l/upload?api-version=2025-07-15-preview`

/** A request whose content never comes: what it says that it sends is set aside all the same. */
async function announce(port: number, path: string, headers: string, token = administratorToken): Promise<TLSSocket> {
  const socket = await handshake(port, {})
  socket.on('error', () => {})
  socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n${headers}\r\n\r\nx`)
  return socket
}

test('S55 one principal has two large contents under way, not more; others go on, and the place is free when one ends', async (t) => {
  const api = await testApi(t, { limits: { bodyBytes: 1_000, listBytes: 50_000, templateBytes: 50_000 } })
  await api.plant()
  const { port } = api.api
  const bytes = async () =>
    Number(/^sealgate_api_body_bytes (\d+)$/m.exec((await api.call('GET', '/metrics')).text)?.[1])
  const until = async (wanted: number) => {
    while ((await bytes()) !== wanted) await new Promise((resolve) => setImmediate(resolve))
  }
  const other = await api.call('POST', '/sealgate/tokens', { body: { name: 'other', role: 'owner' }, apiVersion: null })
  assert.equal(other.status, 201, other.text)
  const known = await announce(port, upload, 'content-length: 40000')
  const chunked = await announce(port, upload, 'transfer-encoding: chunked')
  await until(90_000)
  const post = (size: number, token?: string) =>
    api.call('POST', upload, { body: 'x'.repeat(size), ...(token === undefined ? {} : { token }), apiVersion: null })
  const third = await post(2_000)
  assert.equal(third.status, 429, third.text)
  assert.equal(third.headers['retry-after'], '1')
  assert.equal((await post(500)).status, 400, 'what is small is taken')
  assert.equal((await post(2_000, other.body.token)).status, 400, 'others are not concerned')
  const metrics = await api.call('GET', '/metrics')
  assert.match(metrics.text, /^sealgate_api_bodies_refused_total 1$/m)
  assert.deepEqual(
    api.entries.filter(({ event }) => event === 'apiBodyRefused').map(({ facts }) => facts),
    [{ principalId: 'administrator', limit: 'largeBodiesPerPrincipal', value: 2, times: 1 }],
  )
  known.destroy()
  await until(50_000)
  assert.equal((await post(2_000)).status, 400, 'there is room again')
  chunked.destroy()
  await until(0)
})

test('S55 all contents under way together are bounded, and one principal gets half', async (t) => {
  const api = await testApi(t, { limits: { bodiesBytes: 100_000 } })
  await api.plant()
  const { port } = api.api
  const token = async (name: string) => {
    const { body } = await api.call('POST', '/sealgate/tokens', { body: { name, role: 'owner' }, apiVersion: null })
    return body.token as string
  }
  const [second, third] = [await token('second'), await token('third')]
  const held: TLSSocket[] = []
  t.after(() => {
    for (const socket of held) socket.destroy()
  })
  const hold = async (size: number, by: string) => {
    held.push(await announce(port, upload, `content-length: ${size}`, by))
  }
  const until = async (wanted: number) => {
    for (;;) {
      const { text } = await api.call('GET', '/metrics')
      if (text.includes(`sealgate_api_body_bytes ${wanted}\n`)) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await hold(40_000, administratorToken)
  await until(40_000)
  const post = async (size: number, by: string) =>
    (await api.call('POST', upload, { body: 'x'.repeat(size), token: by, apiVersion: null })).status
  assert.equal(await post(20_000, administratorToken), 429, 'more than half')
  assert.equal(await post(20_000, second), 400, 'the other half is for others')
  await hold(45_000, second)
  await until(85_000)
  assert.equal(await post(20_000, third), 429, 'more than there is')
  assert.equal(await post(10_000, third), 400)
})

test('S55 a connection that sends requests without waiting for their answers is cut', async (t) => {
  const { api, call } = await testApi(t)
  const socket = await handshake(api.port, {})
  socket.on('error', () => {})
  let got = ''
  socket.on('data', (chunk: Buffer) => {
    got += chunk.toString('latin1')
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write('GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(1_000))
  await closed
  assert.ok(got.split('HTTP/1.1 200').length <= 9, `${got.split('HTTP/1.1 200').length - 1} answers`)
  assert.equal((await call('GET', '/healthz')).status, 200)
})

test('what is no HTTP is answered in the shape of Azure and closed', async (t) => {
  const { api } = await testApi(t)
  assert.match(await raw(api.port, 'HELLO\r\n\r\n'), /^HTTP\/1\.1 400 .*"code":"InvalidRequest"/s)
  const headers = `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`
  assert.match(await raw(api.port, headers), /^HTTP\/1\.1 431 /)
})

test('headers that come too slowly are cut', async (t) => {
  const { api } = await testApi(t, { limits: { headersTimeoutMs: 50, connectionsCheckingIntervalMs: 20 } })
  assert.match(await raw(api.port, 'GET /healthz HTTP/1.1\r\nhost:'), /^HTTP\/1\.1 408 /)
})

test('S49 a connection for one namespace does not ask for another', async (t) => {
  const { api, call, registry } = await testApi(t, { settings: { domain: 'test' } })
  const path = (name: string) => plantPath.replace(/plant$/, name)
  for (const name of ['aaa', 'bbb']) await call('PUT', path(name), { body: namespaceBody })
  assert.ok(registry.view.namespaceByName('aaa') !== undefined)
  const get = (host: string) => `GET /healthz HTTP/1.1\r\nhost: ${host}\r\n\r\n`
  const ask = (servername: string, hosts: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: api.port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
        socket.write(hosts.map(get).join(''))
      })
      let got = ''
      socket.setEncoding('utf8')
      socket.on('data', (chunk: string) => {
        got += chunk
        if ((got.match(/^HTTP/gm)?.length ?? 0) === hosts.length) socket.end()
      })
      socket.on('close', () => resolve((got.match(/^HTTP\/1\.1 \d+/gm) ?? []).join(' ')))
      socket.on('error', reject)
    })
  assert.equal(await ask('aaa.test', ['aaa.test', 'bbb.test']), 'HTTP/1.1 200 HTTP/1.1 421')
  assert.equal(await ask('localhost', ['127.0.0.1:8443']), 'HTTP/1.1 200')
})

test('a stop answers what is under way, closes idle connections and ends handshakes', async (t) => {
  const held = gate()
  const { api, call, endpoint } = await testApi(t, {
    registry: waitingAt(held),
  })
  assert.equal((await call('GET', '/readyz')).status, 200)
  const silent = connectTcp(api.port, '127.0.0.1')
  const silentClosed = new Promise((resolve) => silent.on('close', resolve))
  await new Promise((resolve) => silent.on('connect', resolve))
  silent.on('error', () => {})
  const idle = await handshake(api.port, {})
  const idleClosed = new Promise((resolve) => idle.on('close', resolve))
  idle.resume()
  const underWay = call('PUT', plantPath, { body: namespaceBody })
  await held.reached
  const closed = api.close()
  held.open()
  const answer = await underWay
  assert.equal(answer.status, 201)
  assert.equal(answer.headers['connection'], 'close')
  await Promise.all([closed, silentClosed, idleClosed])
  await assert.rejects(call('GET', `${endpoint}/healthz`))
})

test('S64 health says ok or not; metrics need a token unless only this machine reaches the listener', async (t) => {
  const { call, plant } = await testApi(t)
  await plant()
  await call('PUT', `${plantPath}/clients/secret-device`, { body: {} })
  assert.equal((await call('GET', '/healthz', { token: null })).text, 'ok\n')
  assert.equal((await call('HEAD', '/readyz', { token: null })).status, 204)
  assert.equal((await call('GET', '/metrics', { token: null })).status, 401)
  const metrics = await call('GET', '/metrics')
  assert.match(metrics.text, /^# TYPE sealgate_connections gauge\nsealgate_connections 0$/m)
  assert.ok(!metrics.text.includes('secret-device'))
  const open = await testApi(t, { settings: { openMetrics: true } })
  assert.equal((await open.call('GET', '/metrics', { token: null })).status, 200)
})

test('S49 a request says once where it goes: a target with a host of its own, two Host headers or none are 400', async (t) => {
  const { api } = await testApi(t)
  const end = 'connection: close\r\n\r\n'
  const statusOf = async (text: string) => /^HTTP\/1\.1 (\d+)/.exec(await raw(api.port, text))?.[1]
  assert.equal(await statusOf(`GET /healthz HTTP/1.1\r\nhost: localhost\r\n${end}`), '200')
  assert.equal(await statusOf(`GET https://localhost/healthz HTTP/1.1\r\nhost: localhost\r\n${end}`), '400')
  assert.equal(await statusOf(`GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: other.test\r\n${end}`), '400')
  assert.equal(await statusOf(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nhOST: localhost\r\n${end}`), '400')
  assert.equal(await statusOf(`GET /healthz HTTP/1.0\r\n${end}`), '400')
  assert.equal(await statusOf(`GET /healthz HTTP/1.1\r\nhost: a b\r\n${end}`), '400')
  assert.equal(await statusOf(`GET /healthz HTTP/1.1\r\nhost: [::1]:8443\r\n${end}`), '200')
})

/** A registry whose writes wait until the test lets them. */
function waitingAt(held: ReturnType<typeof gate>): NonNullable<TestApiOptions['registry']> {
  return (registry) =>
    new Proxy(registry, {
      get(target, property) {
        const member = Reflect.get(target, property)
        if (property !== 'put') return typeof member === 'function' ? member.bind(target) : member
        return async (...args: Parameters<typeof registry.put>) => {
          await held.pass()
          return target.put(...args)
        }
      },
    })
}

const putPlant = (() => {
  const body = JSON.stringify(namespaceBody)
  const head = `host: localhost\r\nauthorization: Bearer ${administratorToken}\r\n`
  return `PUT ${plantPath}?api-version=2025-02-15 HTTP/1.1\r\n${head}content-length: ${body.length}\r\n\r\n${body}`
})()

test('a connection on which nothing moves is closed, whatever it waits for: no peer keeps an answer for ever', async (t) => {
  const held = gate()
  const { api, call } = await testApi(t, { limits: { inactivityTimeoutMs: 100 }, registry: waitingAt(held) })
  const socket = await handshake(api.port, {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.resume()
  socket.write(putPlant)
  await held.reached
  await closed
  held.open()
  assert.equal((await call('GET', '/healthz')).status, 200)
})

test('a stop does not wait for answers that were asked for behind one whose peer has left', async (t) => {
  const held = gate()
  const { api, entries } = await testApi(t, {
    limits: { closeTimeoutMs: 60_000 },
    registry: waitingAt(held),
  })
  const socket = await handshake(api.port, {})
  socket.write(putPlant + 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(3))
  await held.reached
  const gone = new Promise((resolve) => socket.once('close', resolve))
  socket.destroy()
  await gone
  await api.close()
  held.open()
  assert.deepEqual(
    entries.filter(({ event }) => event === 'apiCloseTimedOut'),
    [],
  )
})
