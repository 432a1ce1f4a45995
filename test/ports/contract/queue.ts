import assert from 'node:assert/strict'
import type { Engine } from '../../../src/ports/engine.ts'
import type { QueuedMessage, QueuedRun } from '../../../src/ports/message-store.ts'
import type { Position } from '../../../src/ports/session-store.ts'
import {
  after,
  appending,
  bytes,
  commit,
  delivery,
  type EngineUnderTest,
  everything,
  namespace,
  newUid,
  nodeA,
  nodeB,
  open,
  otherNamespace,
  queued,
  retaining,
  runOf,
  settled,
  singly,
  start,
  text,
  texts,
  withEngine,
  withTwoEngines,
} from './world.ts'

export function queueContract(adapter: EngineUnderTest): void {
  withEngine(adapter, 'read: in order, behind `after`, within both bounds, at least one if any', async (engine) => {
    const { record } = await open(engine, 'a')
    await engine.hot.commit(appending(record.uid, '1', '22', '333', '4444'))
    await engine.hot.commit(
      commit({
        bodies: [bytes('55555'), bytes('666666')],
        appends: [{ session: record.uid, messages: [delivery(0), delivery(1)] }],
      }),
    )
    const all = await engine.queue.read(record.uid, null, everything)
    assert.deepEqual(texts(all), ['1', '22', '333', '4444', '55555', '666666'])
    for (const [i, { position }] of all.entries()) {
      const rest = await engine.queue.read(record.uid, position, everything)
      assert.deepEqual(texts(rest), texts(all).slice(i + 1))
    }
    const read = async (messages: number, bytes: number): Promise<string[]> =>
      texts(await engine.queue.read(record.uid, null, { messages, bytes }))
    assert.deepEqual(await read(2, 1000), ['1', '22'])
    assert.deepEqual(await read(0, 1000), [])
    assert.deepEqual(await read(10, 6), ['1', '22', '333'])
    assert.deepEqual(await read(10, 5), ['1', '22'])
    assert.deepEqual(await read(10, 0), ['1'])
    assert.deepEqual(texts(await engine.queue.read(record.uid, all[4]?.position ?? null, { messages: 9, bytes: 1 })), [
      '666666',
    ])
  })

  withEngine(adapter, 'bytesOf: what all queues of one namespace hold, also after a restart', async (engine, world) => {
    const [a, b] = [await open(engine, 'a'), await open(engine, 'b')]
    const other = await open(engine, 'a', { namespace: otherNamespace })
    assert.equal(engine.queue.bytesOf(namespace), 0)
    await engine.hot.commit(
      commit({
        bodies: [bytes('12345'), bytes('678')],
        appends: [
          { session: a.record.uid, messages: [delivery(0), delivery(1)] },
          { session: b.record.uid, messages: [delivery(0)] },
        ],
      }),
    )
    await engine.hot.commit(appending(other.record.uid, '1'))
    const sums = (of: Engine): readonly number[] => [namespace, otherNamespace].map((id) => of.queue.bytesOf(id))
    assert.deepEqual(sums(engine), [13, 1])
    await world.crash(nodeA)
    const again = await world.engine(nodeA)
    assert.deepEqual(sums(again), [13, 1])
    const resumed = await open(again, 'a')
    const all = await again.queue.read(resumed.record.uid, null, everything)
    const upTo = all.at(-1)?.position as Position
    await again.hot.commit(commit({ owner: [{ fence: resumed.fence, operations: [{ kind: 'acknowledge', upTo }] }] }))
    assert.deepEqual(sums(again), [5, 1])
    await again.sessions.remove(b.record.uid, 'any')
    await again.sessions.remove(other.record.uid, 'any')
    while (sums(again).some((sum) => sum > 0)) await settled()
    await again.hot.commit(appending(resumed.record.uid, '22'))
    assert.deepEqual(sums(again), [2, 0])
  })

  withEngine(adapter, 'read: pages meet every message once, also while messages come and go', async (engine) => {
    const { record, fence } = await open(engine, 'a')
    const bodies = Array.from({ length: 300 }, (_, i) => `${i}`)
    await engine.hot.commit(appending(record.uid, ...bodies.slice(0, 200)))
    const seen: string[] = []
    let last: QueuedMessage | undefined
    for (let page = 0; ; page++) {
      if (page === 3) await engine.hot.commit(appending(record.uid, ...bodies.slice(200)))
      if (page === 5 && last !== undefined) {
        await engine.hot.commit(
          commit({ owner: [{ fence, operations: [{ kind: 'acknowledge', upTo: last.position }] }] }),
        )
      }
      const messages = await engine.queue.read(record.uid, last?.position ?? null, { messages: 17, bytes: 1000 })
      if (messages.length === 0) break
      seen.push(...texts(messages))
      last = messages.at(-1)
    }
    assert.deepEqual(seen, bodies)
  })

  withEngine(adapter, 'read: an unknown session has no messages', async (engine) => {
    assert.deepEqual(await engine.queue.read(newUid(), null, everything), [])
    assert.deepEqual(engine.queue.size(newUid()), { messages: 0, bytes: 0 })
  })

  withEngine(adapter, 'queues and cursors survive a crash', async (engine, world) => {
    const a = await open(engine, 'a')
    const b = await open(engine, 'b')
    const uids = [a.record.uid, b.record.uid]
    for (let i = 0; i < 50; i++) {
      await engine.hot.commit(
        commit({
          bodies: [bytes(`${i}`)],
          appends: uids.map((session) => ({ session, messages: [delivery(0, { expiresAt: after(i) })] })),
        }),
      )
    }
    const tenth = (await engine.queue.read(a.record.uid, null, everything))[9]?.position
    assert.ok(tenth !== undefined)
    await engine.hot.commit(commit({ owner: [{ fence: a.fence, operations: [{ kind: 'acknowledge', upTo: tenth }] }] }))
    const before = await Promise.all(uids.map((uid) => engine.queue.read(uid, null, everything)))
    const sizes = uids.map((uid) => engine.queue.size(uid))
    await world.crash(nodeA)
    const again = await world.engine(nodeA)
    assert.deepEqual(await Promise.all(uids.map((uid) => again.queue.read(uid, null, everything))), before)
    assert.deepEqual(
      uids.map((uid) => again.queue.size(uid)),
      sizes,
    )
    assert.equal(before[0]?.length, 40)
    const resumed = await open(again, 'a')
    assert.deepEqual(resumed.inflight.acknowledged, tenth)
    await again.hot.commit(appending(a.record.uid, 'new'))
    assert.equal((await queued(again, a.record.uid)).at(-1), 'new')
  })

  withEngine(adapter, 'tail: what each commit appended, in order, after it is durable', async (engine) => {
    const { record, fence } = await open(engine, 'a')
    const other = await open(engine, 'b')
    await engine.hot.commit(appending(record.uid, 'before'))
    const told: string[][] = []
    let visible = true
    const stop = engine.queue.tail(fence, (messages) => {
      told.push(texts(messages))
      visible &&= engine.queue.size(record.uid).messages >= 1 + told.flat().length
    })
    const toldAt: number[] = []
    await Promise.all([
      engine.hot.commit(appending(record.uid, '1', '2')).then(() => toldAt.push(told.length)),
      engine.hot.commit(appending(other.record.uid, 'not for a')),
      engine.hot.commit(appending(record.uid, '3')),
    ])
    assert.deepEqual(told.flat(), ['1', '2', '3'])
    assert.ok((toldAt[0] ?? 0) >= 1, 'told before the commit resolves')
    assert.ok(visible)
    stop()
    await engine.hot.commit(appending(record.uid, '4'))
    assert.deepEqual(told.flat(), ['1', '2', '3'])
    assert.deepEqual(await queued(engine, record.uid), ['before', '1', '2', '3', '4'])
  })

  withEngine(adapter, 'tail: who begins to follow while commits are under way misses nothing', async (engine) => {
    const { fence, record } = await open(engine, 'a')
    for (let round = 0; round < 20; round++) {
      const seen = new Set<string>()
      const written: Promise<unknown>[] = []
      const write = (name: string): void => void written.push(engine.hot.commit(appending(record.uid, name)))
      write(`${round} before`)
      // Some steps later the commit is anywhere between the call and the disk.
      for (let step = 0; step < round; step++) await (step % 2 === 0 ? Promise.resolve() : settled())
      const stop = engine.queue.tail(fence, (messages) => {
        for (const message of messages) seen.add(text(message.body))
      })
      for (const message of await engine.queue.read(record.uid, null, everything)) seen.add(text(message.body))
      write(`${round} after`)
      await Promise.all(written)
      await settled()
      stop()
      assert.ok(seen.has(`${round} before`), `round ${round}: neither read nor told`)
      assert.ok(seen.has(`${round} after`))
    }
  })

  withEngine(adapter, 'tail: tells the same messages as read', async (engine) => {
    const { record, fence } = await open(engine, 'a')
    const told: QueuedMessage[] = []
    engine.queue.tail(fence, (messages) => told.push(...messages))
    await engine.hot.commit(
      commit({
        bodies: [bytes('x'), bytes('y')],
        appends: [
          {
            session: record.uid,
            messages: [
              delivery(1, { qos: 2, subscriptionIdentifiers: [3], expiresAt: after(1) }),
              delivery(0, { retain: true }),
            ],
          },
        ],
      }),
    )
    const plain = (message: QueuedMessage): unknown => ({ ...message, body: text(message.body) })
    assert.deepEqual(told.map(plain), (await engine.queue.read(record.uid, null, everything)).map(plain))
  })

  withEngine(
    adapter,
    'a run: queued as its messages one by one, told in order, acknowledged anywhere in it, there after a crash',
    async (engine, world) => {
      const { record, fence } = await open(engine, 'a')
      const other = await open(engine, 'b')
      const told: QueuedRun[] = []
      engine.queue.tail(fence, (runs) => told.push(...runs))
      const run = runOf('one', '', 'three', 'four')
      const alike = { subscriptionIdentifiers: [7], expiresAt: after(60) }
      await engine.hot.commit(
        commit({
          bodies: [bytes('zero'), run.body, bytes('last')],
          appends: [
            { session: record.uid, messages: [delivery(0), delivery(1, { ends: run.ends, ...alike }), delivery(2)] },
            { session: other.record.uid, messages: [delivery(1, { ends: run.ends }), delivery(2)] },
          ],
        }),
      )
      const names = ['zero', 'one', '', 'three', 'four', 'last']
      assert.deepEqual(engine.queue.size(record.uid), { messages: 6, bytes: 20 })
      assert.deepEqual(engine.queue.size(other.record.uid), { messages: 5, bytes: 16 })
      const all = await engine.queue.read(record.uid, null, everything)
      assert.deepEqual(texts(all), names)
      assert.deepEqual(
        all.map(({ position, subscriptionIdentifiers }) => [position.index, subscriptionIdentifiers.length]),
        names.map((_, i) => [i, i > 0 && i < 5 ? 1 : 0]),
      )
      const plain = (message: QueuedMessage): unknown => ({ ...message, body: text(message.body) })
      assert.deepEqual(singly(told).map(plain), all.map(plain))
      const upTo = all[2]?.position as Position
      await engine.hot.commit(commit({ owner: [{ fence, operations: [{ kind: 'acknowledge', upTo }] }] }))
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      assert.deepEqual(await queued(again, record.uid), ['three', 'four', 'last'])
      assert.deepEqual(await queued(again, other.record.uid), names.slice(1))
      assert.deepEqual(again.queue.size(record.uid), { messages: 3, bytes: 13 })
    },
  )

  withEngine(
    adapter,
    'tail: what a commit appended and dropped again for a full queue is not told, be it a message or part of a run',
    async (engine) => {
      const queue = { maximumMessages: 3, maximumBytes: 1000, overflow: 'dropOldest' } as const
      const { record, fence } = await open(engine, 'a', { queue })
      const told: QueuedRun[] = []
      engine.queue.tail(fence, (runs) => told.push(...runs))
      const next = (): string[] => texts(singly(told.splice(0)))
      const names = ['1', '2', '3', '4', '5']
      const messages = names.map((_, body) => delivery(body))
      await engine.hot.commit(commit({ bodies: names.map(bytes), appends: [{ session: record.uid, messages }] }))
      assert.deepEqual(next(), ['3', '4', '5'])
      assert.deepEqual(await queued(engine, record.uid), ['3', '4', '5'])

      // One that is under way stays, so what goes is taken from the middle.
      const [first] = await engine.queue.read(record.uid, null, everything)
      const position = first?.position as Position
      const binding = { kind: 'outgoing', position, packetIdentifier: 1, phase: 'sent' } as const
      await engine.hot.commit(commit({ owner: [{ fence, operations: [binding] }] }))
      const run = runOf('6', '7', '8', '9')
      const inOneGo = [delivery(0, { ends: run.ends })]
      await engine.hot.commit(commit({ bodies: [run.body], appends: [{ session: record.uid, messages: inOneGo }] }))
      assert.deepEqual(next(), ['8', '9'])
      assert.deepEqual(await queued(engine, record.uid), ['3', '8', '9'])
    },
  )

  withEngine(adapter, 'a run of any length and size comes back whole', async (engine, world) => {
    const { record } = await open(engine, 'a')
    const long = Array.from({ length: 700 }, (_, i) => `${i}`)
    const large = ['a', 'b', 'c', 'd', 'e'].map((letter, i) => letter.repeat(i === 2 ? 90_000 : 30_000))
    const [first, second] = [runOf(...long), runOf(...large)]
    await engine.hot.commit(
      commit({
        bodies: [first.body, second.body],
        appends: [
          {
            session: record.uid,
            messages: [delivery(1, { ends: second.ends }), delivery(0, { ends: first.ends }), delivery(1)],
          },
        ],
      }),
    )
    const names = [...large, ...long, large.join('')]
    await world.crash(nodeA)
    const again = await world.engine(nodeA)
    assert.deepEqual(await queued(again, record.uid), names)
    const page = await again.queue.read(record.uid, null, { messages: 300, bytes: 1 << 30 })
    assert.deepEqual(texts(page), names.slice(0, 300))
    const upTo = page.at(-1)?.position as Position
    const { fence } = await open(again, 'a')
    await again.hot.commit(commit({ owner: [{ fence, operations: [{ kind: 'acknowledge', upTo }] }] }))
    assert.deepEqual(await queued(again, record.uid), names.slice(300))
  })

  withEngine(
    adapter,
    'a run whose ends do not fit its body is a bug, and nothing of its commit is kept',
    async (engine) => {
      const { record } = await open(engine, 'a')
      for (const ends of [[], [3], [2, 1, 5], [2, 6]]) {
        const messages = [delivery(0, { ends })]
        await assert.rejects(
          engine.hot.commit(commit({ bodies: [bytes('12345')], appends: [{ session: record.uid, messages }] })),
        )
      }
      assert.deepEqual(await queued(engine, record.uid), [])
    },
  )

  withEngine(
    adapter,
    'tail: ends when another owner opens the session, when it closes and when it is removed',
    async (engine) => {
      for (const ending of ['open', 'close', 'remove', 'discard'] as const) {
        const { record, fence } = await open(engine, ending)
        const told: string[] = []
        engine.queue.tail(fence, (messages) => told.push(...texts(messages)))
        await engine.hot.commit(appending(record.uid, 'mine'))
        if (ending === 'open') await open(engine, ending)
        else if (ending === 'remove') await engine.sessions.remove(record.uid, 'any')
        else if (ending === 'discard') await engine.sessions.discard(record.uid, 'any', start)
        else await engine.sessions.close(fence, { now: start, expiryIntervalSeconds: 60, will: 'discard' })
        await engine.hot.commit(appending(record.uid, 'not mine'))
        assert.deepEqual(told, ['mine'], ending)
      }
    },
  )

  withEngine(adapter, 'tail: a stale fence is told nothing', async (engine) => {
    const stale = await open(engine, 'a')
    const fresh = await open(engine, 'a')
    const told: string[] = []
    engine.queue.tail(stale.fence, () => told.push('stale'))
    engine.queue.tail(fresh.fence, () => told.push('fresh'))
    await engine.hot.commit(appending(fresh.record.uid, 'm'))
    assert.deepEqual(told, ['fresh'])
  })

  withEngine(adapter, 'tail: a message that the same commit pushed out again is not told', async (engine) => {
    const queue = { maximumMessages: 2, maximumBytes: 1000, overflow: 'dropOldest' } as const
    const { record, fence } = await open(engine, 'a', { queue })
    const told: string[] = []
    engine.queue.tail(fence, (messages) => told.push(...texts(messages)))
    await engine.hot.commit(appending(record.uid, '1', '2', '3'))
    assert.deepEqual(told, ['2', '3'])
  })

  withTwoEngines(adapter, 'tail: the owner is told of what other nodes append', async (a, b) => {
    const { record, fence } = await open(a, 'a', { node: nodeA })
    const told: string[] = []
    a.queue.tail(fence, (messages) => told.push(...texts(messages)))
    await b.hot.commit(appending(record.uid, 'from b'))
    await a.hot.commit(appending(record.uid, 'from a'))
    assert.deepEqual(told, ['from b', 'from a'])
    await open(b, 'a', { node: nodeB })
    await b.hot.commit(appending(record.uid, 'after takeover'))
    assert.equal(told.length, 2)
  })

  withEngine(adapter, 'retained: the last message per topic, until it is removed', async (engine, world) => {
    await engine.hot.commit(retaining('t', 'one', after(5)))
    await engine.hot.commit(retaining('t', 'two'))
    const record = engine.retained.get(namespace, 't')
    assert.deepEqual(
      { ...record, body: text(record?.body ?? bytes('')) },
      { topicName: 't', body: 'two', expiresAt: null },
    )
    await engine.hot.commit(retaining('gone', 'x'))
    await engine.hot.commit(commit({ retain: [{ namespace, topicName: 'gone', body: null, expiresAt: null }] }))
    await engine.hot.commit(commit({ retain: [{ namespace, topicName: 'never', body: null, expiresAt: null }] }))
    assert.equal(engine.retained.get(namespace, 'gone'), undefined)
    await world.crash(nodeA)
    const again = await world.engine(nodeA)
    assert.equal(text(again.retained.get(namespace, 't')?.body ?? bytes('')), 'two')
    assert.equal(again.retained.get(namespace, 'gone'), undefined)
  })

  withEngine(adapter, 'retained: of changes of one topic in one commit the last holds', async (engine) => {
    await engine.hot.commit(
      commit({
        bodies: [bytes('1'), bytes('2')],
        retain: [
          { namespace, topicName: 't', body: 0, expiresAt: after(1) },
          { namespace, topicName: 't', body: 1, expiresAt: null },
          { namespace, topicName: 'u', body: 0, expiresAt: null },
          { namespace, topicName: 'u', body: null, expiresAt: null },
        ],
      }),
    )
    assert.equal(text(engine.retained.get(namespace, 't')?.body ?? bytes('')), '2')
    assert.equal(engine.retained.get(namespace, 'u'), undefined)
    assert.deepEqual(engine.retained.expiredBefore(after(10), 10), [])
  })

  withEngine(adapter, 'retained: topics are exact, of any length, and apart per namespace', async (engine, world) => {
    const long = 'l'.repeat(65_000)
    const topics = [
      'a',
      'A',
      'a/',
      '/a',
      '',
      '\u00e9',
      'e\u0301',
      'a\u001fb',
      '\u{1f600}',
      long,
      `${long}x`,
      `${long}y`,
    ]
    for (const topicName of topics) await engine.hot.commit(retaining(topicName, `body of ${topicName.slice(-9)}`))
    await engine.hot.commit(
      commit({
        bodies: [bytes('theirs')],
        retain: [{ namespace: otherNamespace, topicName: 'a', body: 0, expiresAt: null }],
      }),
    )
    await world.crash(nodeA)
    const again = await world.engine(nodeA)
    for (const topicName of topics) {
      const record = again.retained.get(namespace, topicName)
      assert.equal(record?.topicName, topicName)
      assert.equal(text(record?.body ?? bytes('')), `body of ${topicName.slice(-9)}`)
    }
    assert.equal(text(again.retained.get(otherNamespace, 'a')?.body ?? bytes('')), 'theirs')
    assert.equal(again.retained.get(otherNamespace, 'A'), undefined)
    const seen: string[] = []
    again.retained.topics(({ namespace: of, topicName }) => void (of === namespace && seen.push(topicName)))
    assert.deepEqual(seen.sort(), [...topics].sort())
  })

  withEngine(
    adapter,
    'retained: topics now, then each change with its size, in commit order',
    async (engine, world) => {
      await engine.hot.commit(retaining('a', '1'))
      const seen: unknown[] = []
      const stop = engine.retained.topics(({ topicName, bytes }) => seen.push([topicName, bytes]))
      assert.deepEqual(seen.splice(0), [['a', 1]])
      await engine.hot.commit(retaining('b', '1'))
      await engine.hot.commit(retaining('a', '22'))
      await engine.hot.commit(commit({ retain: [{ namespace, topicName: 'a', body: null, expiresAt: null }] }))
      await engine.hot.commit(commit({ retain: [{ namespace, topicName: 'a', body: null, expiresAt: null }] }))
      assert.deepEqual(seen.splice(0), [
        ['b', 1],
        ['a', 2],
        ['a', null],
      ])
      stop()
      const long = 'c'.repeat(2_000)
      await engine.hot.commit(retaining(long, '333'))
      assert.deepEqual(seen, [])
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      const restarted: unknown[] = []
      again.retained.topics(({ topicName, bytes }) => restarted.push([topicName, bytes]))
      assert.deepEqual(restarted, [
        ['b', 1],
        [long, 3],
      ])
    },
  )

  withEngine(
    adapter,
    'retained: what expired is named, bounded, until it is removed or replaced',
    async (engine, world) => {
      await engine.hot.commit(retaining('a', '1', after(10)))
      await engine.hot.commit(retaining('b', '1', after(20)))
      await engine.hot.commit(retaining('c', '1', after(30)))
      await engine.hot.commit(retaining('never', '1'))
      await engine.hot.commit(retaining('c', '2', after(40)))
      const expired = (store: typeof engine, seconds: number, limit = 10): string[] =>
        store.retained.expiredBefore(after(seconds), limit).map(({ topicName }) => topicName)
      assert.deepEqual(expired(engine, 9), [])
      assert.deepEqual(expired(engine, 10), ['a'])
      assert.deepEqual(expired(engine, 30), ['a', 'b'])
      assert.equal(expired(engine, 30, 1).length, 1)
      await engine.hot.commit(retaining('a', '2'))
      await engine.hot.commit(commit({ retain: [{ namespace, topicName: 'b', body: null, expiresAt: null }] }))
      assert.deepEqual(expired(engine, 30), [])
      await world.crash(nodeA)
      assert.deepEqual(expired(await world.engine(nodeA), 1000), ['c'])
    },
  )

  withTwoEngines(adapter, 'retained: a change of one node is told at the other', async (a, b) => {
    const seen: unknown[] = []
    b.retained.topics(({ topicName, bytes }) => seen.push([topicName, bytes]))
    await a.hot.commit(retaining('t', '1'))
    assert.deepEqual(seen, [['t', 1]])
    assert.equal(text(b.retained.get(namespace, 't')?.body ?? bytes('')), '1')
  })
}
