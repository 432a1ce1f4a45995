import assert from 'node:assert/strict'
import type { Engine } from '../../../src/ports/engine.ts'
import type { SessionUid } from '../../../src/ports/identity.ts'
import type { OpenSession } from '../../../src/ports/session-store.ts'
import {
  after,
  appending,
  bytes,
  commit,
  type EngineUnderTest,
  newUid,
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

/** Everything a refused opening could have changed, as far as the port shows it. */
function picture(engine: Engine, sessions: readonly SessionUid[]): unknown {
  return sessions.map((uid) => [engine.sessions.get(uid), engine.queue.size(uid)])
}

export function openingContract(adapter: EngineUnderTest): void {
  withEngine(adapter, 'open: a new session has the requested facts and no state', async (engine) => {
    const request = openRequest('c1', { will: will('w', 5), now: after(7) })
    const outcome = await engine.sessions.open(request)
    assert.equal(outcome.kind, 'opened')
    if (outcome.kind !== 'opened') return
    assert.deepEqual(outcome.fence, { session: request.newUid, epoch: outcome.record.epoch })
    assert.equal(outcome.present, false)
    assert.equal(outcome.previous, null)
    assert.equal(outcome.discarded, null)
    assert.equal(outcome.willIsDue, false)
    assert.equal(outcome.queue, 'stored')
    assert.deepEqual(outcome.inflight, { acknowledged: null, outgoing: [], incoming: [] })
    assert.deepEqual(outcome.record, {
      uid: request.newUid,
      namespace: request.namespace,
      clientId: 'c1',
      owner: request.owner,
      principal: request.principal,
      sequenceNumber: 1,
      node: nodeA,
      epoch: outcome.record.epoch,
      connectedAt: after(7),
      expiryIntervalSeconds: 3600,
      expiresAt: null,
      subscriptions: [],
      will: request.will,
      willDueAt: null,
    })
    assert.deepEqual(engine.sessions.get(request.newUid), outcome.record)
    assert.deepEqual(engine.sessions.find(request.namespace, 'c1'), outcome.record)
  })

  withEngine(adapter, 'open: what a session keeps is what it was opened with, in every form', async (engine, world) => {
    const principal = {
      method: 'CUSTOM-JWT',
      attributes: { floor: -3, site: 'm\u00fcnchen', groups: ['a', 'b'], ['__proto__']: 'x' },
      validUntil: after(99),
    }
    const owner = {
      authority: 'token' as const,
      uid: 'sub|\u0000\u001f',
      authenticationName: '\u00c9',
      foldedName: '\u00e9',
    }
    const { record } = await open(engine, 'c\u{1f600}\ud800', {
      principal,
      owner,
      expiryIntervalSeconds: null,
      will: will('w', 9),
    })
    assert.deepEqual(engine.sessions.get(record.uid), record)
    assert.deepEqual(record.principal, principal)
    assert.deepEqual(record.owner, owner)
    await world.crash(nodeA)
    const again = await world.engine(nodeA)
    assert.deepEqual(again.sessions.get(record.uid), record)
    assert.deepEqual(again.sessions.find(record.namespace, 'c\u{1f600}\ud800'), record)
  })

  withEngine(adapter, 'open: the same owner resumes its offline session with all of its state', async (engine) => {
    const first = await open(engine, 'c1')
    await engine.hot.commit(
      commit({
        owner: [{ fence: first.fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('a/#')] }] }],
      }),
    )
    await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'discard' })
    await engine.hot.commit(appending(first.record.uid, 'm1'))
    const second = await open(engine, 'c1', { now: after(59), expiryIntervalSeconds: 120 })
    assert.equal(second.present, true)
    assert.equal(second.previous, null)
    assert.equal(second.discarded, null)
    assert.equal(second.record.uid, first.record.uid)
    assert.equal(second.record.sequenceNumber, 2)
    assert.equal(second.record.expiryIntervalSeconds, 120)
    assert.equal(second.record.expiresAt, null)
    assert.equal(second.record.connectedAt, after(59))
    assert.deepEqual(second.record.subscriptions, [subscription('a/#')])
    assert.ok(second.fence.epoch > first.fence.epoch)
    assert.deepEqual(await queued(engine, second.record.uid), ['m1'])
  })

  withEngine(adapter, 'open: clean start discards the state and takes a new uid', async (engine) => {
    const first = await open(engine, 'c1')
    await engine.hot.commit(appending(first.record.uid, 'm1'))
    await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'discard' })
    const second = await open(engine, 'c1', { cleanStart: true })
    assert.equal(second.present, false)
    assert.equal(second.discarded, first.record.uid)
    assert.notEqual(second.record.uid, first.record.uid)
    assert.equal(second.record.sequenceNumber, 2)
    assert.deepEqual(second.record.subscriptions, [])
    assert.equal(engine.sessions.get(first.record.uid), undefined)
    assert.deepEqual(await queued(engine, first.record.uid), [])
    assert.deepEqual(await queued(engine, second.record.uid), [])
  })

  withEngine(adapter, 'open: a session past its expiry is gone even before anybody removed it', async (engine) => {
    const first = await open(engine, 'c1', { will: will('w', 999) })
    await engine.hot.commit(appending(first.record.uid, 'm1'))
    await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'keep' })
    const second = await open(engine, 'c1', { now: after(60) })
    assert.equal(second.present, false)
    assert.equal(second.discarded, first.record.uid)
    assert.equal(second.willIsDue, true)
    assert.deepEqual(dueWills(engine), ['Alpha w'])
    assert.deepEqual(await queued(engine, second.record.uid), [])
  })

  withEngine(adapter, 'S28 open: client ids are compared by exact bytes', async (engine) => {
    const ids = [
      'a',
      'A',
      '\u00e9',
      'e\u0301',
      'a/b',
      'a',
      '/b',
      'a\u001f',
      '\u001fa',
      'a\u001fb',
      ' a',
      'a ',
      'ß',
      'ss',
      'ẞ',
    ]
    const distinct = [...new Set(ids)]
    const uids = new Set<string>()
    for (const id of distinct) uids.add((await open(engine, id)).record.uid)
    assert.equal(uids.size, distinct.length)
    for (const id of distinct) assert.equal(engine.sessions.find(openRequest(id).namespace, id)?.clientId, id)
    // 65,535 bytes is what the wire allows.
    const long = 'x'.repeat(65_534)
    await open(engine, `${long}a`)
    await open(engine, `${long}b`)
    assert.equal(engine.sessions.find(openRequest('').namespace, `${long}a`)?.clientId, `${long}a`)
    assert.equal(engine.sessions.find(openRequest('').namespace, long), undefined)
    assert.equal((await open(engine, `${long}b`)).present, true)
  })

  withEngine(adapter, 'S28 open: two namespaces with equal client ids never touch each other', async (engine) => {
    const here = await open(engine, 'c1')
    const there = await open(engine, 'c1', { namespace: otherNamespace, owner: ownerOf('Stranger') })
    assert.equal(there.present, false)
    assert.equal(there.previous, null)
    await engine.hot.commit(appending(here.record.uid, 'm1'))
    assert.deepEqual(await queued(engine, there.record.uid), [])
    await engine.sessions.close(here.fence, { now: start, expiryIntervalSeconds: 0, will: 'discard' })
    assert.equal(engine.sessions.find(otherNamespace, 'c1')?.uid, there.record.uid)
    assert.equal(engine.sessions.find(openRequest('').namespace, 'c1'), undefined)
  })

  withEngine(adapter, 'S28 open: a name in use by another owner is refused and nothing changes', async (engine) => {
    const offline = await open(engine, 'off', { will: will('w', 30) })
    await engine.hot.commit(appending(offline.record.uid, 'm1'))
    await engine.sessions.close(offline.fence, { now: start, expiryIntervalSeconds: 60, will: 'keep' })
    const online = await open(engine, 'on')
    const uids = [offline.record.uid, online.record.uid]
    const before = picture(engine, uids)
    const strangers: readonly Partial<OpenSession>[] = [
      { owner: ownerOf('Beta') },
      { owner: ownerOf('Beta'), cleanStart: true },
      // The same words from another authority are another owner (S36).
      { owner: { ...ownerOf('Alpha'), authority: 'token' } },
      { owner: { ...ownerOf('Alpha'), authority: 'webhook' }, cleanStart: true },
      { owner: { ...ownerOf('Beta'), authority: 'entra', uid: ownerOf('Alpha').uid } },
    ]
    for (const stranger of strangers) {
      for (const clientId of ['on', 'off']) {
        const outcome = await engine.sessions.open(openRequest(clientId, { now: after(59), ...stranger }))
        assert.deepEqual(outcome, { kind: 'nameTaken', owner: ownerOf('Alpha') })
      }
    }
    assert.deepEqual(picture(engine, uids), before)
    await engine.hot.commit(
      commit({ owner: [{ fence: online.fence, operations: [{ kind: 'subscriptions', subscriptions: [] }] }] }),
    )
    assert.equal((await open(engine, 'off', { now: after(59) })).present, true)
  })

  withEngine(adapter, 'wouldRefuse says beforehand what open will say, and changes nothing', async (engine) => {
    const quotas = { perName: 2, perNamespace: 3 }
    const requests = [
      openRequest('a', { quotas }),
      openRequest('a', { quotas, owner: ownerOf('Beta') }),
      openRequest('b', { quotas }),
      openRequest('c', { quotas }),
      openRequest('b', { quotas }),
      openRequest('d', { quotas, owner: ownerOf('Beta') }),
      openRequest('e', { quotas, owner: ownerOf('Gamma') }),
    ]
    const kinds: string[] = []
    for (const request of requests) {
      const foreseen = engine.sessions.wouldRefuse(request)
      const list = () => engine.sessions.list({ namespace: request.namespace, after: null, limit: 10 })
      const before = list()
      assert.deepEqual(engine.sessions.wouldRefuse(request), foreseen)
      assert.deepEqual(list(), before)
      const outcome = await engine.sessions.open(request)
      assert.deepEqual(foreseen, outcome.kind === 'opened' ? null : outcome)
      kinds.push(outcome.kind === 'quotaExceeded' ? outcome.which : outcome.kind)
    }
    assert.deepEqual(kinds, ['opened', 'nameTaken', 'opened', 'perName', 'opened', 'opened', 'perNamespace'])
  })

  withEngine(adapter, 'S30 open: a thousand refusals reserve, evict and count nothing', async (engine) => {
    const victim = await open(engine, 'victim')
    for (let i = 0; i < 1000; i++) {
      const outcome = await engine.sessions.open(
        openRequest('victim', { owner: ownerOf(`Attacker${i}`), cleanStart: true }),
      )
      assert.equal(outcome.kind, 'nameTaken')
    }
    assert.equal(engine.sessions.list({ namespace: victim.record.namespace, after: null, limit: 10 }).length, 1)
    assert.deepEqual(engine.sessions.get(victim.record.uid), victim.record)
    const quotas = { perName: 1, perNamespace: 2 }
    assert.equal(
      (await engine.sessions.open(openRequest('own', { owner: ownerOf('Attacker1'), quotas }))).kind,
      'opened',
    )
  })

  withEngine(adapter, 'open: the same owner is known by its uid, whatever its name became', async (engine) => {
    const first = await open(engine, 'c1', { owner: ownerOf('Alpha', 'u1') })
    await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'discard' })
    const renamed = await open(engine, 'c1', { owner: ownerOf('Renamed', 'u1') })
    assert.equal(renamed.present, true)
    assert.equal(renamed.record.owner.foldedName, 'renamed')
    const query = { namespace: renamed.record.namespace, after: null, limit: 10 }
    assert.equal(engine.sessions.list({ ...query, foldedName: 'alpha' }).length, 0)
    assert.equal(engine.sessions.list({ ...query, foldedName: 'renamed' }).length, 1)
  })

  withEngine(adapter, 'S29 open: a re-created client may use the name but never the state', async (engine) => {
    for (const state of ['online', 'offline'] as const) {
      const clientId = `c-${state}`
      const first = await open(engine, clientId, { owner: ownerOf('Alpha', 'old'), will: will('of the old one', 0) })
      await engine.hot.commit(appending(first.record.uid, '1', '2', '3', '4', '5'))
      if (state === 'offline') {
        await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'keep' })
      }
      const second = await open(engine, clientId, { owner: ownerOf('ALPHA', 'new') })
      assert.equal(second.present, false)
      assert.equal(second.discarded, first.record.uid)
      assert.equal(second.willIsDue, true)
      const [due] = engine.sessions.dueBefore(after(1000), 10)
      assert.equal(due?.owner.uid, 'old', 'a will is judged as its own owner’s, never as the newcomer’s')
      assert.equal(await engine.sessions.willDone(due.uid, due.willDueAt as never), true)
      assert.notEqual(second.record.uid, first.record.uid)
      assert.deepEqual(await queued(engine, second.record.uid), [])
      assert.deepEqual(await queued(engine, first.record.uid), [])
      await rejects(
        engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 9, will: 'keep' }),
        'fenced',
      )
      assert.equal(engine.sessions.find(second.record.namespace, clientId)?.uid, second.record.uid)
    }
  })

  withEngine(
    adapter,
    'S37 open: the will that another owner left behind waits for its own judgement',
    async (engine) => {
      const first = await open(engine, 'c1', { owner: ownerOf('Alpha'), will: will('late', 999) })
      await engine.hot.commit(appending(first.record.uid, 'm1'))
      await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 10, will: 'keep' })
      const second = await open(engine, 'c1', { owner: ownerOf('Beta'), now: after(10) })
      assert.equal(second.willIsDue, true)
      assert.equal(second.discarded, first.record.uid)
      const due = engine.sessions.dueBefore(after(10), 10)
      assert.deepEqual(
        due.map(({ uid, owner, will, subscriptions }) => [
          uid,
          owner.uid,
          text(will?.body ?? new Uint8Array()),
          subscriptions,
        ]),
        [[first.record.uid, ownerOf('Alpha').uid, 'late', []]],
      )
      assert.deepEqual(await queued(engine, first.record.uid), [])
      assert.equal(await engine.sessions.willDone(first.record.uid, due[0]?.willDueAt as never), true)
      assert.deepEqual(engine.sessions.dueBefore(after(10_000), 10), [])
      assert.equal(engine.sessions.get(first.record.uid), undefined)
      assert.equal(engine.sessions.find(second.record.namespace, 'c1')?.uid, second.record.uid)
    },
  )

  withEngine(
    adapter,
    'open: perName counts offline sessions and this one, and names one that blocks',
    async (engine) => {
      const quotas = { perName: 2, perNamespace: 100 }
      const first = await open(engine, 'c1', { quotas })
      await open(engine, 'c2', { quotas })
      await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'discard' })
      const before = picture(engine, [first.record.uid])
      assert.deepEqual(await engine.sessions.open(openRequest('c3', { quotas })), {
        kind: 'quotaExceeded',
        which: 'perName',
        limit: 2,
        blocking: { clientId: 'c1', online: false },
      })
      assert.equal(engine.sessions.find(first.record.namespace, 'c3'), undefined)
      assert.deepEqual(picture(engine, [first.record.uid]), before)
      // The name goes by its folded form, and another authority's name is another name.
      const shouted = await engine.sessions.open(openRequest('c3', { quotas, owner: ownerOf('ALPHA', 'other uid') }))
      assert.equal(shouted.kind, 'quotaExceeded')
      await open(engine, 'c4', { quotas, owner: { ...ownerOf('Alpha'), authority: 'token' } })
      await open(engine, 'c5', { quotas, namespace: otherNamespace })
      // A session that is replaced or resumed counts once.
      await open(engine, 'c1', { quotas })
      await open(engine, 'c2', { quotas, cleanStart: true })
      // What has ended no longer counts.
      await engine.sessions.close((await open(engine, 'c1', { quotas })).fence, {
        now: start,
        expiryIntervalSeconds: 60,
        will: 'discard',
      })
      assert.equal((await engine.sessions.open(openRequest('c3', { quotas, now: after(59) }))).kind, 'quotaExceeded')
      await open(engine, 'c3', { quotas, now: after(60) })
    },
  )

  withEngine(adapter, 'open: perNamespace counts all owners, offline ones included', async (engine) => {
    const quotas = { perName: 100, perNamespace: 2 }
    const first = await open(engine, 'c1', { quotas, owner: ownerOf('Alpha') })
    await open(engine, 'c2', { quotas, owner: ownerOf('Beta') })
    await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'discard' })
    const refused = await engine.sessions.open(openRequest('c3', { quotas, owner: ownerOf('Gamma') }))
    assert.equal(refused.kind, 'quotaExceeded')
    if (refused.kind !== 'quotaExceeded') return
    assert.equal(refused.which, 'perNamespace')
    assert.equal(refused.limit, 2)
    assert.ok(['c1', 'c2'].includes(refused.blocking?.clientId ?? ''))
    await open(engine, 'c3', { quotas, owner: ownerOf('Gamma'), namespace: otherNamespace })
    await open(engine, 'c1', { quotas, owner: ownerOf('Alpha') })
    await open(engine, 'c2', { quotas, owner: ownerOf('Beta'), cleanStart: true })
    await engine.sessions.close((await open(engine, 'c1', { quotas })).fence, {
      now: start,
      expiryIntervalSeconds: 60,
      will: 'discard',
    })
    await open(engine, 'c3', { quotas, owner: ownerOf('Gamma'), now: after(60) })
  })

  withEngine(
    adapter,
    'open: of openings at the same time exactly as many succeed as the quota allows',
    async (engine) => {
      const quotas = { perName: 3, perNamespace: 100 }
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, i) => engine.sessions.open(openRequest(`c${i}`, { quotas }))),
      )
      assert.equal(outcomes.filter(({ kind }) => kind === 'opened').length, 3)
      assert.equal(engine.sessions.list({ namespace: openRequest('').namespace, after: null, limit: 100 }).length, 3)
    },
  )

  withEngine(adapter, 'open: a takeover continues the session and fences the first connection', async (engine) => {
    const first = await open(engine, 'c1')
    const second = await open(engine, 'c1')
    assert.equal(second.present, true)
    assert.equal(second.previous, nodeA)
    assert.equal(second.record.uid, first.record.uid)
    assert.equal(second.record.sequenceNumber, 2)
    assert.ok(second.fence.epoch > first.fence.epoch)
    await rejects(engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 0, will: 'keep' }), 'fenced')
    const result = await engine.hot.commit(
      commit({
        owner: [
          { fence: first.fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('stale')] }] },
          { fence: second.fence, operations: [{ kind: 'subscriptions', subscriptions: [subscription('fresh')] }] },
        ],
      }),
    )
    assert.deepEqual(result.fenced, [first.record.uid])
    assert.deepEqual(engine.sessions.get(second.record.uid)?.subscriptions, [subscription('fresh')])
    await rejects(engine.hot.flushAcknowledgements(first.fence), 'fenced')
    await engine.hot.flushAcknowledgements(second.fence)
  })

  withTwoEngines(adapter, 'open: a second node that opens the same session fences the first', async (a, b) => {
    const first = await open(a, 'c1')
    await a.hot.commit(appending(first.record.uid, 'm1'))
    const second = await open(b, 'c1', { node: nodeB })
    assert.equal(second.previous, nodeA)
    assert.equal(second.present, true)
    assert.equal(a.sessions.get(first.record.uid)?.node, nodeB)
    await rejects(a.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 0, will: 'keep' }), 'fenced')
    const stale = await a.hot.commit(
      commit({
        owner: [{ fence: first.fence, operations: [{ kind: 'acknowledge', upTo: { entry: 1n, index: 0 } }] }],
      }),
    )
    assert.deepEqual(stale.fenced, [first.record.uid])
    assert.deepEqual(await queued(b, second.record.uid), ['m1'])
    const outcomes = await Promise.all([a, b].map((engine, i) => open(engine, 'c1', { node: i === 0 ? nodeA : nodeB })))
    assert.equal(outcomes[1]?.previous, nodeA)
    assert.equal(b.sessions.find(second.record.namespace, 'c1')?.epoch, outcomes[1]?.fence.epoch)
  })

  withEngine(
    adapter,
    'open: a session that ends with its connection is not continued by its takeover',
    async (engine) => {
      const first = await open(engine, 'c1', { expiryIntervalSeconds: 0, will: will('w', 30) })
      assert.equal(first.queue, adapter.transientQueue)
      const second = await open(engine, 'c1', { expiryIntervalSeconds: 0 })
      assert.equal(second.present, false)
      assert.equal(second.previous, nodeA)
      assert.equal(second.discarded, first.record.uid)
      assert.equal(second.willIsDue, true)
      assert.deepEqual(dueWills(engine), ['Alpha w'])
      const [due] = engine.sessions.dueBefore(start, 10)
      assert.equal(await engine.sessions.willDone(due?.uid as never, due?.willDueAt as never), true)
      assert.equal(engine.sessions.get(first.record.uid), undefined)
    },
  )

  withEngine(
    adapter,
    '[MQTT-3.1.3-9] open: a takeover that continues the session silences a delayed will only',
    async (engine, world) => {
      await open(engine, 'delayed', { will: will('w1', 30) })
      assert.equal((await open(engine, 'delayed', { will: will('w2', 0) })).willIsDue, false)
      assert.deepEqual(dueWills(engine), [])
      const third = await open(engine, 'delayed')
      assert.equal(third.willIsDue, true)
      assert.equal(third.present, true)
      assert.equal(third.record.will, null)
      assert.deepEqual(dueWills(engine), ['Alpha w2'])
      await open(engine, 'clean', { will: will('w3', 30) })
      const clean = await open(engine, 'clean', { cleanStart: true })
      assert.equal(clean.willIsDue, true)
      assert.deepEqual(dueWills(engine), ['Alpha w2', 'Alpha w3'])
      await world.crash(nodeA)
      const again = await world.engine(nodeA)
      const left = again.sessions.dueBefore(start, 10).filter((record) => record.node === null)
      assert.deepEqual(left.map((record) => text(record.will?.body ?? bytes(''))).sort(), ['w2', 'w3'])
    },
  )

  withEngine(
    adapter,
    '[MQTT-3.1.3-9] open: a pending will dies with a resumption in time, is due after it or at clean start',
    async (engine) => {
      for (const [clientId, at, cleanStart, due] of [
        ['in-time', 29, false, false],
        ['late', 30, false, true],
        ['clean', 1, true, true],
      ] as const) {
        const first = await open(engine, clientId, { will: will(clientId, 30) })
        await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 600, will: 'keep' })
        const second = await open(engine, clientId, { now: after(at), cleanStart })
        assert.equal(second.willIsDue, due)
        assert.equal(await engine.sessions.willDone(first.record.uid, after(30)), false)
      }
      assert.deepEqual(dueWills(engine), ['Alpha clean', 'Alpha late'])
    },
  )

  withEngine(
    adapter,
    'open: a resumed session that now ends with its connection keeps its queue until then',
    async (engine) => {
      const first = await open(engine, 'c1')
      await engine.sessions.close(first.fence, { now: start, expiryIntervalSeconds: 60, will: 'discard' })
      await engine.hot.commit(appending(first.record.uid, 'm1'))
      const second = await open(engine, 'c1', { expiryIntervalSeconds: 0 })
      assert.equal(second.present, true)
      assert.equal(second.queue, 'stored')
      assert.deepEqual(await queued(engine, first.record.uid), ['m1'])
      const { removed } = await engine.sessions.close(second.fence, {
        now: start,
        expiryIntervalSeconds: 0,
        will: 'discard',
      })
      assert.equal(removed, true)
      assert.deepEqual(await queued(engine, first.record.uid), [])
    },
  )

  withEngine(adapter, 'S28 open: the uid of a new session must be new', async (engine) => {
    const uid = newUid()
    await open(engine, 'c1', { newUid: uid })
    await assert.rejects(engine.sessions.open(openRequest('c2', { newUid: uid })))
    assert.equal(engine.sessions.find(openRequest('').namespace, 'c2'), undefined)
  })
}

/** Wills that wait for their publication, as `owner will`. */
function dueWills(engine: Engine): string[] {
  const due = engine.sessions
    .dueBefore(after(1_000_000), 100)
    .filter(({ node, will }) => node === null && will !== null)
  return due.map(({ owner, will }) => `${owner.authenticationName} ${text(will?.body ?? bytes(''))}`).sort()
}
