import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import type { TransportEnd } from '../../src/ports/transport.ts'
import { authorityExtensions, clientExtensions, issued, selfSigned } from '../e2e/openssl.ts'
import { Mailbox, temporaryDirectory, type Visitor } from './door.ts'
import { frame, Opcode, openPeer, openWebDoor, RawPeer, upgradeLines } from './web-door.ts'

/** Chunks of a peer until so many bytes are there. */
async function bytesOf({ chunks }: Visitor, length: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  while (bytes.length < length) bytes = Buffer.concat([bytes, await chunks.next()])
  return bytes
}

// ------------------------------------------------------------------------------------------ opening handshake

test('[MQTT-6.0.0-4] the sub-protocol that is selected and returned is mqtt', async (t) => {
  const door = await openWebDoor(t)
  const peer = new RawPeer(t, door.listening.port)
  const { status, head } = await peer.request(upgradeLines({ 'Sec-WebSocket-Protocol': 'x, mqtt,mqttv3.1' }))
  assert.equal(status, 101)
  assert.match(head, /^sec-websocket-protocol: mqtt\r$/im)
  // RFC 6455 1.3: the example's key and its answer.
  assert.match(head, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r$/im)
})

test('S52: an offer to compress is declined', async (t) => {
  const door = await openWebDoor(t)
  const peer = new RawPeer(t, door.listening.port)
  const { status, head } = await peer.request(upgradeLines({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }))
  assert.equal(status, 101)
  assert.doesNotMatch(head, /sec-websocket-extensions/i)
})

for (const [what, lines, status] of [
  ['[MQTT-6.0.0-3] no sub-protocol', upgradeLines({ 'Sec-WebSocket-Protocol': null }), 400],
  ['[MQTT-6.0.0-3] another sub-protocol', upgradeLines({ 'Sec-WebSocket-Protocol': 'mqttv3.1, MQTT' }), 400],
  ['a sub-protocol list that is none', upgradeLines({ 'Sec-WebSocket-Protocol': 'mqtt, mqtt' }), 400],
  ['S52: another path', upgradeLines({}, '/mqtt/'), 404],
  ['S52: the path in capitals', upgradeLines({}, '/MQTT'), 404],
  ['S52: POST', ['POST /mqtt HTTP/1.1', ...upgradeLines().slice(1)], 405],
  ['HTTP/1.0', ['GET /mqtt HTTP/1.0', ...upgradeLines().slice(1)], 405],
  ['version 8', upgradeLines({ 'Sec-WebSocket-Version': '8' }), 426],
  ['no version', upgradeLines({ 'Sec-WebSocket-Version': null }), 426],
  ['no key', upgradeLines({ 'Sec-WebSocket-Key': null }), 400],
  ['a short key', upgradeLines({ 'Sec-WebSocket-Key': 'AAAA' }), 400],
  ['another upgrade', upgradeLines({ Upgrade: 'h2c' }), 400],
] as const) {
  test(`${what}: the opening handshake is answered ${status} and the connection ends`, async (t) => {
    const door = await openWebDoor(t)
    const peer = new RawPeer(t, door.listening.port)
    const answer = await peer.request(lines)
    assert.equal(answer.status, status)
    if (status === 426) assert.match(answer.head, /^sec-websocket-version: 13\r$/im)
    await peer.ended()
    assert.equal(door.visitors.size, 0)
  })
}

test('a refused opening handshake is reported with its reason', async (t) => {
  const door = await openWebDoor(t)
  await new RawPeer(t, door.listening.port).request(upgradeLines({ 'Sec-WebSocket-Protocol': null }))
  assert.deepEqual(await door.failures.next(), {
    listener: 'wss',
    serverName: 'localhost',
    remoteAddress: '127.0.0.1',
    reason: 'HTTP 400: The sub-protocol mqtt must be offered (Sec-WebSocket-Protocol: mqtt).',
  })
})

