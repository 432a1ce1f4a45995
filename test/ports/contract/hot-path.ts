import assert from 'node:assert/strict'
import type { Engine } from '../../../src/ports/engine.ts'
import type { Commit } from '../../../src/ports/message-store.ts'
import type { Position, QueueLimits } from '../../../src/ports/session-store.ts'
import {
  after,
  appending,
  bytes,
  commit,
  delivery,
  type EngineUnderTest,
  everything,
  namespace,
  newOpId,
  newUid,
  nodeA,
  type Opened,
  open,
  ownerOf,
  queued,
  start,
  subscription,
  text,
  texts,
  will,
  withEngine,
} from './world.ts'

const drop = { now: start, expiryIntervalSeconds: 60, will: 'discard' } as const

/** Position of the message with this text. */
async function positionOf(engine: Engine, { record }: Opened, body: string): Promise<Position> {
  const messages = await engine.queue.read(record.uid, null, everything)
  const position = messages.find((message) => text(message.body) === body)?.position
  assert.ok(position !== undefined, `no message ${body}`)
  return position
}

function owning({ fence }: Opened, ...operations: Commit['owner'][number]['operations']): Commit {
  return commit({ owner: [{ fence, operations }] })
}

export function hotPathContract(adapter: EngineUnderTest): void {
  withEngine(
    adapter,
    'commit: a message comes back as it was appended, its body shared by all receivers',
    async (engine) => {
      const a = await open(engine, 'a')
      const b = await open(engine, 'b')
      await engine.hot.commit(
        commit({
          bodies: [bytes('one'), bytes('two'), new Uint8Array(0)],
          appends: [
            {
              session: a.record.uid,
              messages: [
                delivery(0, { qos: 2, retain: true, subscriptionIdentifiers: [1, 268_435_455], expiresAt: after(9) }),
                delivery(2),
              ],
            },
            { session: b.record.uid, messages: [delivery(0, { qos: 0 }), delivery(1)] },
          ],
          retain: [{ namespace, topicName: 't', body: 0, expiresAt: null }],
        }),
      )
      const [first, second, ...rest] = await engine.queue.read(a.record.uid, null, everything)
      assert.deepEqual(rest, [])
      assert.deepEqual(
        { ...first, position: null, body: text(first?.body ?? bytes('')) },
        {
          position: null,
          body: 'one',
          qos: 2,
          retain: true,
          subscriptionIdentifiers: [1, 268_435_455],
          expiresAt: after(9),
        },
      )
      assert.equal(second?.body.length, 0)
      // One entry of two messages: the same entry, rising index.
      assert.equal(first?.position.entry, second?.position.entry)
      assert.equal((second?.position.index ?? 0) - (first?.position.index ?? 0), 1)
      const other = await engine.queue.read(b.record.uid, null, everything)
      assert.deepEqual(texts(other), ['one', 'two'])
      assert.equal(other[0]?.qos, 0)
      assert.equal(text(engine.retained.get(namespace, 't')?.body ?? bytes('')), 'one')
    },
  )

  withEngine(adapter, 'commit: bodies are copies of what the caller gave', async (engine) => {
    const a = await open(engine, 'a')
    const arena = bytes('xxkeptxx')
    const body = arena.subarray(2, 6)
    await engine.hot.commit(
      commit({
        bodies: [body],
        appends: [{ session: a.record.uid, messages: [delivery(0)] }],
        retain: [{ namespace, topicName: 't', body: 0, expiresAt: null }],
        owner: [{ fence: a.fence, operations: [{ kind: 'incoming', packetIdentifier: 1, body }] }],
      }),
    )
    arena.fill(0)
    assert.deepEqual(await queued(engine, a.record.uid), ['kept'])
    assert.equal(text(engine.retained.get(namespace, 't')?.body ?? bytes('')), 'kept')
    const again = await open(engine, 'a')
    assert.equal(text(again.inflight.incoming[0]?.body ?? bytes('')), 'kept')
  })

  withEngine(adapter, 'commit: calls are applied in call order, whatever their number', async (engine) => {
    const a = await open(engine, 'a')
    const calls = Array.from({ length: 500 }, (_, i) => engine.hot.commit(appending(a.record.uid, `${i}`)))
    await calls[250]
    const early = await queued(engine, a.record.uid)
    assert.ok(early.length >= 251)
    await Promise.all(calls)
    assert.deepEqual(
      await queued(engine, a.record.uid),
      Array.from({ length: 500 }, (_, i) => `${i}`),
    )
    const positions = (await engine.queue.read(a.record.uid, null, everything)).map(({ position }) => position)
    for (const [i, position] of positions.entries()) {
      const last = positions[i - 1]
      if (last === undefined) continue
      assert.ok(position.entry > last.entry || (position.entry === last.entry && position.index > last.index))
    }
  })

  withEngine(adapter, 'commit: nothing of it is visible before the call returned', async (engine) => {
    const a = await open(engine, 'a')
    const done = engine.hot.commit({
      ...appending(a.record.uid, 'm'),
      retain: [{ namespace, topicName: 't', body: 0, expiresAt: null }],
    })
    assert.equal(engine.queue.size(a.record.uid).messages, 0)
    assert.equal(engine.retained.get(namespace, 't'), undefined)
    await done
    assert.equal(engine.queue.size(a.record.uid).messages, 1)
  })

  withEngine(adapter, 'commit: the same operation id takes effect once and has the same result', async (engine) => {
    const a = await open(engine, 'a', { queue: { maximumMessages: 1, maximumBytes: 1000, overflow: 'dropOldest' } })
    const once = appending(a.record.uid, 'm1', 'm2')
    const result = await engine.hot.commit(once)
    assert.equal(result.overflow[0]?.dropped, 1)
    assert.deepEqual(await engine.hot.commit(once), result)
    assert.deepEqual(await Promise.all([engine.hot.commit(once), engine.hot.commit(once)]), [result, result])
    assert.deepEqual(await queued(engine, a.record.uid), ['m2'])
    const twice = appending(a.record.uid, 'm3')
    await Promise.all([engine.hot.commit(twice), engine.hot.commit(twice)])
    assert.deepEqual(await queued(engine, a.record.uid), ['m3'])
    const { position } = (await engine.queue.read(a.record.uid, null, everything))[0] ?? assert.fail()
    await engine.hot.commit(twice)
    assert.deepEqual((await engine.queue.read(a.record.uid, null, everything))[0]?.position, position)
  })

  withEngine(adapter, 'commit: the same operation id takes effect once across a restart', async (engine, world) => {
    const a = await open(engine, 'a')
    const once = appending(a.record.uid, 'm1')
    await engine.hot.commit(once)
    await world.crash(nodeA)
    const again = await world.engine(nodeA)
    await again.hot.commit(once)
    assert.deepEqual(await queued(again, a.record.uid), ['m1'])
  })

  withEngine(adapter, 'commit: an operation id of another commit is a bug, never a silent loss', async (engine) => {
    const a = await open(engine, 'a')
    const once = appending(a.record.uid, 'm1')
    await engine.hot.commit(once)
    await assert.rejects(engine.hot.commit({ ...appending(a.record.uid, 'longer'), opId: once.opId }))
    assert.deepEqual(await queued(engine, a.record.uid), ['m1'])
  })

  withEngine(adapter, 'commit: a body index that does not exist changes nothing', async (engine) => {
    const a = await open(engine, 'a')
    await assert.rejects(
      engine.hot.commit(
        commit({
          bodies: [bytes('m')],
          retain: [{ namespace, topicName: 't', body: 0, expiresAt: null }],
          appends: [{ session: a.record.uid, messages: [delivery(0), delivery(1)] }],
        }),
      ),
    )
    assert.equal(engine.retained.get(namespace, 't'), undefined)
    assert.deepEqual(await queued(engine, a.record.uid), [])
    await engine.hot.commit(appending(a.record.uid, 'still works'))
  })

  withEngine(adapter, 'commit: appends to unknown, removed and unqueued sessions are passed over', async (engine) => {
    const kept = await open(engine, 'kept')
    const gone = await open(engine, 'gone')
    const transient = await open(engine, 'transient', { expiryIntervalSeconds: 0 })
    await engine.sessions.remove(gone.record.uid, 'any')
    const sessions = [newUid(), gone.record.uid, transient.record.uid, kept.record.uid]
    const result = await engine.hot.commit(
      commit({ bodies: [bytes('m')], appends: sessions.map((session) => ({ session, messages: [delivery(0)] })) }),
    )
    assert.deepEqual(result, { overflow: [], fenced: [], withheld: [] })
    assert.deepEqual(await queued(engine, kept.record.uid), ['m'])
    assert.deepEqual(await queued(engine, gone.record.uid), [])
    assert.equal(engine.queue.size(transient.record.uid).messages, adapter.transientQueue === 'memory' ? 0 : 1)
  })

  withEngine(adapter, 'commit: a stale fence rejects its own operations only', async (engine) => {
    const stale = await open(engine, 'a')
    const fresh = await open(engine, 'a')
    const other = await open(engine, 'b')
    const result = await engine.hot.commit(
      commit({
        bodies: [bytes('m')],
        appends: [{ session: other.record.uid, messages: [delivery(0)] }],
        retain: [{ namespace, topicName: 't', body: 0, expiresAt: null }],
        owner: [
          {
            fence: stale.fence,
            operations: [
              { kind: 'subscriptions', subscriptions: [subscription('stale')] },
              { kind: 'expiryInterval', seconds: 1 },
              { kind: 'incoming', packetIdentifier: 1, body: bytes('stale') },
            ],
          },
          { fence: other.fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('fresh')] }] },
          { fence: { session: newUid(), epoch: 1n }, operations: [{ kind: 'expiryInterval', seconds: 1 }] },
        ],
      }),
    )
    assert.equal(result.fenced.length, 2)
    assert.ok(result.fenced.includes(stale.record.uid))
    assert.deepEqual(engine.sessions.get(fresh.record.uid), fresh.record)
    assert.deepEqual(engine.sessions.get(other.record.uid)?.subscriptions, [subscription('fresh')])
    assert.deepEqual(await queued(engine, other.record.uid), ['m'])
    assert.notEqual(engine.retained.get(namespace, 't'), undefined)
    assert.deepEqual((await open(engine, 'a')).inflight.incoming, [])
  })

  withEngine(adapter, 'acknowledge: the cursor goes forward only and frees what it passed', async (engine) => {
    const a = await open(engine, 'a')
    await engine.hot.commit(appending(a.record.uid, '1', '22', '333', '4444'))
    const [one, two, three] = await engine.queue.read(a.record.uid, null, everything)
    await engine.hot.commit(owning(a, { kind: 'acknowledge', upTo: two?.position as Position }))
    assert.deepEqual(await queued(engine, a.record.uid), ['333', '4444'])
    assert.deepEqual(engine.queue.size(a.record.uid), { messages: 2, bytes: 7 })
    await engine.hot.commit(owning(a, { kind: 'acknowledge', upTo: one?.position as Position }))
    assert.deepEqual((await open(engine, 'a')).inflight.acknowledged, two?.position)
    assert.deepEqual(await queued(engine, a.record.uid, one?.position as Position), ['333', '4444'])
    assert.deepEqual(await queued(engine, a.record.uid, three?.position as Position), ['4444'])
  })

  withEngine(
    adapter,
    'acknowledge: a position ahead of everything swallows nothing that comes later',
    async (engine) => {
      const a = await open(engine, 'a')
      await engine.hot.commit(appending(a.record.uid, '1'))
      await engine.hot.commit(owning(a, { kind: 'acknowledge', upTo: { entry: 1n << 60n, index: 0 } }))
      await engine.hot.commit(appending(a.record.uid, '2'))
      assert.equal((await queued(engine, a.record.uid)).at(-1), '2')
    },
  )

  withEngine(adapter, 'acknowledge: inside an entry of several messages', async (engine) => {
    const a = await open(engine, 'a')
    await engine.hot.commit(
      commit({
        bodies: [bytes('1'), bytes('2'), bytes('3')],
        appends: [{ session: a.record.uid, messages: [delivery(0), delivery(1), delivery(2)] }],
      }),
    )
    await engine.hot.commit(owning(a, { kind: 'acknowledge', upTo: await positionOf(engine, a, '2') }))
    assert.deepEqual(await queued(engine, a.record.uid), ['3'])
    assert.equal(engine.queue.size(a.record.uid).messages, 1)
    await engine.hot.commit(owning(a, { kind: 'acknowledge', upTo: await positionOf(engine, a, '3') }))
    assert.deepEqual(engine.queue.size(a.record.uid), { messages: 0, bytes: 0 })
    await engine.hot.commit(appending(a.record.uid, '4'))
    assert.deepEqual(await queued(engine, a.record.uid), ['4'])
  })

  withEngine(
    adapter,
    'acknowledgeSoon: durable and visible at the latest when flushed, forward only, fenced',
    async (engine, world) => {
      const a = await open(engine, 'a')
      await engine.hot.commit(appending(a.record.uid, '1', '2', '3'))
      const [one, two] = await engine.queue.read(a.record.uid, null, everything)
      engine.hot.acknowledgeSoon(a.fence, two?.position as Position)
      engine.hot.acknowledgeSoon(a.fence, one?.position as Position)
      await engine.hot.flushAcknowledgements(a.fence)
      assert.deepEqual(await queued(engine, a.record.uid), ['3'])
      const taken = await open(engine, 'a')
      engine.hot.acknowledgeSoon(a.fence, await positionOf(engine, a, '3'))
      await engine.hot.flushAcknowledgements(taken.fence)
      assert.deepEqual(await queued(engine, a.record.uid), ['3'], 'a stale fence acknowledges nothing')
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      assert.deepEqual(await queued(again, a.record.uid), ['3'])
    },
  )

  withEngine(adapter, 'acknowledgeSoon: what was told before close is not lost with it', async (engine) => {
    const a = await open(engine, 'a')
    await engine.hot.commit(appending(a.record.uid, '1', '2'))
    engine.hot.acknowledgeSoon(a.fence, await positionOf(engine, a, '1'))
    await engine.hot.flushAcknowledgements(a.fence)
    await engine.sessions.close(a.fence, drop)
    assert.deepEqual(await queued(engine, a.record.uid), ['2'])
  })

  withEngine(
    adapter,
    'outgoing: bound Packet Identifiers and their phase survive until done or acknowledged',
    async (engine, world) => {
      const a = await open(engine, 'a')
      await engine.hot.commit(appending(a.record.uid, '1', '2', '3', '4'))
      const positions = await engine.queue.read(a.record.uid, null, everything)
      const [p1, p2, p3] = positions.map(({ position }) => position) as [Position, Position, Position]
      await engine.hot.commit(
        owning(
          a,
          { kind: 'outgoing', position: p3, packetIdentifier: 9, phase: 'sent' },
          { kind: 'outgoing', position: p1, packetIdentifier: 65_535, phase: 'sent' },
          { kind: 'outgoing', position: p2, packetIdentifier: 8, phase: 'sent' },
          { kind: 'outgoing', position: p2, packetIdentifier: 8, phase: 'released' },
        ),
      )
      const expected = [
        { position: p1, packetIdentifier: 65_535, phase: 'sent' },
        { position: p2, packetIdentifier: 8, phase: 'released' },
        { position: p3, packetIdentifier: 9, phase: 'sent' },
      ]
      assert.deepEqual((await open(engine, 'a')).inflight.outgoing, expected)
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      const resumed = await open(again, 'a')
      assert.deepEqual(resumed.inflight.outgoing, expected)
      assert.deepEqual(await queued(again, a.record.uid), ['1', '2', '3', '4'])
      // Done out of order: gone from the queue, though the cursor cannot pass it yet.
      await again.hot.commit(owning(resumed, { kind: 'outgoing', position: p2, packetIdentifier: 8, phase: 'done' }))
      assert.deepEqual(await queued(again, a.record.uid), ['1', '3', '4'])
      assert.deepEqual(again.queue.size(a.record.uid), { messages: 3, bytes: 3 })
      await again.hot.commit(owning(resumed, { kind: 'acknowledge', upTo: p3 }))
      const last = await open(again, 'a')
      assert.deepEqual(last.inflight, { acknowledged: p3, outgoing: [], incoming: [] })
      assert.deepEqual(await queued(again, a.record.uid), ['4'])
    },
  )

  withEngine(adapter, 'outgoing: a message may be done that was never bound', async (engine) => {
    const a = await open(engine, 'a')
    await engine.hot.commit(appending(a.record.uid, '1', '2', '3'))
    const position = await positionOf(engine, a, '2')
    await engine.hot.commit(owning(a, { kind: 'outgoing', position, packetIdentifier: 1, phase: 'done' }))
    await engine.hot.commit(owning(a, { kind: 'outgoing', position, packetIdentifier: 1, phase: 'done' }))
    assert.deepEqual(await queued(engine, a.record.uid), ['1', '3'])
    assert.equal(engine.queue.size(a.record.uid).messages, 2)
  })

  withEngine(
    adapter,
    'incoming: QoS 2 publications that are not released survive, by Packet Identifier',
    async (engine, world) => {
      const a = await open(engine, 'a')
      await engine.hot.commit(
        owning(
          a,
          { kind: 'incoming', packetIdentifier: 7, body: bytes('seven') },
          { kind: 'incoming', packetIdentifier: 65_535, body: bytes('last') },
          { kind: 'incoming', packetIdentifier: 1, body: bytes('one') },
        ),
      )
      await engine.hot.commit(owning(a, { kind: 'incoming', packetIdentifier: 1, body: null }))
      await engine.hot.commit(owning(a, { kind: 'incoming', packetIdentifier: 2, body: null }))
      await world.crash(nodeA)
      const again = await open(await world.engine(nodeA), 'a')
      assert.deepEqual(
        again.inflight.incoming
          .map(({ packetIdentifier, body }) => [packetIdentifier, text(body)] as const)
          .sort(([x], [y]) => x - y),
        [
          [7, 'seven'],
          [65_535, 'last'],
        ],
      )
    },
  )

  withEngine(
    adapter,
    'owner operations: subscriptions and interval are kept with the session',
    async (engine, world) => {
      const a = await open(engine, 'a')
      const subscriptions = [
        subscription('a/+/\u{1f600}', { maximumQoS: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 }),
        subscription('$share/g/#', { maximumQoS: 0, subscriptionIdentifier: 268_435_455, retainHandling: 1 }),
      ]
      await engine.hot.commit(
        owning(a, { kind: 'subscriptions', subscriptions }, { kind: 'expiryInterval', seconds: 5 }),
      )
      assert.deepEqual(engine.sessions.get(a.record.uid), { ...a.record, subscriptions, expiryIntervalSeconds: 5 })
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      assert.deepEqual(again.sessions.get(a.record.uid), { ...a.record, subscriptions, expiryIntervalSeconds: 5 })
    },
  )

  withEngine(
    adapter,
    'owner operations: what a session acknowledges makes room for what the same commit appends',
    async (engine) => {
      const queue: QueueLimits = { maximumMessages: 2, maximumBytes: 1000, overflow: 'endSession' }
      const a = await open(engine, 'a', { queue })
      await engine.hot.commit(appending(a.record.uid, '1', '2'))
      const result = await engine.hot.commit({
        ...appending(a.record.uid, '3'),
        owner: [{ fence: a.fence, operations: [{ kind: 'acknowledge', upTo: await positionOf(engine, a, '1') }] }],
      })
      assert.deepEqual(result.overflow, [])
      assert.deepEqual(await queued(engine, a.record.uid), ['2', '3'])
    },
  )

  withEngine(
    adapter,
    'overflow dropOldest: the newest stay, by number and by bytes, and the loss is counted',
    async (engine) => {
      const byNumber = await open(engine, 'n', {
        queue: { maximumMessages: 3, maximumBytes: 1000, overflow: 'dropOldest' },
      })
      const result = await engine.hot.commit(appending(byNumber.record.uid, '1', '2', '3', '4', '5'))
      assert.deepEqual(result.overflow, [{ session: byNumber.record.uid, dropped: 2, ended: false }])
      assert.deepEqual(await queued(engine, byNumber.record.uid), ['3', '4', '5'])
      const byBytes = await open(engine, 'b', {
        queue: { maximumMessages: 99, maximumBytes: 10, overflow: 'dropOldest' },
      })
      assert.deepEqual((await engine.hot.commit(appending(byBytes.record.uid, '1234', '5678'))).overflow, [])
      assert.equal((await engine.hot.commit(appending(byBytes.record.uid, 'abcdefg'))).overflow[0]?.dropped, 2)
      assert.deepEqual(await queued(engine, byBytes.record.uid), ['abcdefg'])
      assert.equal(
        (await engine.hot.commit(appending(byBytes.record.uid, 'longer than it may be'))).overflow[0]?.dropped,
        2,
      )
      assert.deepEqual(engine.queue.size(byBytes.record.uid), { messages: 0, bytes: 0 })
    },
  )

  withEngine(adapter, 'overflow dropOldest: a message under way is not taken from its exchange', async (engine) => {
    const a = await open(engine, 'a', { queue: { maximumMessages: 2, maximumBytes: 1000, overflow: 'dropOldest' } })
    await engine.hot.commit(appending(a.record.uid, '1', '2'))
    const position = await positionOf(engine, a, '1')
    await engine.hot.commit(owning(a, { kind: 'outgoing', position, packetIdentifier: 1, phase: 'sent' }))
    const result = await engine.hot.commit(appending(a.record.uid, '3', '4'))
    assert.equal(result.overflow[0]?.dropped, 2)
    assert.deepEqual(await queued(engine, a.record.uid), ['1', '4'])
  })

  withEngine(adapter, 'overflow: the limits of the latest opening hold', async (engine) => {
    const first = await open(engine, 'a')
    await engine.hot.commit(appending(first.record.uid, '1', '2', '3'))
    const second = await open(engine, 'a', { queue: { maximumMessages: 2, maximumBytes: 99, overflow: 'dropOldest' } })
    await engine.hot.commit(appending(second.record.uid, '4'))
    assert.deepEqual(await queued(engine, second.record.uid), ['3', '4'])
  })

  withEngine(adapter, 'overflow endSession: the session ends whole, others are untouched', async (engine) => {
    const queue: QueueLimits = { maximumMessages: 2, maximumBytes: 1000, overflow: 'endSession' }
    const a = await open(engine, 'a', { queue })
    const b = await open(engine, 'b', { queue })
    const gone: unknown[] = []
    engine.sessions.routes(({ session, subscriptions }) => void (subscriptions === null && gone.push(session)))
    await engine.hot.commit(appending(a.record.uid, '1', '2'))
    const result = await engine.hot.commit(
      commit({
        bodies: [bytes('3')],
        appends: [a, b, a].map(({ record }) => ({ session: record.uid, messages: [delivery(0)] })),
      }),
    )
    assert.equal(result.overflow.length, 1)
    assert.equal(result.overflow[0]?.session, a.record.uid)
    assert.equal(result.overflow[0]?.ended, true)
    assert.ok((result.overflow[0]?.dropped ?? 0) >= 3)
    assert.deepEqual(gone, [a.record.uid])
    assert.equal(engine.sessions.get(a.record.uid), undefined)
    assert.equal(engine.sessions.find(namespace, 'a'), undefined)
    assert.deepEqual(await queued(engine, a.record.uid), [])
    assert.deepEqual(await queued(engine, b.record.uid), ['3'])
    assert.equal((await open(engine, 'a', { owner: ownerOf('Beta') })).present, false)
  })

  withEngine(
    adapter,
    'overflow endSession: the waiting will of an offline session is due, not lost',
    async (engine) => {
      const queue: QueueLimits = { maximumMessages: 1, maximumBytes: 1000, overflow: 'endSession' }
      const a = await open(engine, 'a', { queue, will: will('w', 3000) })
      await engine.sessions.close(a.fence, { now: start, expiryIntervalSeconds: 3600, will: 'keep' })
      const result = await engine.hot.commit(appending(a.record.uid, '1', '2'))
      assert.equal(result.overflow[0]?.ended, true)
      assert.equal(engine.sessions.find(namespace, 'a'), undefined)
      const due = engine.sessions.dueBefore(start, 10)
      assert.deepEqual(
        due.map(({ uid, will }) => [uid, text(will?.body ?? bytes(''))]),
        [[a.record.uid, 'w']],
      )
      assert.equal(await engine.sessions.willDone(a.record.uid, due[0]?.willDueAt as never), true)
      assert.deepEqual(engine.sessions.dueBefore(after(1e6), 10), [])
    },
  )

  withEngine(adapter, 'overflow endSession: the will of a connected session is due as well', async (engine) => {
    const queue: QueueLimits = { maximumMessages: 1, maximumBytes: 1000, overflow: 'endSession' }
    const a = await open(engine, 'a', { queue, will: will('w', 3000) })
    await engine.hot.commit(appending(a.record.uid, '1', '2'))
    assert.deepEqual(
      engine.sessions.dueBefore(start, 10).map(({ uid, will }) => [uid, text(will?.body ?? bytes(''))]),
      [[a.record.uid, 'w']],
    )
  })

  withEngine(
    adapter,
    'wills: a will is published with the commit that takes it out, once, over repeats and crashes',
    async (engine, world) => {
      const b = await open(engine, 'b')
      const a = await open(engine, 'a', { will: will('w'), expiryIntervalSeconds: 0 })
      await engine.sessions.close(a.fence, { now: start, expiryIntervalSeconds: 0, will: 'keep' })
      const [due] = engine.sessions.dueBefore(start, 10)
      assert.ok(due !== undefined && due.willDueAt !== null)
      const publication = {
        session: due.uid,
        dueAt: due.willDueAt,
        appends: [{ session: b.record.uid, messages: [delivery(0)] }],
        retain: { namespace, topicName: 't', body: 0, expiresAt: null },
      }
      const publishing = commit({ bodies: [bytes('gone')], wills: [publication] })
      const wrong = commit({ bodies: [bytes('gone')], wills: [{ ...publication, dueAt: after(1) }] })
      assert.deepEqual((await engine.hot.commit(wrong)).withheld, [due.uid])
      assert.deepEqual(await queued(engine, b.record.uid), [])
      assert.equal(engine.retained.get(namespace, 't'), undefined)
      assert.deepEqual((await engine.hot.commit(publishing)).withheld, [])
      assert.deepEqual((await engine.hot.commit(publishing)).withheld, [])
      // Somebody else who saw it due as well.
      const second = commit({ bodies: [bytes('gone'), bytes('beside')], wills: [publication] })
      const beside = { ...second, appends: [{ session: b.record.uid, messages: [delivery(1)] }] }
      assert.deepEqual((await engine.hot.commit(beside)).withheld, [due.uid])
      assert.deepEqual(await queued(engine, b.record.uid), ['gone', 'beside'])
      assert.deepEqual(engine.sessions.dueBefore(after(1e6), 10), [])
      assert.equal(text(engine.retained.get(namespace, 't')?.body ?? bytes('')), 'gone')
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      assert.deepEqual(await queued(again, b.record.uid), ['gone', 'beside'])
      const wills = again.sessions.dueBefore(after(1e6), 10).filter(({ will }) => will !== null)
      assert.deepEqual(wills, [])
    },
  )

  withEngine(
    adapter,
    'wills: of a session that goes on, the will stays behind and the session keeps its queue',
    async (engine) => {
      const a = await open(engine, 'a', { will: will('w', 5) })
      await engine.hot.commit(appending(a.record.uid, '1'))
      await engine.sessions.close(a.fence, { now: start, expiryIntervalSeconds: 600, will: 'keep' })
      const again = await open(engine, 'a', { now: after(5), will: will('new', 50) })
      assert.deepEqual([again.present, again.willIsDue, again.record.uid], [true, true, a.record.uid])
      const [due] = engine.sessions.dueBefore(after(5), 10)
      assert.ok(due !== undefined && due.willDueAt !== null)
      assert.notEqual(due.uid, a.record.uid)
      assert.equal(text(due.will?.body ?? bytes('')), 'w')
      const wills = [{ session: due.uid, dueAt: due.willDueAt, appends: [], retain: null }]
      assert.deepEqual((await engine.hot.commit(commit({ wills }))).withheld, [])
      assert.deepEqual(await queued(engine, a.record.uid), ['1'])
      assert.equal(text(engine.sessions.get(a.record.uid)?.will?.body ?? bytes('')), 'new')
      assert.deepEqual(engine.sessions.dueBefore(after(5), 10), [])
    },
  )

  withEngine(adapter, 'an empty commit is a commit', async (engine) => {
    const empty = commit({ opId: newOpId() })
    assert.deepEqual(await engine.hot.commit(empty), { overflow: [], fenced: [], withheld: [] })
    assert.deepEqual(await engine.hot.commit(empty), { overflow: [], fenced: [], withheld: [] })
    const a = await open(engine, 'a')
    await engine.hot.commit(commit({ appends: [{ session: a.record.uid, messages: [] }] }))
    assert.equal(engine.queue.size(a.record.uid).messages, 0)
  })
}
