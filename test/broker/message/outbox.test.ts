import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fakeClock } from '../../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../../src/base/time.ts'
import { Outbox } from '../../../src/broker/message/outbox.ts'
import { arenaBytes } from '../../../src/broker/turn/arena.ts'
import { Turn } from '../../../src/broker/turn/turn.ts'
import { fakeTransport } from '../../support/fake-transport.ts'

function setup(boundBytes = 1_000, pinnedBytes?: number) {
  const fake = fakeClock(unixMillis(0))
  const turn = new Turn(fake.clock, pinnedBytes === undefined ? {} : { pinnedBytes })
  const make = () => {
    const { transport, peer } = fakeTransport()
    let overrun = 0
    let drained = 0
    const outbox: Outbox = new Outbox(
      turn,
      transport,
      {
        onOutboxDrained: () => drained++,
        onOutboxOverrun: () => {
          overrun++
          outbox.end()
          transport.destroy()
          outbox.gone()
        },
      },
      boundBytes,
    )
    transport.start({ onChunk: () => {}, onDrain: () => outbox.drained(), onEnd: () => outbox.gone() })
    return { outbox, peer, transport, counts: () => ({ overrun, drained }) }
  }
  return { fake, turn, make }
}

/** Writes the text into the message arena and appends it to each outbox. */
function publish(turn: Turn, text: string, ...outboxes: Outbox[]): void {
  turn.begin()
  const arena = turn.arenas.reserve(text.length)
  const start = arena.used
  arena.used += arena.bytes.write(text, start, 'latin1')
  for (const outbox of outboxes) outbox.append(arena, start, arena.used)
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

test('all of a turn goes out as one write at its end', () => {
  const { fake, turn, make } = setup()
  const { outbox, peer } = make()
  publish(turn, 'one ', outbox)
  publish(turn, 'two ', outbox)
  outbox.send(Buffer.from('ack '))
  publish(turn, 'three', outbox)
  assert.equal(peer.writes, 0)
  fake.turn()
  assert.equal(peer.writes, 1)
  assert.equal(textOf(peer.take()), 'one two ack three')
  assert.ok(outbox.isEmpty)
})

test('an identifier is written into one peer’s copy only', () => {
  const { fake, turn, make } = setup()
  const a = make()
  const b = make()
  turn.begin()
  const arena = turn.arenas.reserve(4)
  const start = arena.used
  arena.used += arena.bytes.write('ab\0\0', start, 'latin1')
  a.outbox.appendPatched(arena, start, start + 4, start + 2, 0x4142)
  b.outbox.appendPatched(arena, start, start + 4, start + 2, 0x4344)
  fake.turn()
  assert.equal(textOf(a.peer.take()), 'abAB')
  assert.equal(textOf(b.peer.take()), 'abCD')
})

test('last words follow a write that is under way, in order; a peer that takes nothing is spared them', () => {
  const { fake, turn, make } = setup()
  const { outbox, peer, transport } = make()
  peer.stall(true)
  publish(turn, 'under way ', outbox)
  fake.turn()
  publish(turn, 'late ', outbox)
  outbox.send(Buffer.from('goodbye'))
  outbox.flushNow()
  outbox.end()
  transport.close()
  peer.stall(false)
  assert.equal(textOf(peer.take()), 'under way late goodbye')

  const slow = make()
  slow.peer.stall(true)
  publish(turn, 'under way', slow.outbox)
  fake.turn()
  for (let i = 0; i < 3; i++) {
    publish(turn, ' more', slow.outbox)
    fake.turn()
  }
  slow.outbox.flushNow()
  slow.outbox.end()
  slow.peer.stall(false)
  assert.equal(textOf(slow.peer.take()), 'under way')
})

test('what a stalled transport holds is not overwritten by later turns', () => {
  const { fake, turn, make } = setup()
  const slow = make()
  const fast = make()
  slow.peer.stall(true)
  publish(turn, 'for both', slow.outbox, fast.outbox)
  fake.turn()
  for (let i = 0; i < 5; i++) {
    publish(turn, `other bytes ${i}`, fast.outbox)
    fake.turn()
  }
  slow.peer.stall(false)
  assert.equal(textOf(slow.peer.take()), 'for both')
})

test('ranges behind a stalled write move into memory of their own and keep their order', () => {
  const { fake, turn, make } = setup()
  const slow = make()
  slow.peer.stall(true)
  for (const word of ['a', 'b', 'c', 'd', 'e']) {
    publish(turn, word, slow.outbox)
    fake.turn()
  }
  fake.turn()
  fake.turn()
  assert.ok(slow.outbox.isSlow)
  assert.equal(slow.outbox.waitingBytes, 5)
  // Only the write that the transport holds pins the arena.
  publish(turn, 'x'.repeat(arenaBytes >> 1), make().outbox)
  fake.turn()
  slow.peer.stall(false)
  fake.turn()
  assert.equal(textOf(slow.peer.take()), 'abcde')
})

test('the owner hears that there is room again while somebody waits for it, and only then', () => {
  const { fake, turn, make } = setup()
  const { outbox, peer, counts } = make()
  const round = () => {
    peer.stall(true)
    publish(turn, 'a', outbox)
    fake.turn()
    peer.stall(false)
    fake.turn()
  }
  round()
  assert.equal(counts().drained, 0)
  outbox.isAwaited = true
  round()
  round()
  assert.equal(counts().drained, 2)
  outbox.isAwaited = false
  round()
  assert.equal(counts().drained, 2)
  assert.equal(textOf(peer.take()), 'aaaa')
})

test('a burst too large for one copy is pinned in all its arenas until the transport has taken it', () => {
  const { fake, turn, make } = setup(2 * arenaBytes)
  const { outbox, peer } = make()
  const words = ['a', 'b', 'c'].map((letter) => letter.repeat(60 << 10))
  peer.stall(true)
  for (const word of words) {
    publish(turn, word, outbox)
    outbox.send(Buffer.from('|'))
  }
  const [oldest] = [turn.arenas.reserve(1)]
  fake.turn()
  assert.ok(oldest !== undefined && outbox.holds(oldest))
  // Nothing of it is written over meanwhile.
  publish(turn, 'x'.repeat(arenaBytes >> 1), make().outbox)
  fake.turn()
  peer.stall(false)
  fake.turn()
  assert.ok(!outbox.holds(oldest))
  assert.equal(textOf(peer.take()), `${words.join('|')}|`)
})

test('a peer that does not keep up is bounded, one that does may burst within a turn', () => {
  const { fake, turn, make } = setup(1_000)
  const { outbox, peer } = make()
  assert.ok(outbox.accepts(7_000))
  peer.stall(true)
  publish(turn, 'x'.repeat(900), outbox)
  fake.turn()
  publish(turn, 'y'.repeat(90), outbox)
  fake.turn()
  publish(turn, 'z', outbox)
  fake.turn()
  assert.ok(outbox.isSlow)
  assert.ok(outbox.accepts(9))
  assert.ok(!outbox.accepts(10))
})

test('memory of a transport that ended with bytes under way is never used again', () => {
  const { fake, turn, make } = setup()
  const gone = make()
  gone.peer.stall(true)
  publish(turn, 'secret of a', gone.outbox)
  const arena = turn.arenas.reserve(0)
  fake.turn()
  gone.outbox.gone()
  const other = make()
  for (let i = 0; i < 4; i++) {
    publish(turn, 'message for b', other.outbox)
    fake.turn()
  }
  assert.equal(textOf(arena.bytes.subarray(0, 11)), 'secret of a')
  assert.notEqual(turn.arenas.reserve(0), arena)
})

test('peers that pin the oldest arena are cut when all pinned arenas together are too many', () => {
  const { fake, turn, make } = setup(10 << 20, 3 << 20)
  const holders = Array.from({ length: 8 }, make)
  const keeping = make()
  for (const { peer } of holders) peer.stall(true)
  for (const { outbox } of holders) {
    publish(turn, 'x'.repeat(700_000), outbox, keeping.outbox)
    fake.turn()
  }
  const cut = holders.filter(({ counts }) => counts().overrun > 0).length
  assert.ok(cut >= 2, `${cut} cut`)
  assert.ok(turn.arenas.pinnedBytes <= 4 << 20)
  assert.equal(keeping.counts().overrun, 0)
  assert.equal(keeping.peer.take().length, 8 * 700_000)
})

test('whatever is appended, stalled and drained, each peer gets its bytes in order', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('publish' as const), size: fc.integer({ min: 1, max: 400_000 }), to: fc.nat(3) }),
    fc.record({ kind: fc.constant('send' as const), size: fc.integer({ min: 1, max: 60 }), to: fc.nat(2) }),
    fc.record({ kind: fc.constant('stall' as const), size: fc.nat(1), to: fc.nat(2) }),
    fc.record({ kind: fc.constant('turn' as const), size: fc.constant(0), to: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { fake, turn, make } = setup(100 << 20)
      const peers = [make(), make(), make()]
      const expected = peers.map(() => '')
      let next = 0
      for (const { kind, size, to } of steps) {
        const text = String.fromCharCode(97 + (next++ % 26)).repeat(size)
        if (kind === 'publish') {
          // 3: to all of them.
          const targets = to === 3 ? [0, 1, 2] : [to]
          publish(turn, text, ...targets.map((i) => peers[i]!.outbox))
          for (const i of targets) expected[i] += text
        } else if (kind === 'send') {
          peers[to]!.outbox.send(Buffer.from(text))
          expected[to] += text
        } else if (kind === 'stall') {
          peers[to]!.peer.stall(size === 1)
        } else {
          fake.turn()
        }
      }
      for (const { peer } of peers) peer.stall(false)
      for (let i = 0; i < 4; i++) fake.turn()
      for (const [i, { peer, outbox }] of peers.entries()) {
        assert.ok(textOf(peer.take()) === expected[i], `peer ${i}`)
        assert.ok(outbox.isEmpty)
      }
    }),
    { numRuns: 60 },
  )
})