test('a query behind the path is no other path', async (t) => {
  const door = await openWebDoor(t)
  assert.equal((await new RawPeer(t, door.listening.port).request(upgradeLines({}, '/mqtt?x=1'))).status, 101)
})

// ------------------------------------------------------------------------------------------------------ facts

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: the facts are the peer's, its certificates as the MQTT port reads them`, async (t) => {
    const directory = temporaryDirectory(t)
    const authority = selfSigned(directory, 'ca', '/CN=CA')
    const intermediate = issued(directory, 'intermediate', '/CN=Intermediate', authority, authorityExtensions)
    const leaf = issued(directory, 'leaf', '/CN=device', intermediate, clientExtensions)
    const door = await openWebDoor(t)
    const options = { minVersion: version, maxVersion: version, servername: 'Broker.EXAMPLE.com.' }
    await openPeer(t, door, { ...options, key: leaf.key, cert: leaf.certificate + intermediate.certificate })
    const { transport } = await door.visitors.next()
    assert.equal(transport.listener, 'wss')
    assert.equal(transport.serverName, 'broker.example.com')
    assert.equal(transport.remoteAddress, '127.0.0.1')
    assert.equal(transport.tlsVersion, version)
    assert.equal(transport.refusedOrigin, null)
    assert.deepEqual(
      transport.peerChain.map((der) => Buffer.from(der).toString('base64')),
      [leaf, intermediate].map((pair) => pair.certificate.replace(/-----.*-----|\s/g, '')),
    )
    await openPeer(t, door, options)
    assert.deepEqual((await door.visitors.next()).transport.peerChain, [])
  })
}

test('S51: behind a foreign origin the certificate is dropped and the page named; behind an own one nothing is', async (t) => {
  const pair = selfSigned(temporaryDirectory(t), 'browser', '/CN=user')
  const certificate = { key: pair.key, cert: pair.certificate }
  const policy = { allowedOrigins: ['https://console.example'] }
  const door = await openWebDoor(t, { policy })
  for (const [origin, refused] of [
    [null, null],
    ['https://localhost', null],
    ['https://console.example', null],
    ['https://evil.example', 'https://evil.example'],
    ['null', 'null'],
  ] as const) {
    await openPeer(t, door, certificate, { Origin: origin })
    const { transport } = await door.visitors.next()
    assert.equal(transport.refusedOrigin, refused, `${origin}`)
    assert.equal(transport.peerChain.length, refused === null ? 1 : 0, `${origin}`)
  }
  await openPeer(t, door, {}, { Origin: 'https://evil.example' })
  const { transport } = await door.visitors.next()
  assert.equal(transport.refusedOrigin, null, 'who has no certificate lost none')
})

test('S51: two Origin headers are foreign', async (t) => {
  const pair = selfSigned(temporaryDirectory(t), 'browser', '/CN=user')
  const door = await openWebDoor(t)
  const peer = new RawPeer(t, door.listening.port, { key: pair.key, cert: pair.certificate })
  await peer.request([...upgradeLines({ Origin: 'https://localhost' }), 'Origin: https://localhost'])
  assert.notEqual((await door.visitors.next()).transport.refusedOrigin, null)
})

// ------------------------------------------------------------------------------------------------------ bytes

test('[MQTT-6.0.0-2] messages and fragments may be cut anywhere: the bytes are the same', async (t) => {
  const door = await openWebDoor(t, { echo: false })
  const peer = await openPeer(t, door)
  const visitor = await door.visitors.next()
  const bytes = randomBytes(300)
  const cuts = fc.uniqueArray(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 })
  const property = fc.asyncProperty(cuts, cuts, cuts, async (messages, fragments, writes) => {
    const cutAt = (source: Uint8Array, at: number[]): Buffer[] => {
      const ordered = [0, ...at.filter((cut) => cut <= source.length).sort((a, b) => a - b), source.length]
      return ordered.slice(1).map((end, i) => Buffer.from(source.subarray(ordered[i], end)))
    }
    const wire = Buffer.concat(
      cutAt(bytes, messages).flatMap((message) =>
        cutAt(message, fragments).map((fragment, i, all) =>
          Buffer.concat([
            frame(i === 0 ? Opcode.Binary : Opcode.Continuation, fragment, { final: i === all.length - 1 }),
            // A control frame may stand between fragments (RFC 6455 5.4).
            i % 3 === 1 ? frame(Opcode.Ping, 'x') : Buffer.alloc(0),
          ]),
        ),
      ),
    )
    for (const piece of cutAt(
      wire,
      writes.map((cut) => cut * 2),
    ))
      peer.socket.write(piece)
    assert.deepEqual(await bytesOf(visitor, bytes.length), bytes)
  })
  await fc.assert(property, { numRuns: 60 })
})

