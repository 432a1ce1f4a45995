import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { hostNameOf } from '../../src/base/host-header.ts'
import { isOwnOrigin, type OriginPolicy } from '../../src/listeners/origin.ts'
import { openWebDoor, RawPeer, upgradeLines } from './web-door.ts'

async function ask(t: TestContext, port: number, lines: readonly string[]) {
  return new RawPeer(t, port).request(lines)
}

test('a request that is no WebSocket is answered 404, and the connection serves the next one', async (t) => {
  const door = await openWebDoor(t)
  const peer = new RawPeer(t, door.listening.port)
  for (const path of ['/', '/mqtt', '/api/x?y=z']) {
    const { status, body } = await peer.request([`GET ${path} HTTP/1.1`, 'Host: localhost'])
    assert.equal(status, 404)
    assert.match(body, /\/mqtt/)
  }
  const { status } = await peer.request(upgradeLines())
  assert.equal(status, 101)
})

test('S49: a Host that names another namespace than the SNI gets 421, also as second request and as upgrade', async (t) => {
  const asked: unknown[] = []
  const door = await openWebDoor(t, {
    isSameNamespace: (serverName, host) => {
      asked.push([serverName, host])
      return serverName === host
    },
  })
  const peer = new RawPeer(t, door.listening.port, { servername: 'a.example' })
  assert.equal((await peer.request(['GET / HTTP/1.1', 'Host: a.example:8444'])).status, 404)
  assert.equal((await peer.request(['GET / HTTP/1.1', 'Host: B.example.'])).status, 421)
  assert.equal((await peer.request(['GET / HTTP/1.1', 'Host: 127.0.0.1'])).status, 421)
  const { status, body } = await peer.request(upgradeLines({ Host: 'b.example' }))
  assert.equal(status, 421)
  assert.match(body, /another namespace/)
  await peer.ended()
  assert.deepEqual(asked, [
    ['a.example', 'a.example'],
    ['a.example', 'b.example'],
    ['a.example', null],
    ['a.example', 'b.example'],
  ])
  const failure = await door.failures.next()
  assert.deepEqual([failure.listener, failure.serverName, failure.remoteAddress], ['wss', 'a.example', '127.0.0.1'])
  assert.match(failure.reason, /^HTTP 421/)
})

for (const [what, lines] of [
  ['no Host', ['GET / HTTP/1.1']],
  ['two Hosts', ['GET / HTTP/1.1', 'Host: localhost', 'Host: other']],
  ['a Host that is none', ['GET / HTTP/1.1', 'Host: a b']],
  ['a target with a host of its own', ['GET http://other/mqtt HTTP/1.1', 'Host: localhost']],
  ['no Host in an upgrade', upgradeLines({ Host: null })],
  ['two Hosts in an upgrade', [...upgradeLines(), 'Host: other']],
] as const) {
  test(`S49: ${what} is answered 400`, async (t) => {
    const door = await openWebDoor(t)
    assert.equal((await ask(t, door.listening.port, lines)).status, 400)
  })
}

test('what is no HTTP is answered 400 and cut; headers without end are answered 431', async (t) => {
  const door = await openWebDoor(t)
  const garbage = new RawPeer(t, door.listening.port)
  assert.equal((await garbage.request(['\x10\x0c\x00\x04MQTT'])).status, 400)
  await garbage.ended()
  const endless = new RawPeer(t, door.listening.port)
  assert.equal((await endless.request(['GET / HTTP/1.1', `X: ${'x'.repeat(20_000)}`])).status, 431)
  await endless.ended()
})

test('S52: headers that do not come in time are answered 408 and cut, and so is who says nothing', async (t) => {
  const door = await openWebDoor(t, { headersTimeoutMs: 50 })
  const unfinished = new RawPeer(t, door.listening.port)
  unfinished.socket.write('GET /mqtt HTTP/1.1\r\nHost: local')
  const silent = new RawPeer(t, door.listening.port)
  for (const peer of [unfinished, silent]) {
    assert.match((await peer.take(12)).toString(), /^HTTP\/1\.1 408/)
    await peer.ended()
  }
})

