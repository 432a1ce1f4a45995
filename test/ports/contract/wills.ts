import assert from 'node:assert/strict'
import type { Engine } from '../../../src/ports/engine.ts'
import type { SessionUid } from '../../../src/ports/identity.ts'
import type { WillPublication } from '../../../src/ports/message-store.ts'
import {
  after,
  appending,
  bytes,
  commit,
  delivery,
  type EngineUnderTest,
  everything,
  namespace,
  nodeA,
  open,
  openRequest,
  ownerOf,
  queued,
  rejects,
  start,
  subscription,
  text,
  will,
  withEngine,
} from './world.ts'

/** Wills that wait for their publication, and sessions of which nothing but the will is left. */
export function willsContract(adapter: EngineUnderTest): void {
  withEngine(adapter, 'wills: a session that is only its will has no name, no queue and no route', async (engine) => {
    const uid = await onlyItsWill(engine)
    assert.equal(engine.sessions.get(uid), undefined)
    assert.equal(engine.sessions.find(namespace, 'a'), undefined)
    assert.deepEqual(engine.sessions.list({ namespace, after: null, limit: 10 }), [])
    assert.deepEqual(engine.sessions.list({ namespace, foldedName: 'alpha', after: null, limit: 10 }), [])
    const routes: unknown[] = []
    engine.sessions.routes((change) => routes.push(change))
    assert.deepEqual(routes, [])
    await engine.hot.commit(appending(uid, 'for nobody'))
    assert.deepEqual(await engine.queue.read(uid, null, everything), [])
    assert.deepEqual(engine.queue.size(uid), { messages: 0, bytes: 0 })
    const [due] = engine.sessions.dueBefore(start, 10)
    assert.deepEqual(
      [due?.uid, due?.node, due?.subscriptions, text(due?.will?.body ?? bytes(''))],
      [uid, null, [], 'w'],
    )
  })

  withEngine(
    adapter,
    'S28 wills: the name of a session that is only its will is free, for another owner and under every quota',
    async (engine) => {
      const uid = await onlyItsWill(engine)
      const one = { quotas: { perName: 1, perNamespace: 1 } }
      assert.equal(engine.sessions.wouldRefuse(openRequest('a', { owner: ownerOf('Beta'), ...one })), null)
      const next = await open(engine, 'a', { owner: ownerOf('Beta'), ...one })
      assert.deepEqual([next.present, next.previous, next.discarded, next.willIsDue], [false, null, null, false])
      assert.notEqual(next.record.uid, uid)
      // The new holder of the name has nothing to do with the will, and does not silence it.
      await engine.sessions.close(next.fence, { now: start, expiryIntervalSeconds: 0, will: 'discard' })
      assert.deepEqual(dueWills(engine), ['w'])
    },
  )

  withEngine(adapter, 'wills: the fence of a session that is only its will is stale', async (engine) => {
    const a = await open(engine, 'a', { expiryIntervalSeconds: 0, will: will('w') })
    await engine.sessions.close(a.fence, { now: start, expiryIntervalSeconds: 0, will: 'keep' })
    const again = { now: start, expiryIntervalSeconds: 60, will: 'discard' } as const
    await rejects(engine.sessions.close(a.fence, again), 'fenced')
    const subscriptions = [subscription('x')]
    const late = commit({ owner: [{ fence: a.fence, operations: [{ kind: 'subscriptions', subscriptions }] }] })
    assert.deepEqual((await engine.hot.commit(late)).fenced, [a.record.uid])
    assert.deepEqual(dueWills(engine), ['w'])
  })

  withEngine(
    adapter,
    'wills: removing or discarding a session that is only its will drops the will',
    async (engine) => {
      for (const how of ['remove', 'discard'] as const) {
        const uid = await onlyItsWill(engine)
        const ends = how === 'remove' ? engine.sessions.remove(uid, 'any') : engine.sessions.discard(uid, 'any', start)
        assert.equal(await ends, true)
        assert.deepEqual(engine.sessions.dueBefore(after(1e6), 10), [])
        const { withheld } = await engine.hot.commit(publishing(publicationOf(uid)))
        assert.deepEqual(withheld, [uid])
      }
    },
  )

  withEngine(
    adapter,
    'wills: a crash before the publication leaves the will due, one after it leaves it published',
    async (engine, world) => {
      const b = await open(engine, 'b')
      await engine.sessions.close(b.fence, { now: start, expiryIntervalSeconds: 3600, will: 'discard' })
      const uid = await onlyItsWill(engine)
      await world.crash(nodeA)
      const second = await world.engine(nodeA)
      assert.deepEqual(dueWills(second), ['w'])
      assert.equal(second.sessions.get(uid), undefined)
      assert.deepEqual(await queued(second, b.record.uid), [])
      // Nobody waits for this answer: whatever of it is there, all of it is there.
      const unanswered = second.hot.commit(publishing(publicationOf(uid, b.record.uid))).catch(() => {})
      await world.crash(nodeA)
      await unanswered
      const third = await world.engine(nodeA)
      const isPublished = (await queued(third, b.record.uid)).length === 1
      assert.deepEqual(dueWills(third), isPublished ? [] : ['w'])
      assert.equal(third.retained.get(namespace, 't') !== undefined, isPublished)
      const again = await third.hot.commit(publishing(publicationOf(uid, b.record.uid)))
      assert.deepEqual(again.withheld, isPublished ? [uid] : [])
      assert.deepEqual(await queued(third, b.record.uid), ['gone'])
    },
  )

  withEngine(
    adapter,
    'wills: a publication that was refused left the will; one whose answer was lost is not made twice',
    async (engine, world) => {
      if (world.fault === undefined) return
      const b = await open(engine, 'b')
      for (const fault of ['refuse', 'loseAnswer'] as const) {
        const uid = await onlyItsWill(engine)
        const once = publishing(publicationOf(uid, b.record.uid))
        world.fault(nodeA, fault)
        await rejects(engine.hot.commit(once), 'unavailable')
        world.fault(nodeA, null)
        assert.deepEqual(dueWills(engine), fault === 'refuse' ? ['w'] : [])
        assert.deepEqual((await engine.hot.commit(once)).withheld, [], 'the same commit, so the same answer')
        // The reaper saw it due before and makes a commit of its own.
        assert.deepEqual((await engine.hot.commit(publishing(publicationOf(uid, b.record.uid)))).withheld, [uid])
        assert.deepEqual(dueWills(engine), [])
      }
      assert.deepEqual(await queued(engine, b.record.uid), ['gone', 'gone'])
    },
  )

  withEngine(adapter, 'wills: of two publications in one commit, the second is withheld whole', async (engine) => {
    const b = await open(engine, 'b')
    const uid = await onlyItsWill(engine)
    const publication = publicationOf(uid, b.record.uid)
    const twice = commit({ bodies: [bytes('gone')], wills: [publication, publication] })
    assert.deepEqual((await engine.hot.commit(twice)).withheld, [uid])
    assert.deepEqual(await queued(engine, b.record.uid), ['gone'])
  })

  withEngine(
    adapter,
    'wills: what was due when the session was opened again is published beside the new will',
    async (engine, world) => {
      const a = await open(engine, 'a', { will: will('old', 5) })
      await engine.sessions.close(a.fence, { now: start, expiryIntervalSeconds: 600, will: 'keep' })
      const again = await open(engine, 'a', { now: after(5), will: will('new', 5) })
      assert.deepEqual([again.present, again.willIsDue], [true, true])
      await world.crash(nodeA)
      const later = await world.engine(nodeA)
      const wills = later.sessions.dueBefore(after(5), 10).filter(({ node }) => node === null)
      assert.deepEqual(
        wills.map(({ will }) => text(will?.body ?? bytes(''))),
        ['old'],
      )
      const [due] = wills
      assert.ok(due !== undefined && due.willDueAt !== null)
      assert.equal(await later.sessions.willDone(due.uid, due.willDueAt), true)
      assert.equal(text(later.sessions.get(a.record.uid)?.will?.body ?? bytes('')), 'new')
    },
  )
}

/** A session that ended with its connection and left a will. */
async function onlyItsWill(engine: Engine): Promise<SessionUid> {
  const a = await open(engine, 'a', { expiryIntervalSeconds: 0, will: will('w') })
  await engine.hot.commit(
    commit({
      owner: [{ fence: a.fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('x')] }] }],
    }),
  )
  await engine.sessions.close(a.fence, { now: start, expiryIntervalSeconds: 0, will: 'keep' })
  return a.record.uid
}

function dueWills(engine: Engine): string[] {
  const due = engine.sessions.dueBefore(start, 10).filter(({ node, will }) => node === null && will !== null)
  return due.map(({ will }) => text(will?.body ?? bytes('')))
}

function publicationOf(session: SessionUid, to?: SessionUid): WillPublication {
  const appends = to === undefined ? [] : [{ session: to, messages: [delivery(0)] }]
  return { session, dueAt: start, appends, retain: { namespace, topicName: 't', body: 0, expiresAt: null } }
}

function publishing(publication: WillPublication) {
  return commit({ bodies: [bytes('gone')], wills: [publication] })
}