test('[MQTT-6.0.0-2] one byte in each message, and each byte of the wire alone', async (t) => {
  const door = await openWebDoor(t, { echo: false })
  const peer = await openPeer(t, door)
  const visitor = await door.visitors.next()
  const bytes = randomBytes(64)
  for (const byte of bytes) for (const wire of frame(Opcode.Binary, [byte] as never)) peer.send(Uint8Array.of(wire))
  assert.deepEqual(await bytesOf(visitor, bytes.length), bytes)
})

for (const length of [0, 1, 125, 126, 65_535, 65_536, 200_000]) {
  test(`each write of ${length} bytes is one final binary message without a mask`, async (t) => {
    const door = await openWebDoor(t, { echo: false })
    const peer = await openPeer(t, door)
    const { transport } = await door.visitors.next()
    const bytes = randomBytes(length)
    transport.write([bytes.subarray(0, length / 3), bytes.subarray(length / 3), Uint8Array.of(7)])
    transport.write([])
    const { opcode, payload } = (await peer.frame()) ?? assert.fail()
    assert.equal(opcode, Opcode.Binary)
    const digest = (buffer: Uint8Array) => createHash('sha256').update(buffer).digest('hex')
    assert.equal(digest(payload), digest(Buffer.concat([bytes, Uint8Array.of(7)])))
    peer.send(frame(Opcode.Ping, 'still there?'))
    assert.deepEqual(await peer.frame(), { opcode: Opcode.Pong, payload: Buffer.from('still there?') })
  })
}

/** What the peer is told by the close frame, and what the core. */
async function endingOf(peer: RawPeer, { ended }: Visitor): Promise<{ code: number | null; end: TransportEnd }> {
  let last = await peer.frame()
  while (last !== null && last.opcode !== Opcode.Close) last = await peer.frame()
  peer.send(frame(Opcode.Close, ''))
  await peer.ended()
  return { code: last === null ? null : last.payload.readUInt16BE(), end: await ended }
}

for (const [what, wire, code, cause] of [
  ['[MQTT-6.0.0-1] a text message', frame(Opcode.Text, 'hello'), 1003, 'textMessage'],
  ['[MQTT-6.0.0-1] an empty text message', frame(Opcode.Text, ''), 1003, 'textMessage'],
  ['a frame without a mask', frame(Opcode.Binary, 'x', { masked: false }), 1002, 'WS_ERR_EXPECTED_MASK'],
  ['an unknown opcode', frame(3, 'x'), 1002, 'WS_ERR_INVALID_OPCODE'],
  ['a continuation of nothing', frame(Opcode.Continuation, 'x'), 1002, 'WS_ERR_INVALID_OPCODE'],
  ['S52: a compressed frame', frame(0x42, 'x'), 1002, 'WS_ERR_UNEXPECTED_RSV_1'],
  ['a fragmented ping', frame(Opcode.Ping, 'x', { final: false }), 1002, 'WS_ERR_EXPECTED_FIN'],
  [
    'S52: a message above the packet limit, told by its header',
    frame(Opcode.Binary, '', { length: (1 << 20) + 1 }),
    1009,
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  ],
  [
    'S52: fragments that are above the packet limit together',
    Buffer.concat([
      frame(Opcode.Binary, Buffer.alloc(1 << 20), { final: false }),
      frame(Opcode.Continuation, '', { length: 1 }),
    ]),
    1009,
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  ],
  [
    'a message of ever more parts',
    Buffer.concat(Array.from({ length: 3_000 }, (_, i) => frame(i === 0 ? 2 : 0, 'x', { final: false }))),
    1008,
    'WS_ERR_TOO_MANY_BUFFERED_PARTS',
  ],
] as const) {
  test(`${what} ends the connection with ${code}`, async (t) => {
    const door = await openWebDoor(t)
    const peer = await openPeer(t, door)
    const visitor = await door.visitors.next()
    peer.send(wire)
    assert.deepEqual(await endingOf(peer, visitor), { code, end: { kind: 'error', code: cause } })
    assert.equal(visitor.chunks.size, 0)
  })
}

