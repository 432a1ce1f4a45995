import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { received, receiveInPlace } from '../../src/listeners/receive-buffer.ts'
import { SocketTransport } from '../../src/listeners/socket-transport.ts'
import { serverContexts } from './door.ts'

interface Peers {
  readonly client: Socket
  readonly accepted: Socket
}

async function peers(t: TestContext, kind: 'tcp' | 'tls'): Promise<Peers> {
  const server = kind === 'tcp' ? createServer() : createTlsServer(serverContexts(t).fallbackOptions)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client =
    kind === 'tcp'
      ? connect({ host: '127.0.0.1', port })
      : connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
  const [accepted] = (await once(server, kind === 'tcp' ? 'connection' : 'secureConnection')) as [Socket]
  for (const socket of [client, accepted]) socket.on('error', () => {})
  t.after(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  return { client, accepted }
}

function transportOf(socket: Socket): SocketTransport {
  const facts = {
    listener: 'mqtts',
    serverName: null,
    remoteAddress: '127.0.0.1',
    tlsVersion: null,
    readChain: null,
  } as const
  return new SocketTransport(socket, facts, fakeClock(unixMillis(0)).clock)
}

/** What arrives until there are so many bytes, and the memory that each chunk came in. */
function take(transport: SocketTransport, count: number): Promise<{ bytes: Buffer; memory: Set<ArrayBufferLike> }> {
  const parts: Buffer[] = []
  const memory = new Set<ArrayBufferLike>()
  let length = 0
  return new Promise((resolve) => {
    transport.start({
      onChunk(chunk) {
        parts.push(Buffer.from(chunk))
        memory.add(chunk.buffer)
        length += chunk.length
        if (length >= count) resolve({ bytes: Buffer.concat(parts), memory })
      },
      onDrain() {},
      onEnd() {},
    })
  })
}

async function somethingWaitsIn(socket: Socket): Promise<void> {
  while (socket.readableLength === 0) {
    socket.read(0)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const sizes = [1, 3, 1_000, 2_048, 2_049, 70_000]

for (const kind of ['tcp', 'tls'] as const) {
  test(`${kind}: what two peers send comes whole and in order, all of it in one receive buffer`, async (t) => {
    const all = new Set<ArrayBufferLike>()
    for (let i = 0; i < 2; i++) {
      const { client, accepted } = await peers(t, kind)
      const sent = Buffer.concat(sizes.map((size, at) => Buffer.alloc(size, 16 * i + at)))
      const taken = take(transportOf(accepted), sent.length)
      for (let at = 0, from = 0; at < sizes.length; at++) {
        client.write(sent.subarray(from, from + sizes[at]!))
        from += sizes[at]!
        await new Promise((resolve) => setImmediate(resolve))
      }
      const { bytes, memory } = await taken
      assert.ok(bytes.equals(sent))
      for (const one of memory) all.add(one)
    }
    assert.equal(all.size, 1)
  })

  test(`${kind}: what waited before the start comes first`, async (t) => {
    const { client, accepted } = await peers(t, kind)
    client.write('first ')
    await somethingWaitsIn(accepted)
    assert.equal(
      receiveInPlace(accepted, () => assert.fail('nothing may be told')),
      false,
    )
    const taken = take(transportOf(accepted), 12)
    client.write('second')
    assert.equal((await taken).bytes.toString(), 'first second')
  })

  for (const when of ['before', 'after']) {
    test(`${kind}: a transport paused by a chunk from ${when} its start is given at most one receive buffer more`, async (t) => {
      const { client, accepted } = await peers(t, kind)
      const transport = transportOf(accepted)
      let count = 0
      let isPaused = false
      const done = Promise.withResolvers<void>()
      client.write('x')
      if (when === 'before') await somethingWaitsIn(accepted)
      transport.start({
        onChunk(chunk) {
          count += chunk.length
          if (!isPaused) transport.pause()
          isPaused = true
          if (count === 1_000_001) done.resolve()
        },
        onDrain() {},
        onEnd() {},
      })
      while (!isPaused) await new Promise((resolve) => setImmediate(resolve))
      client.write(Buffer.alloc(1_000_000))
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(count <= 1 + (64 << 10), `${count}`)
      transport.resume()
      await done.promise
    })
  }
}

test('a callback that answers false is told nothing until the socket is resumed', async (t) => {
  const { client, accepted } = await peers(t, 'tcp')
  const told: string[] = []
  const taken = receiveInPlace(accepted, (length) => {
    told.push(Buffer.from(received(length)).toString())
    return false
  })
  assert.equal(taken, true)
  accepted.resume()
  client.write('a')
  while (told.length === 0) await new Promise((resolve) => setImmediate(resolve))
  // Behind `a` in the stream, and the end of it: neither is read.
  client.end('b')
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(told, ['a'])
  const ended = once(accepted, 'end')
  accepted.resume()
  while (told.length === 1) await new Promise((resolve) => setImmediate(resolve))
  accepted.resume()
  await ended
  assert.deepEqual(told, ['a', 'b'])
})

test('a socket without what this rests on stays as it is', async (t) => {
  const { accepted } = await peers(t, 'tcp')
  const never = (): boolean => assert.fail('nothing may be told')
  assert.equal(receiveInPlace(Object.assign(Object.create(accepted), { _handle: null }), never), false)
  assert.equal(receiveInPlace(Object.assign(Object.create(accepted), { _handle: {} }), never), false)
  const own = connect({
    port: 1,
    host: '127.0.0.1',
    onread: { buffer: Buffer.alloc(9), callback: () => true },
  })
  own.on('error', () => {})
  assert.equal(receiveInPlace(own, never), false)
  own.destroy()
})
