import assert from 'node:assert/strict'
import type { RouteChange, SessionRecord } from '../../../src/ports/session-store.ts'
import {
  after,
  appending,
  commit,
  type EngineUnderTest,
  namespace,
  nodeA,
  nodeB,
  open,
  openRequest,
  otherNamespace,
  ownerOf,
  queued,
  rejects,
  start,
  subscription,
  text,
  will,
  withEngine,
  withTwoEngines,
} from './world.ts'

const keep = { now: start, expiryIntervalSeconds: 60, will: 'keep' } as const
const drop = { now: start, expiryIntervalSeconds: 60, will: 'discard' } as const

function ids(records: readonly SessionRecord[]): string[] {
  return records.map(({ clientId }) => clientId)
}

export function sessionsContract(adapter: EngineUnderTest): void {
  withEngine(
    adapter,
    'close: the session goes offline, expires after its interval and its fence is stale',
    async (engine) => {
      const { fence, record } = await open(engine, 'c1', { will: will('w') })
      assert.deepEqual(
        await engine.sessions.close(fence, { now: after(5), expiryIntervalSeconds: 60, will: 'discard' }),
        {
          removed: false,
        },
      )
      assert.deepEqual(engine.sessions.get(record.uid), {
        ...record,
        node: null,
        expiryIntervalSeconds: 60,
        expiresAt: after(65),
        will: null,
        willDueAt: null,
      })
      await rejects(engine.sessions.close(fence, drop), 'fenced')
      const result = await engine.hot.commit(
        commit({ owner: [{ fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('late')] }] }] }),
      )
      assert.deepEqual(result.fenced, [record.uid])
      assert.deepEqual(engine.sessions.get(record.uid)?.subscriptions, [])
    },
  )

  withEngine(adapter, 'close: a session without an end never expires', async (engine) => {
    const { fence, record } = await open(engine, 'c1')
    await engine.sessions.close(fence, { now: start, expiryIntervalSeconds: null, will: 'discard' })
    assert.equal(engine.sessions.get(record.uid)?.expiresAt, null)
    assert.deepEqual(engine.sessions.dueBefore(after(1e9), 10), [])
    assert.equal((await open(engine, 'c1', { now: after(1e9) })).present, true)
  })

  withEngine(adapter, 'close: a session of interval 0 is removed with its queue', async (engine) => {
    for (const expiryIntervalSeconds of [0, 3600]) {
      const { fence, record } = await open(engine, 'c1', { expiryIntervalSeconds, will: will('w') })
      await engine.hot.commit(appending(record.uid, 'm1'))
      assert.deepEqual(await engine.sessions.close(fence, { ...keep, expiryIntervalSeconds: 0 }), { removed: true })
      assert.equal(engine.sessions.find(namespace, 'c1'), undefined)
      assert.deepEqual(await queued(engine, record.uid), [])
      assert.deepEqual(engine.queue.size(record.uid), { messages: 0, bytes: 0 })
      // Only its will is left, until somebody has published or dropped it.
      const left = engine.sessions.dueBefore(start, 10)
      assert.deepEqual(
        left.map(({ uid, node, will }) => [uid, node, text(will?.body ?? new Uint8Array())]),
        [[record.uid, null, 'w']],
      )
      assert.equal(await engine.sessions.willDone(record.uid, left[0]?.willDueAt as never), true)
      assert.equal(engine.sessions.get(record.uid), undefined)
      assert.equal((await open(engine, 'c1', { owner: ownerOf('Beta') })).present, false)
      assert.equal(await engine.sessions.remove(engine.sessions.find(namespace, 'c1')?.uid as never, 'any'), true)
    }
    assert.deepEqual(engine.sessions.list({ namespace, after: null, limit: 10 }), [])
  })

  withEngine(adapter, 'close: an interval that rose from 0 keeps the session', async (engine) => {
    const { fence, record } = await open(engine, 'c1', { expiryIntervalSeconds: 0 })
    await engine.hot.commit(
      commit({ owner: [{ fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('a')] }] }] }),
    )
    assert.deepEqual(await engine.sessions.close(fence, drop), { removed: false })
    await engine.hot.commit(appending(record.uid, 'm1'))
    const second = await open(engine, 'c1')
    assert.equal(second.present, true)
    assert.deepEqual(second.record.subscriptions, [subscription('a')])
    assert.deepEqual(await queued(engine, record.uid), ['m1'])
  })

  withEngine(
    adapter,
    'close: a kept will is due after its delay or at the end of the session, whichever is first',
    async (engine) => {
      for (const [clientId, delay, interval, due] of [
        ['delay', 10, 60, 10],
        ['end', 100, 60, 60],
        ['now', 0, 60, 0],
        ['forever', 5, null, 5],
      ] as const) {
        const { fence, record } = await open(engine, clientId, { will: will('w', delay) })
        await engine.sessions.close(fence, { now: start, expiryIntervalSeconds: interval, will: 'keep' })
        assert.equal(engine.sessions.get(record.uid)?.willDueAt, after(due), clientId)
        assert.equal(text(engine.sessions.get(record.uid)?.will?.body ?? new Uint8Array()), 'w')
      }
    },
  )

  withEngine(adapter, 'willDone: exactly one caller has done it, and only for the will it saw', async (engine) => {
    const { fence, record } = await open(engine, 'c1', { will: will('w', 10) })
    assert.equal(await engine.sessions.willDone(record.uid, after(10)), false, 'not while connected')
    await engine.sessions.close(fence, keep)
    assert.equal(await engine.sessions.willDone(record.uid, after(9)), false, 'another due time')
    const outcomes = await Promise.all([1, 2, 3].map(() => engine.sessions.willDone(record.uid, after(10))))
    assert.deepEqual(outcomes, [true, false, false])
    assert.equal(engine.sessions.get(record.uid)?.will, null)
    assert.equal(engine.sessions.get(record.uid)?.willDueAt, null)
    assert.equal(await engine.sessions.willDone('0'.repeat(32) as never, after(10)), false)
    assert.equal((await open(engine, 'c1')).present, true)
  })

  withEngine(adapter, 'willDone: a resumption takes the pending will with it', async (engine) => {
    const first = await open(engine, 'c1', { will: will('w', 10) })
    await engine.sessions.close(first.fence, keep)
    await open(engine, 'c1', { now: after(9) })
    assert.equal(await engine.sessions.willDone(first.record.uid, after(10)), false)
  })

  withEngine(
    adapter,
    'remove: true for exactly one caller, and the session is gone with everything',
    async (engine) => {
      const { record, fence } = await open(engine, 'c1')
      await engine.hot.commit(appending(record.uid, 'm1'))
      const outcomes = await Promise.all([1, 2, 3].map(() => engine.sessions.remove(record.uid, 'any')))
      assert.deepEqual(outcomes, [true, false, false])
      assert.equal(engine.sessions.get(record.uid), undefined)
      assert.deepEqual(await queued(engine, record.uid), [])
      await rejects(engine.sessions.close(fence, drop), 'fenced')
      await rejects(engine.hot.flushAcknowledgements(fence), 'fenced')
      assert.equal((await open(engine, 'c1', { owner: ownerOf('Beta') })).present, false)
    },
  )

  withEngine(adapter, 'remove: an expected epoch keeps a session that was opened again', async (engine) => {
    const first = await open(engine, 'c1')
    await engine.sessions.close(first.fence, drop)
    const seen = engine.sessions.dueBefore(after(60), 10)
    assert.equal(seen[0]?.epoch, first.fence.epoch)
    const second = await open(engine, 'c1')
    assert.equal(await engine.sessions.remove(first.record.uid, { epoch: first.fence.epoch }), false)
    assert.equal(await engine.sessions.remove(second.record.uid, { epoch: second.fence.epoch }), true)
  })

  withEngine(
    adapter,
    'S29 discard: the state of a deleted client goes, its name stays reserved until the old expiry',
    async (engine) => {
      const first = await open(engine, 'c1', { owner: ownerOf('Alpha', 'old'), will: will('w', 30) })
      await engine.hot.commit(
        commit({
          owner: [{ fence: first.fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('a')] }] }],
        }),
      )
      await engine.hot.commit(appending(first.record.uid, '1', '2', '3', '4', '5'))
      await engine.sessions.close(first.fence, keep)
      assert.equal(await engine.sessions.discard(first.record.uid, { epoch: 0n }, after(1)), false)
      assert.equal(await engine.sessions.discard(first.record.uid, { epoch: first.fence.epoch }, after(1)), true)
      const reserved = engine.sessions.find(namespace, 'c1')
      assert.deepEqual([reserved?.will, reserved?.willDueAt, reserved?.subscriptions], [null, null, []])
      assert.equal(reserved?.expiresAt, after(60))
      assert.deepEqual(await queued(engine, first.record.uid), [])
      assert.deepEqual(engine.queue.size(first.record.uid), { messages: 0, bytes: 0 })
      const stranger = await engine.sessions.open(openRequest('c1', { owner: ownerOf('Beta'), now: after(59) }))
      assert.equal(stranger.kind, 'nameTaken')
      const again = await open(engine, 'c1', { owner: ownerOf('Alpha', 'new'), now: after(59) })
      assert.equal(again.present, false)
      assert.equal(again.willIsDue, false)
      assert.deepEqual(await queued(engine, again.record.uid), [])
    },
  )

  withEngine(
    adapter,
    'S29 discard: a connected session is fenced, and its name is free after its interval',
    async (engine) => {
      const { fence, record } = await open(engine, 'c1', { owner: ownerOf('Alpha', 'old'), expiryIntervalSeconds: 60 })
      assert.equal(await engine.sessions.discard(record.uid, 'any', start), true)
      await rejects(engine.sessions.close(fence, drop), 'fenced')
      assert.equal(engine.sessions.get(record.uid)?.node, null)
      assert.equal(
        (await engine.sessions.open(openRequest('c1', { owner: ownerOf('Beta'), now: after(59) }))).kind,
        'nameTaken',
      )
      assert.deepEqual(ids(engine.sessions.dueBefore(after(60), 10)), ['c1'])
      await open(engine, 'c1', { owner: ownerOf('Beta'), now: after(60) })
      assert.equal(await engine.sessions.discard(record.uid, 'any', start), false)
    },
  )

  withEngine(
    adapter,
    'S29 discard: not even the same owner gets the state back, and messages no longer reach it',
    async (engine) => {
      const first = await open(engine, 'c1')
      await engine.hot.commit(
        commit({
          owner: [
            { fence: first.fence, operations: [{ kind: 'incoming', packetIdentifier: 3, body: new Uint8Array(1) }] },
          ],
        }),
      )
      await engine.sessions.discard(first.record.uid, 'any', start)
      await engine.hot.commit(appending(first.record.uid, 'after'))
      const second = await open(engine, 'c1')
      assert.equal(second.present, false)
      assert.deepEqual(second.inflight, { acknowledged: null, outgoing: [], incoming: [] })
      assert.deepEqual(await queued(engine, second.record.uid), [])
    },
  )

  withEngine(adapter, 'S29 discard: a session that ends with its connection leaves no name behind', async (engine) => {
    const { record } = await open(engine, 'c1', { expiryIntervalSeconds: 0 })
    assert.equal(await engine.sessions.discard(record.uid, 'any', start), true)
    assert.equal(engine.sessions.find(namespace, 'c1'), undefined)
  })

  withEngine(
    adapter,
    'list: in order of client id, behind `after`, at most `limit`, of one namespace, by name',
    async (engine) => {
      const names = ['b', 'a', 'B', '\u{1f600}', '\uff5e', '', 'aa', 'a\u0000', 'é']
      for (const [i, id] of names.entries()) await open(engine, id, { owner: ownerOf(i % 2 === 0 ? 'Even' : 'Odd') })
      await open(engine, 'elsewhere', { namespace: otherNamespace })
      const sorted = [...names].sort()
      assert.deepEqual(ids(engine.sessions.list({ namespace, after: null, limit: 100 })), sorted)
      for (const [i, id] of sorted.entries()) {
        assert.deepEqual(ids(engine.sessions.list({ namespace, after: id, limit: 2 })), sorted.slice(i + 1, i + 3))
      }
      assert.deepEqual(
        ids(engine.sessions.list({ namespace, foldedName: 'even', after: null, limit: 100 })),
        sorted.filter((id) => names.indexOf(id) % 2 === 0),
      )
      assert.deepEqual(ids(engine.sessions.list({ namespace, foldedName: 'even', after: null, limit: 2 })).length, 2)
      assert.deepEqual(engine.sessions.list({ namespace, foldedName: 'Even', after: null, limit: 9 }), [])
      assert.deepEqual(ids(engine.sessions.list({ namespace: otherNamespace, after: null, limit: 9 })), ['elsewhere'])
    },
  )

  withEngine(
    adapter,
    'dueBefore: expiries and wills that are due, bounded, until somebody has dealt with them',
    async (engine) => {
      const fences = new Map<string, Awaited<ReturnType<typeof open>>>()
      for (const [id, delay, interval] of [
        ['will-10', 10, 60],
        ['end-20', 999, 20],
        ['end-30', null, 30],
        ['never', null, null],
      ] as const) {
        const opened = await open(engine, id, { will: delay === null ? null : will(id, delay) })
        fences.set(id, opened)
        await engine.sessions.close(opened.fence, { now: start, expiryIntervalSeconds: interval, will: 'keep' })
      }
      await open(engine, 'connected', { will: will('x', 1) })
      const due = (seconds: number, limit = 10): string[] =>
        ids(engine.sessions.dueBefore(after(seconds), limit)).sort()
      assert.deepEqual(due(9), [])
      assert.deepEqual(due(10), ['will-10'])
      assert.deepEqual(due(10), ['will-10'], 'reading changes nothing')
      assert.deepEqual(due(1000), ['end-20', 'end-30', 'will-10'])
      assert.equal(due(1000, 2).length, 2)
      await engine.sessions.willDone(fences.get('will-10')?.record.uid as never, after(10))
      assert.deepEqual(due(59), ['end-20', 'end-30'])
      assert.deepEqual(due(60), ['end-20', 'end-30', 'will-10'])
      await open(engine, 'end-30', { now: after(29) })
      await engine.sessions.remove(fences.get('end-20')?.record.uid as never, 'any')
      assert.deepEqual(due(60), ['will-10'])
    },
  )

  withEngine(
    adapter,
    'dueBefore: a session whose node died is due, and whoever closes it does it once',
    async (engine, world) => {
      const { record } = await open(engine, 'c1', { will: will('w', 5) })
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      const due = again.sessions.dueBefore(start, 10)
      // A node that came back under its name may still count as alive in a store that several nodes share.
      if (adapter.severalNodes && due.length === 0) return
      assert.deepEqual(ids(due), ['c1'])
      const fence = { session: record.uid, epoch: due[0]?.epoch ?? 0n }
      const closes = await Promise.allSettled([again.sessions.close(fence, keep), again.sessions.close(fence, keep)])
      assert.deepEqual(
        closes.map(({ status }) => status),
        ['fulfilled', 'rejected'],
      )
      assert.equal(again.sessions.get(record.uid)?.willDueAt, after(5))
      assert.deepEqual(again.sessions.dueBefore(start, 10), [])
    },
  )

  withTwoEngines(adapter, 'dueBefore: the sessions of a dead node are due at the others', async (a, b, world) => {
    await open(a, 'c1', { will: will('w', 0) })
    assert.deepEqual(b.sessions.dueBefore(after(1), 10), [])
    await world.crash(nodeA)
    const due = b.sessions.dueBefore(after(1), 10)
    assert.deepEqual(ids(due), ['c1'])
    const taken = await open(b, 'c1', { node: nodeB })
    assert.equal(taken.present, true)
    assert.equal(taken.previous, nodeA)
    await rejects(b.sessions.close({ session: taken.record.uid, epoch: due[0]?.epoch ?? 0n }, keep), 'fenced')
    // Nobody silenced its will.
    assert.deepEqual(
      b.sessions.dueBefore(after(1), 10).map(({ node, will }) => [node, text(will?.body ?? new Uint8Array())]),
      [[null, 'w']],
    )
  })

  withEngine(adapter, 'routes: what is stored now, then each change in commit order', async (engine) => {
    const subscriptions = [
      subscription('a/+'),
      subscription('$share/g/b', { maximumQoS: 2, subscriptionIdentifier: 7 }),
    ]
    const first = await open(engine, 'c1')
    await engine.hot.commit(
      commit({ owner: [{ fence: first.fence, operations: [{ kind: 'subscriptions', subscriptions }] }] }),
    )
    const seen: RouteChange[] = []
    const stop = engine.sessions.routes((change) => seen.push(change))
    const route = { namespace, session: first.record.uid, clientId: 'c1' }
    assert.deepEqual(seen.splice(0), [{ ...route, node: nodeA, subscriptions }])
    await engine.sessions.close(first.fence, drop)
    assert.deepEqual(seen.splice(0), [{ ...route, node: null, subscriptions }])
    const second = await open(engine, 'c1')
    assert.deepEqual(seen.splice(0), [{ ...route, node: nodeA, subscriptions }])
    await engine.hot.commit(
      commit({ owner: [{ fence: second.fence, operations: [{ kind: 'subscriptions', subscriptions: [] }] }] }),
    )
    assert.deepEqual(seen.splice(0), [{ ...route, node: nodeA, subscriptions: [] }])
    const third = await open(engine, 'c1', { cleanStart: true })
    assert.deepEqual(seen.splice(0), [
      { ...route, node: nodeA, subscriptions: null },
      { ...route, session: third.record.uid, node: nodeA, subscriptions: [] },
    ])
    await engine.sessions.remove(third.record.uid, 'any')
    assert.deepEqual(
      seen.splice(0).map(({ session, subscriptions }) => [session, subscriptions]),
      [[third.record.uid, null]],
    )
    stop()
    await open(engine, 'c2')
    assert.deepEqual(seen, [])
  })

  withEngine(adapter, 'routes: refused openings and fenced operations are no change', async (engine) => {
    const first = await open(engine, 'c1')
    await open(engine, 'c1')
    const seen: RouteChange[] = []
    engine.sessions.routes((change) => seen.push(change))
    seen.splice(0)
    await engine.sessions.open(openRequest('c1', { owner: ownerOf('Beta') }))
    await engine.sessions.open(openRequest('c2', { quotas: { perName: 1, perNamespace: 1 } }))
    await engine.hot.commit(
      commit({
        owner: [{ fence: first.fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('x')] }] }],
      }),
    )
    assert.deepEqual(seen, [])
  })

  withEngine(adapter, 'routes: a session whose messages the broker keeps is not among them', async (engine) => {
    const seen: RouteChange[] = []
    engine.sessions.routes((change) => seen.push(change))
    const { fence, queue } = await open(engine, 'c1', { expiryIntervalSeconds: 0 })
    await engine.hot.commit(
      commit({ owner: [{ fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('a')] }] }] }),
    )
    await engine.sessions.close(fence, { ...drop, expiryIntervalSeconds: 0 })
    assert.equal(seen.length, queue === 'memory' ? 0 : 3)
    const late: RouteChange[] = []
    engine.sessions.routes((change) => late.push(change))
    assert.deepEqual(late, [])
  })
}