test('a peer that pings and does not read the pongs is cut', async (t) => {
  const door = await openWebDoor(t)
  const peer = await openPeer(t, door)
  const visitor = await door.visitors.next()
  peer.socket.pause()
  const pings = Buffer.concat(Array.from({ length: 1_000 }, () => frame(Opcode.Ping, 'x'.repeat(125))))
  const flood = (): void => {
    while (!peer.socket.destroyed && peer.socket.write(pings));
  }
  peer.socket.on('drain', flood)
  flood()
  assert.equal((await visitor.ended).kind, 'peerClosed')
})

// ------------------------------------------------------------------------------------------------------- flow

test('what a peer does not read waits, and the drain is told when all of it has left, pongs between or not', async (t) => {
  const door = await openWebDoor(t, { echo: false })
  const peer = await openPeer(t, door)
  const { transport, drains } = await door.visitors.next()
  peer.socket.pause()
  const block = Buffer.alloc(1 << 20)
  let written = 0
  while (transport.pendingBytes === 0 || written < 8) {
    transport.write([block])
    written++
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(written < 200)
  }
  assert.ok(transport.pendingBytes > 0)
  while (drains.size > 0) await drains.next()
  peer.send(frame(Opcode.Ping, 'in between'))
  peer.socket.resume()
  assert.equal(await drains.next(), 0)
  assert.equal(transport.pendingBytes, 0)
  for (let i = 0; i < written; i++) {
    const { opcode } = (await peer.frame()) ?? assert.fail()
    if (opcode === Opcode.Pong) i--
  }
})

test('a paused peer is not read beyond one receive buffer, and goes on where it stopped', async (t) => {
  const door = await openWebDoor(t, { echo: false })
  const peer = await openPeer(t, door)
  const { transport, chunks } = await door.visitors.next()
  peer.send(frame(Opcode.Binary, 'first'))
  assert.equal((await chunks.next()).toString(), 'first')
  transport.pause()
  const message = frame(Opcode.Binary, Buffer.alloc(10_000, 0x61))
  const count = 2_000
  for (let i = 0; i < count; i++) peer.socket.write(message)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(chunks.size < 20, `${chunks.size}`)
  assert.ok(peer.socket.writableLength > 0)
  transport.resume()
  for (let i = 0; i < count; i++) assert.equal((await chunks.next()).length, 10_000)
})

test('S55: what an incomplete message holds is told until the first answer, and no more after it', async (t) => {
  const held = new Mailbox<number>()
  const door = await openWebDoor(t, { echo: false, held })
  const peer = await openPeer(t, door)
  const { transport, chunks } = await door.visitors.next()
  peer.send(frame(Opcode.Binary, Buffer.alloc(5_000), { length: 10_000 }))
  const first = await held.next()
  assert.ok(first > 5_000 && first < 6_000, `${first}`)
  peer.send(frame(Opcode.Ping, 'x').subarray(0, 0), Buffer.alloc(4_000))
  const second = await held.next()
  assert.ok(second > 9_000 && second < 10_000, `${second}`)
  peer.send(Buffer.alloc(1_000))
  await chunks.next()
  assert.equal(await held.next(), 0)
  peer.send(frame(Opcode.Binary, 'whole'), frame(Opcode.Binary, Buffer.alloc(2_000), { length: 10_000 }))
  await chunks.next()
  const third = await held.next()
  assert.ok(third > 2_000 && third < 3_000, `${third}`)
  transport.write([Buffer.from('answer')])
  await peer.frame()
  peer.send(Buffer.alloc(8_000))
  await chunks.next()
  assert.equal(held.size, 0)
})

