import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TransportEnd } from '../../src/ports/transport.ts'
import { fakeTransport } from '../support/fake-transport.ts'

function started(options: Parameters<typeof fakeTransport>[0] = {}) {
  const { transport, peer } = fakeTransport(options)
  const seen = { chunks: [] as number[][], views: [] as Uint8Array[], drains: 0, ends: [] as TransportEnd[] }
  const start = (): void =>
    transport.start({
      onChunk(chunk) {
        seen.chunks.push([...chunk])
        seen.views.push(chunk)
      },
      onDrain: () => seen.drains++,
      onEnd: (end) => void seen.ends.push(end),
    })
  return { transport, peer, seen, start }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('chunks that came before the start wait, and a view is worthless after the call', () => {
  const { peer, seen, start } = started()
  peer.send(new Uint8Array([1, 2]))
  assert.deepEqual(seen.chunks, [])
  start()
  peer.send(new Uint8Array([3]))
  assert.deepEqual(seen.chunks, [[1, 2], [3]])
  assert.deepEqual([...(seen.views[0] ?? [])], [0xa5, 0xa5])
})

test('a paused transport delivers nothing until it is resumed', async () => {
  const { transport, peer, seen, start } = started()
  start()
  transport.pause()
  peer.send(new Uint8Array([1]))
  await turn()
  assert.deepEqual(seen.chunks, [])
  transport.resume()
  await turn()
  assert.deepEqual(seen.chunks, [[1]])
})

test('a stalled write is read when the stall ends: memory reused too early shows', () => {
  const { transport, peer, seen, start } = started()
  start()
  peer.stall(true)
  const range = new Uint8Array([1, 2])
  transport.write([range, new Uint8Array([3])])
  assert.equal(transport.pendingBytes, 3)
  range[0] = 9
  peer.stall(false)
  assert.deepEqual([...peer.take()], [9, 2, 3])
  assert.equal(transport.pendingBytes, 0)
  assert.equal(seen.drains, 1)
  transport.write([new Uint8Array([4])])
  assert.equal(seen.drains, 1)
  assert.equal(peer.writes, 2)
})

test('close sends what was written first, and the end is told once', async () => {
  const { transport, peer, seen, start } = started()
  start()
  peer.stall(true)
  transport.write([new Uint8Array([1])])
  transport.close()
  transport.write([new Uint8Array([2])])
  await turn()
  assert.deepEqual(seen.ends, [])
  peer.stall(false)
  transport.destroy()
  await turn()
  assert.deepEqual([...peer.take()], [1])
  assert.deepEqual(seen.ends, [{ kind: 'closedByUs' }])
  assert.deepEqual(peer.ended, { kind: 'closedByUs' })
})

test('a peer that closes is told behind its bytes; a reset at once and before them', async () => {
  const polite = started()
  polite.peer.send(new Uint8Array([1]))
  polite.peer.close()
  polite.start()
  await turn()
  assert.deepEqual(polite.seen.chunks, [[1]])
  assert.deepEqual(polite.seen.ends, [{ kind: 'peerClosed' }])
  const rude = started()
  rude.peer.send(new Uint8Array([1]))
  rude.peer.reset()
  rude.start()
  await turn()
  assert.deepEqual(rude.seen.chunks, [])
  assert.deepEqual(rude.seen.ends, [{ kind: 'error', code: 'ECONNRESET' }])
})