test('S49, S52: HTTP/1.1 only: h2 alone is answered by an alert, h2 with http/1.1 by http/1.1', async (t) => {
  const door = await openWebDoor(t)
  const both = new RawPeer(t, door.listening.port, { ALPNProtocols: ['h2', 'http/1.1'] })
  await once(both.socket, 'secureConnect')
  assert.equal(both.socket.alpnProtocol, 'http/1.1')
  const only = new RawPeer(t, door.listening.port, { ALPNProtocols: ['h2'] })
  const [error] = (await once(only.socket, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
  assert.equal((await door.failures.next()).listener, 'wss')
})

test('S55: a source without tokens is cut before the handshake', async (t) => {
  const rates = { perAddressPerSecond: 0.001, perAddressBurst: 1, totalPerSecond: 0, totalBurst: 1 }
  const door = await openWebDoor(t, { rates })
  await once(new RawPeer(t, door.listening.port).socket, 'secureConnect')
  await new RawPeer(t, door.listening.port).ended()
  const failure = await door.failures.next()
  assert.deepEqual([failure.listener, failure.reason], ['wss', 'connection rate exceeded'])
})

test('a closed door leaves nothing open: idle, in the middle of headers, upgraded', async (t) => {
  const door = await openWebDoor(t)
  const peers = [0, 1, 2].map(() => new RawPeer(t, door.listening.port))
  await peers[0]!.request(['GET / HTTP/1.1', 'Host: localhost'])
  peers[1]!.socket.write('GET / HT')
  await peers[2]!.request(upgradeLines())
  const { ended } = await door.visitors.next()
  await door.listening.close()
  await ended
  for (const peer of peers) await peer.ended()
})

test('the host of a Host header is spelled as server names are', () => {
  for (const [text, expected] of [
    ['a.example', 'a.example'],
    ['A.Example.:8444', 'a.example'],
    ['127.0.0.1:1', null],
    ['[::1]:8444', null],
    ['[::1]', null],
    ['', undefined],
    ['a b', undefined],
    ['a@b', undefined],
    ['a:b', undefined],
    ['a/b', undefined],
    ['a,b', undefined],
    ['a:123456', undefined],
    ['x'.repeat(400), undefined],
  ] as const) {
    assert.equal(hostNameOf(text), expected, text)
  }
})

const policy: OriginPolicy = {
  allowedOrigins: ['https://console.example', 'http://lab.example:3000'],
  allowLoopback: false,
}

for (const [origin, own] of [
  ['https://broker.example', true],
  ['https://broker.example:8444', true],
  ['https://BROKER.example', true],
  ['http://broker.example', false],
  ['https://broker.example.evil', false],
  ['https://evil.example', false],
  ['https://user@broker.example', false],
  ['https://broker.example/path', false],
  ['wss://broker.example', false],
  ['null', false],
  ['', false],
  ['https://console.example', true],
  ['https://console.example:1', false],
  ['http://lab.example:3000', true],
  ['http://console.example', false],
  ['http://localhost:3000', false],
  ['https://console.example, https://broker.example', false],
] as const) {
  test(`S51: the origin ${JSON.stringify(origin)} is ${own ? 'own' : 'foreign'}`, () => {
    assert.equal(isOwnOrigin(origin, 'broker.example:8444', policy), own)
  })
}

test('S51: pages of this machine are own where they are allowed, whatever their port and scheme', () => {
  const dev = { allowedOrigins: [], allowLoopback: true }
  for (const origin of ['http://localhost:3000', 'https://127.0.0.1', 'http://[::1]:80', 'http://app.localhost']) {
    assert.equal(isOwnOrigin(origin, 'broker.example', dev), true, origin)
  }
  for (const origin of ['null', 'http://localhost.evil', 'http://128.0.0.1', 'file://localhost']) {
    assert.equal(isOwnOrigin(origin, 'broker.example', dev), false, origin)
  }
  assert.equal(isOwnOrigin('https://127.0.0.1:9', '127.0.0.1:8444', { ...dev, allowLoopback: false }), true)
  assert.equal(isOwnOrigin('https://[::1]:9', '[::1]:8444', { ...dev, allowLoopback: false }), true)
})