// -------------------------------------------------------------------------------------------------------- end

test('our end: what was written arrives first, then a close frame 1000', async (t) => {
  const door = await openWebDoor(t, { echo: false })
  const peer = await openPeer(t, door)
  const visitor = await door.visitors.next()
  visitor.transport.write([Buffer.from('last words')])
  visitor.transport.close()
  assert.equal((await peer.frame())?.payload.toString(), 'last words')
  // What it still sends is dropped.
  peer.send(frame(Opcode.Binary, 'too late'))
  assert.deepEqual(await endingOf(peer, visitor), { code: 1000, end: { kind: 'closedByUs' } })
  assert.equal(visitor.chunks.size, 0)
})

test('our end, to a paused peer: its close frame is still read', async (t) => {
  const door = await openWebDoor(t, { echo: false })
  const peer = await openPeer(t, door)
  const visitor = await door.visitors.next()
  visitor.transport.pause()
  visitor.transport.close()
  assert.equal((await endingOf(peer, visitor)).code, 1000)
})

test('a peer that does not follow our end is cut', async (t) => {
  const door = await openWebDoor(t, { lingerMs: 30 })
  const peer = await openPeer(t, door)
  const { transport, ended } = await door.visitors.next()
  transport.close()
  assert.equal((await peer.frame())?.opcode, Opcode.Close)
  await peer.ended()
  assert.deepEqual(await ended, { kind: 'closedByUs' })
})

test('a peer that closes is answered with its code', async (t) => {
  const door = await openWebDoor(t)
  const peer = await openPeer(t, door)
  const { ended } = await door.visitors.next()
  peer.send(frame(Opcode.Close, Buffer.from([0x03, 0xe9])))
  assert.deepEqual((await peer.frame())?.payload, Buffer.from([0x03, 0xe9]))
  assert.deepEqual(await ended, { kind: 'peerClosed' })
  await peer.ended()
})

test('a peer that closes and then stays is gone for the core at once, and cut soon', async (t) => {
  const door = await openWebDoor(t, { lingerMs: 30 })
  const peer = await openPeer(t, door, { allowHalfOpen: true } as never)
  const { ended } = await door.visitors.next()
  peer.send(frame(Opcode.Close, ''))
  assert.deepEqual(await ended, { kind: 'peerClosed' })
  // Half open, it learns that the other half is gone when it writes.
  const writing = setInterval(() => peer.socket.write('x'), 5)
  await peer.ended()
  clearInterval(writing)
})

test('a peer that leaves without a close frame, in order or not, is gone', async (t) => {
  const door = await openWebDoor(t)
  const orderly = await openPeer(t, door)
  const first = await door.visitors.next()
  orderly.socket.end()
  assert.deepEqual(await first.ended, { kind: 'peerClosed' })
  const below = connectTcp(door.listening.port, '127.0.0.1')
  await openPeer(t, door, { socket: below })
  const second = await door.visitors.next()
  below.resetAndDestroy()
  assert.deepEqual(await second.ended, { kind: 'error', code: 'ECONNRESET' })
})

test('a cut from our side tells the core once, and nothing is written after it', async (t) => {
  const door = await openWebDoor(t)
  const peer = await openPeer(t, door)
  const { transport, ended } = await door.visitors.next()
  transport.destroy()
  transport.destroy()
  transport.close()
  transport.write([Buffer.from('x')])
  assert.deepEqual(await ended, { kind: 'closedByUs' })
  assert.equal(transport.pendingBytes, 0)
  assert.equal(await peer.frame(), null)
  await peer.ended()
})
