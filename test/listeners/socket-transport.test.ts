import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { type Door, openDoor, type Visitor } from './door.ts'

/** A peer and the transport that the door made of it. */
async function pair(t: TestContext, door: Door): Promise<{ client: Socket; visitor: Visitor }> {
  const client = connect(door.listening.port, '127.0.0.1')
  client.on('error', () => {})
  t.after(() => client.destroy())
  return { client, visitor: await door.visitors.next() }
}

/** Everything the peer receives until it has `count` bytes. */
function receive(client: Socket, count: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  return new Promise((resolve) => {
    const take = (chunk: Buffer): void => {
      parts.push(chunk)
      length += chunk.length
      if (length < count) return
      client.off('data', take)
      resolve(Buffer.concat(parts))
    }
    client.on('data', take)
    client.resume()
  })
}

/** Reads nothing, so that the writer's data stays where it is. */
function hold(client: Socket): void {
  client.pause()
}

for (const sizes of [[3], [3, 5, 7], [3_000, 3_000, 1], [70_000, 1, 200_000]]) {
  test(`ranges of ${sizes.join(', ')} bytes arrive as one stream in order`, async (t) => {
    const { client, visitor } = await pair(t, await openDoor(t, 'tcp'))
    const ranges = sizes.map((size, i) => Buffer.alloc(size, i + 1))
    visitor.transport.write(ranges)
    const whole = Buffer.concat(ranges)
    assert.ok((await receive(client, whole.length)).equals(whole))
  })
}

test('small ranges of one write travel in one TLS record', async (t) => {
  const door = await openDoor(t, 'tls')
  const client = connectTls({ host: '127.0.0.1', port: door.listening.port, rejectUnauthorized: false })
  t.after(() => client.destroy())
  const visitor = await door.visitors.next()
  visitor.transport.write(Array.from({ length: 10 }, (_, i) => Buffer.alloc(70, i)))
  // The TLS layer hands one record on as one chunk.
  assert.equal(((await once(client, 'data')) as [Buffer])[0].length, 700)
})

test('large ranges of one write fill whole TLS records', async (t) => {
  const door = await openDoor(t, 'tls')
  const client = connectTls({ host: '127.0.0.1', port: door.listening.port, rejectUnauthorized: false })
  t.after(() => client.destroy())
  const visitor = await door.visitors.next()
  visitor.transport.write(Array.from({ length: 4 }, (_, i) => Buffer.alloc(4_096, i)))
  assert.equal(((await once(client, 'data')) as [Buffer])[0].length, 16_384)
})

test('pendingBytes counts what the system has not taken, and onDrain comes once when it has', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp'))
  hold(client)
  const block = Buffer.alloc(1 << 20)
  let written = 0
  while (visitor.transport.pendingBytes === 0) {
    visitor.transport.write([block])
    written += block.length
  }
  visitor.transport.write([block])
  written += block.length
  assert.ok(visitor.transport.pendingBytes >= block.length)
  assert.equal(visitor.drains.size, 0)
  await receive(client, written)
  assert.equal(await visitor.drains.next(), 0)
  assert.equal(visitor.drains.size, 0)
})

test('a write that the system takes at once is not followed by onDrain', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp'))
  visitor.transport.write([Buffer.from('x')])
  assert.equal(visitor.transport.pendingBytes, 0)
  await receive(client, 1)
  client.write('y')
  await visitor.chunks.next()
  assert.equal(visitor.drains.size, 0)
})

test('a paused transport delivers nothing, holds a bounded amount and slows its peer', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp', { echo: false }))
  visitor.transport.pause()
  const block = Buffer.alloc(1 << 20, 7)
  let sent = 0
  // Until the kernel's buffers on both sides are full and stay full: the other side reads no more.
  for (let calm = 0; calm < 3; ) {
    if (client.writableLength === 0) {
      client.write(block)
      sent += block.length
      calm = 0
    } else calm++
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(visitor.chunks.size, 0)
  visitor.transport.resume()
  let received = 0
  while (received < sent) received += (await visitor.chunks.next()).length
  assert.equal(received, sent)
})

test('close sends what was written before it, and ends as closed by us', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp'))
  visitor.transport.write([Buffer.from('last words')])
  visitor.transport.close()
  visitor.transport.write([Buffer.from('too late')])
  const ended = once(client, 'end')
  assert.equal((await receive(client, 10)).toString(), 'last words')
  await ended
  assert.deepEqual(await visitor.ended, { kind: 'closedByUs' })
})

test('bytes that a peer sends after our close do not turn it into a reset that loses our last packet', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp', { echo: false }))
  const unread = Buffer.alloc(300_000)
  client.write(unread)
  visitor.transport.pause()
  visitor.transport.write([Buffer.from('refused')])
  visitor.transport.close()
  let failed: Error | null = null
  client.on('error', (error) => {
    failed = error
  })
  const ended = once(client, 'end')
  assert.equal((await receive(client, 7)).toString(), 'refused')
  await ended
  assert.equal(failed, null)
})

test('a peer that does not take our end is cut when the linger time passes', async (t) => {
  const time = fakeClock(unixMillis(0))
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp', { clock: time.clock, lingerMs: 5_000 }))
  hold(client)
  while (visitor.transport.pendingBytes === 0) visitor.transport.write([Buffer.alloc(1 << 20)])
  visitor.transport.close()
  time.advance(4_999)
  let over = false
  void visitor.ended.then(() => {
    over = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(over, false)
  time.advance(1)
  assert.deepEqual(await visitor.ended, { kind: 'closedByUs' })
  assert.equal(visitor.transport.pendingBytes, 0)
})

test('the end of a transport leaves no timer behind', async (t) => {
  const time = fakeClock(unixMillis(0))
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp', { clock: time.clock }))
  visitor.transport.close()
  client.resume()
  await visitor.ended
  assert.equal(time.pendingTimers, 0)
})

test('a peer that ends is told to the core once, and its socket is closed from our side too', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp'))
  client.end('bye')
  assert.equal((await visitor.chunks.next()).toString(), 'bye')
  assert.deepEqual(await visitor.ended, { kind: 'peerClosed' })
  client.resume()
  await once(client, 'close')
})

test('the end of a peer that does not read is told when nothing of ours is in the socket any more', async (t) => {
  const time = fakeClock(unixMillis(0))
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp', { clock: time.clock, echo: false }))
  hold(client)
  while (visitor.transport.pendingBytes === 0) visitor.transport.write([Buffer.alloc(1 << 20)])
  client.end('x')
  await visitor.chunks.next()
  while (time.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve))
  let pendingAtEnd: number | null = null
  const ended = visitor.ended.then((end) => {
    pendingAtEnd = visitor.transport.pendingBytes
    return end
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(pendingAtEnd, null)
  assert.ok(visitor.transport.pendingBytes > 0)
  time.advance(5_000)
  assert.deepEqual(await ended, { kind: 'peerClosed' })
  assert.equal(pendingAtEnd, 0)
})

test('a reset is told with its code', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp'))
  client.resetAndDestroy()
  assert.deepEqual(await visitor.ended, { kind: 'error', code: 'ECONNRESET' })
})

test('destroy ends at once, and nothing is written or delivered after it', async (t) => {
  const { client, visitor } = await pair(t, await openDoor(t, 'tcp'))
  client.on('data', () => assert.fail('nothing may arrive'))
  visitor.transport.destroy()
  visitor.transport.write([Buffer.from('x')])
  assert.deepEqual(await visitor.ended, { kind: 'closedByUs' })
})
