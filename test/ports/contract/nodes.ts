import assert from 'node:assert/strict'
import type { BusMessage } from '../../../src/ports/cluster.ts'
import type { NodeId } from '../../../src/ports/identity.ts'
import {
  after,
  appending,
  bytes,
  commit,
  type EngineUnderTest,
  everything,
  namespace,
  nodeA,
  nodeB,
  open,
  openRequest,
  otherNamespace,
  queued,
  rejects,
  retaining,
  settled,
  start,
  subscription,
  text,
  will,
  withEngine,
  withTwoEngines,
} from './world.ts'

function message(topicName: string, body = 'm', of = namespace): BusMessage {
  return { namespace: of, session: null, topicName, body: bytes(body) }
}

export function nodesContract(adapter: EngineUnderTest): void {
  withEngine(adapter, 'bus: a node never hears itself', async (engine) => {
    let heard = 0
    engine.bus.onPublish(() => heard++)
    engine.bus.interest(namespace, '#', true)
    engine.bus.publish(message('a'))
    await settled()
    assert.equal(heard, 0)
  })

  withTwoEngines(adapter, 'bus: messages reach other nodes in order, where somebody is interested', async (a, b) => {
    const heard: string[] = []
    const own: string[] = []
    const stop = b.bus.onPublish((m) => heard.push(`${m.topicName}=${text(m.body)}`))
    a.bus.onPublish((m) => own.push(m.topicName))
    b.bus.interest(namespace, 'x/+', true)
    b.bus.interest(namespace, 'y/#', true)
    for (const [i, topic] of ['x/1', 'y', 'y/a/b', 'x/2'].entries()) a.bus.publish(message(topic, `${i}`))
    await settled()
    assert.deepEqual(heard.splice(0), ['x/1=0', 'y=1', 'y/a/b=2', 'x/2=3'])
    assert.deepEqual(own, [])
    b.bus.interest(namespace, 'x/+', false)
    a.bus.publish(message('x/1'))
    b.bus.interest(namespace, 'y/#', true)
    b.bus.interest(otherNamespace, '#', true)
    a.bus.publish(message('y/1', 'theirs', otherNamespace))
    await settled()
    assert.deepEqual(heard.splice(0), ['y/1=theirs'])
    stop()
    a.bus.publish(message('y/1'))
    await settled()
    assert.deepEqual(heard, [])
  })

  withTwoEngines(adapter, 'bus: a body is a copy; the sender may reuse its memory', async (a, b) => {
    const heard: string[] = []
    b.bus.onPublish((m) => heard.push(`${m.session} ${text(m.body)}`))
    b.bus.interest(namespace, '#', true)
    const body = bytes('kept')
    a.bus.publish({ namespace, session: 's' as never, topicName: 't', body })
    body.fill(0)
    await settled()
    assert.deepEqual(heard, ['s kept'])
  })

  withTwoEngines(adapter, 'bus: one node tells another', async (a, b) => {
    const heard: unknown[] = []
    b.bus.onTell((from, told) => heard.push([from, told]))
    a.bus.onTell(() => assert.fail('told the wrong node'))
    const told = { kind: 'sessionTakenOver', session: 'x' as never, epoch: 3n } as const
    a.bus.tell(nodeB, told)
    a.bus.tell('nobody' as NodeId, told)
    await settled()
    assert.deepEqual(heard, [[nodeA, told]])
  })

  withEngine(adapter, 'leases: a duty is held by one at a time and passed on when given up', async (engine) => {
    const calls: string[] = []
    const stop = engine.leases.hold('reaper', (held) => calls.push(`first ${held}`))
    engine.leases.hold('reaper', (held) => calls.push(`second ${held}`))
    engine.leases.hold('other', (held) => calls.push(`other ${held}`))
    await settled()
    assert.deepEqual(calls.splice(0).sort(), ['first true', 'other true'])
    stop()
    await settled()
    assert.deepEqual(calls, ['second true'])
  })

  withEngine(adapter, 'leases: whoever joined is alive until it leaves', async (engine) => {
    const leave = await engine.leases.join(nodeA)
    const seen: string[] = []
    engine.leases.onNode((node, alive) => seen.push(`${node} ${alive}`))
    await settled()
    assert.deepEqual(seen.splice(0), [`${nodeA} true`])
    leave()
    await settled()
    assert.deepEqual(seen, [`${nodeA} false`])
  })

  withTwoEngines(adapter, 'leases: the death of a node is told, and its duty goes to another', async (a, b, world) => {
    await a.leases.join(nodeA)
    await b.leases.join(nodeB)
    const seen: string[] = []
    b.leases.onNode((node, alive) => seen.push(`${node} ${alive}`))
    a.leases.hold('reaper', () => {})
    b.leases.hold('reaper', (held) => seen.push(`reaper ${held}`))
    await settled()
    assert.deepEqual(seen.splice(0).sort(), [`${nodeA} true`, `${nodeB} true`])
    await world.crash(nodeA)
    await settled()
    assert.deepEqual(seen.sort(), [`${nodeA} false`, 'reaper true'])
  })

  withEngine(
    adapter,
    'S50 purge: sessions, queues and retained messages of one namespace go at once, others stay',
    async (engine, world) => {
      const mine = await open(engine, 'c1', { will: will('w', 5) })
      const offline = await open(engine, 'c2', { will: will('w', 5) })
      await engine.sessions.close(offline.fence, { now: start, expiryIntervalSeconds: 60, will: 'keep' })
      const theirs = await open(engine, 'c1', { namespace: otherNamespace })
      const uids = [mine.record.uid, offline.record.uid, theirs.record.uid]
      for (const uid of uids) await engine.hot.commit(appending(uid, 'm'))
      await engine.hot.commit(retaining('t', '1', after(9)))
      await engine.hot.commit(
        commit({
          bodies: [bytes('2')],
          retain: [{ namespace: otherNamespace, topicName: 't', body: 0, expiresAt: null }],
        }),
      )
      const routes: unknown[] = []
      const topics: unknown[] = []
      engine.sessions.routes(({ session, subscriptions }) => routes.push([session, subscriptions]))
      engine.retained.topics(({ namespace, bytes }) => topics.push([namespace, bytes]))
      routes.splice(0)
      topics.splice(0)
      await engine.purge(namespace)
      const check = async (store: typeof engine): Promise<void> => {
        assert.deepEqual(store.sessions.list({ namespace, after: null, limit: 10 }), [])
        assert.equal(store.sessions.find(namespace, 'c1'), undefined)
        assert.equal(store.retained.get(namespace, 't'), undefined)
        assert.deepEqual(store.retained.expiredBefore(after(99), 9), [])
        assert.deepEqual(
          store.sessions.dueBefore(after(99), 9).filter((r) => r.namespace === namespace),
          [],
        )
        for (const uid of uids.slice(0, 2)) assert.deepEqual(await queued(store, uid), [])
        assert.deepEqual(await queued(store, theirs.record.uid), ['m'])
        assert.equal(text(store.retained.get(otherNamespace, 't')?.body ?? bytes('')), '2')
      }
      await check(engine)
      assert.deepEqual(
        routes.sort(),
        [mine.record.uid, offline.record.uid].sort().map((uid) => [uid, null]),
      )
      assert.deepEqual(topics, [[namespace, null]])
      await rejects(engine.sessions.close(mine.fence, { now: start, expiryIntervalSeconds: 9, will: 'keep' }), 'fenced')
      assert.equal((await open(engine, 'c1', { quotas: { perName: 1, perNamespace: 1 } })).present, false)
      await engine.purge(namespace)
      await world.crash(nodeA)
      await check(await world.engine(nodeA))
    },
  )

  withEngine(adapter, 'close: what was promised is durable, later calls are unavailable', async (engine, world) => {
    const { record, fence } = await open(engine, 'c1')
    assert.deepEqual(engine.health(), { writable: true, isFull: false, reason: null })
    const promised = engine.hot.commit(appending(record.uid, 'before'))
    const closing = engine.close()
    const calls: readonly (() => Promise<unknown>)[] = [
      () => engine.registry.write({ put: [], remove: [], claim: [], release: [] }),
      () => engine.sessions.open(openRequest('c2')),
      () => engine.sessions.close(fence, { now: start, expiryIntervalSeconds: 0, will: 'discard' }),
      () => engine.sessions.remove(record.uid, 'any'),
      () => engine.sessions.discard(record.uid, 'any', start),
      () => engine.sessions.willDone(record.uid, start),
      () => engine.hot.commit(appending(record.uid, 'after')),
      () => engine.hot.flushAcknowledgements(fence),
      () => engine.queue.read(record.uid, null, everything),
      () => engine.purge(namespace),
      async () => engine.registry.get('a'),
      async () => engine.registry.lookup('a', 'b'),
      async () => engine.registry.range('', null, 1),
      async () => engine.sessions.get(record.uid),
      async () => engine.sessions.find(namespace, 'c1'),
      async () => engine.sessions.list({ namespace, after: null, limit: 1 }),
      async () => engine.sessions.dueBefore(start, 1),
      async () => engine.queue.size(record.uid),
      async () => engine.retained.get(namespace, 't'),
      async () => engine.retained.expiredBefore(start, 1),
      async () => engine.sessions.routes(() => {}),
      async () => engine.retained.topics(() => {}),
      async () => engine.registry.watch(() => {}),
      async () => engine.queue.tail(fence, () => {}),
    ]
    for (const call of calls) await rejects(call(), 'unavailable')
    await promised
    await closing
    for (const call of calls) await rejects(call(), 'unavailable')
    engine.hot.acknowledgeSoon(fence, { entry: 1n, index: 0 })
    engine.bus.publish(message('t'))
    await engine.close()
    assert.equal(engine.health().writable, false)
    const again = await world.engine(nodeA)
    assert.deepEqual(await queued(again, record.uid), ['before'])
    assert.equal(again.health().writable, true)
  })

  withEngine(
    adapter,
    'a store that refuses writes changes nothing, says so, and goes on when it can',
    async (engine, world) => {
      if (world.fault === undefined) return
      const { record, fence } = await open(engine, 'c1')
      world.fault(nodeA, 'refuse')
      await rejects(engine.hot.commit(appending(record.uid, 'lost')), 'unavailable')
      await rejects(engine.sessions.open(openRequest('c2')), 'unavailable')
      await rejects(
        engine.registry.write({ put: [{ key: 'a', value: bytes('') }], remove: [], claim: [], release: [] }),
        'unavailable',
      )
      assert.equal(engine.health().writable, false)
      world.fault(nodeA, null)
      assert.deepEqual(await queued(engine, record.uid), [])
      assert.equal(engine.registry.get('a'), undefined)
      assert.equal(engine.sessions.find(namespace, 'c2'), undefined)
      await engine.hot.commit(
        commit({ owner: [{ fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('a')] }] }] }),
      )
      assert.deepEqual(engine.health(), { writable: true, isFull: false, reason: null })
    },
  )

  withEngine(adapter, 'an unknown outcome is settled by the same operation id', async (engine, world) => {
    if (world.fault === undefined) return
    const { record } = await open(engine, 'c1')
    for (const fault of ['refuse', 'loseAnswer'] as const) {
      const once = appending(record.uid, fault)
      world.fault(nodeA, fault)
      await rejects(engine.hot.commit(once), 'unavailable')
      world.fault(nodeA, null)
      await engine.hot.commit(once)
    }
    assert.deepEqual(await queued(engine, record.uid), ['refuse', 'loseAnswer'])
  })
}
