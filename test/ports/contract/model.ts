import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Engine } from '../../../src/ports/engine.ts'
import type { Fence, OpenOutcome, Position } from '../../../src/ports/session-store.ts'
import { NaiveStore } from './naive-store.ts'
import {
  after,
  bytes,
  commit,
  delivery,
  type EngineUnderTest,
  everything,
  namespace,
  newUid,
  nodeA,
  openRequest,
  ownerOf,
  text,
  texts,
  will,
} from './world.ts'

/** One step of a random history. Numbers pick among what exists, modulo its size. */
const steps = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('open' as const),
      clientId: fc.constantFrom('a', 'b', 'c'),
      owner: fc.constantFrom(ownerOf('Alpha', 'u1'), ownerOf('ALPHA', 'u2'), ownerOf('Beta', 'u3')),
      cleanStart: fc.boolean(),
      interval: fc.constantFrom(0, 10, 10, 20, null),
      willDelay: fc.constantFrom(null, null, 0, 5),
      overflow: fc.constantFrom('dropOldest' as const, 'endSession' as const),
      maximumMessages: fc.constantFrom(2, 4, 100),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('close' as const),
      fence: fc.nat(9),
      interval: fc.constantFrom(0, 10, 20, null),
      will: fc.constantFrom('keep' as const, 'discard' as const),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      sessions: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }),
      messages: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge' as const),
      fence: fc.nat(9),
      message: fc.nat(4),
      soon: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('outgoing' as const),
      fence: fc.nat(9),
      message: fc.nat(4),
      packetIdentifier: fc.integer({ min: 1, max: 3 }),
      phase: fc.constantFrom('sent' as const, 'released' as const, 'done' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('incoming' as const),
      fence: fc.nat(9),
      packetIdentifier: fc.integer({ min: 1, max: 2 }),
      body: fc.constantFrom('x', 'y', null),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), seconds: fc.integer({ min: 1, max: 12 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), session: fc.nat(9), exact: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('discard' as const), session: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reap' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('retain' as const),
      topicName: fc.constantFrom('t', 'u'),
      body: fc.constantFrom('1', '2', null),
      seconds: fc.constantFrom(null, 5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)

/** A step whose outcome is not waited for goes into one transaction with what follows. */
const histories = fc.array(fc.record({ step: steps, wait: fc.boolean() }), { minLength: 1, maxLength: 40 })
type History = typeof histories extends fc.Arbitrary<infer T> ? T : never

/** Random histories must leave an adapter and a store that is too simple to be wrong in the same state at every step. */
export function modelContract(adapter: EngineUnderTest): void {
  test(`${adapter.name}: any history of operations gives what the naive store gives`, {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const world = await adapter.world()
        try {
          await follow(adapter, history, await world.engine(nodeA), async () => {
            await world.crash(nodeA)
            return world.engine(nodeA)
          })
        } finally {
          await world.destroy()
        }
      }),
      { numRuns: adapter.histories },
    )
  })
}

async function follow(
  adapter: EngineUnderTest,
  history: History,
  first: Engine,
  restart: () => Promise<Engine>,
): Promise<void> {
  const naive = new NaiveStore(adapter.transientQueue === 'stored')
  /** Every fence ever given out, stale ones included: the naive store knows them by their place here. */
  const fences: Fence[] = []
  let engine = first
  let seconds = 0
  let bodies = 0
  let opened = 0
  let underWay: Promise<void>[] = []

  async function settle(): Promise<void> {
    const waiting = underWay
    underWay = []
    await Promise.all(waiting)
  }

  /** The naive store has done it already; the outcomes are compared when the other's is there. */
  function expect<T>(promise: Promise<T>, plain: (outcome: T) => unknown, expected: unknown): void {
    underWay.push(promise.then((outcome) => assert.deepEqual(plain(outcome), expected)))
  }

  async function position(place: number, message: number): Promise<{ position: Position; name: string } | undefined> {
    await settle()
    const fence = fences[place]
    const session = naive.owned(place)
    if (fence === undefined || session === undefined || session.queue.length === 0) return undefined
    const index = message % session.queue.length
    const found = (await engine.queue.read(fence.session, null, everything))[index]
    assert.equal(found && text(found.body), session.queue[index]?.name)
    return found && { position: found.position, name: text(found.body) }
  }

  for (const { step, wait } of history) {
    const now = after(seconds)
    switch (step.kind) {
      case 'open': {
        const request = openRequest(step.clientId, {
          owner: step.owner,
          cleanStart: step.cleanStart,
          expiryIntervalSeconds: step.interval,
          will: step.willDelay === null ? null : will(`will ${++bodies}`, step.willDelay),
          queue: { maximumMessages: step.maximumMessages, maximumBytes: 1000, overflow: step.overflow },
          quotas: { perName: 2, perNamespace: 2 },
          now,
          newUid: newUid(),
        })
        const place = opened
        const expected = naive.open(request, place)
        if (expected.kind === 'opened') opened++
        const outcome = engine.sessions.open(request).then((outcome) => {
          if (outcome.kind === 'opened') fences[place] = outcome.fence
          return outcome
        })
        expect(outcome, plainOutcome, expected)
        break
      }
      case 'close': {
        const place = step.fence % Math.max(1, fences.length)
        const fence = fences[place]
        if (fence === undefined) break
        const how = { now, expiryIntervalSeconds: step.interval, will: step.will }
        const closed = engine.sessions.close(fence, how).then(
          ({ removed }) => removed,
          (error: { readonly code?: string }) => error.code,
        )
        expect(closed, (outcome) => outcome, naive.close(place, how))
        break
      }
      case 'append': {
        if (fences.length === 0) break
        const appended = step.sessions.map((pick) => ({
          session: (fences[pick % fences.length] as Fence).session,
          names: Array.from({ length: step.messages }, () => `m${++bodies}`),
        }))
        const result = engine.hot.commit(
          commit({
            bodies: appended.flatMap(({ names }) => names.map(bytes)),
            appends: appended.map(({ session, names }, i) => ({
              session,
              messages: names.map((_, j) => delivery(i * step.messages + j)),
            })),
          }),
        )
        expect(
          result,
          ({ overflow }) => overflow.map(({ session, dropped, ended }) => `${session} ${dropped} ${ended}`).sort(),
          naive.append(appended, now).sort(),
        )
        break
      }
      case 'acknowledge': {
        const place = step.fence % Math.max(1, fences.length)
        const target = await position(place, step.message)
        const fence = fences[place]
        if (target === undefined || fence === undefined) break
        if (step.soon) {
          engine.hot.acknowledgeSoon(fence, target.position)
          underWay.push(engine.hot.flushAcknowledgements(fence))
        } else {
          const operations = [{ kind: 'acknowledge', upTo: target.position }] as const
          const result = engine.hot.commit(commit({ owner: [{ fence, operations }] }))
          expect(result, ({ fenced }) => fenced, [])
        }
        naive.acknowledge(place, target.name)
        break
      }
      case 'outgoing': {
        const place = step.fence % Math.max(1, fences.length)
        const target = await position(place, step.message)
        const fence = fences[place]
        if (target === undefined || fence === undefined) break
        const { packetIdentifier, phase } = step
        const operations = [{ kind: 'outgoing', position: target.position, packetIdentifier, phase }] as const
        expect(engine.hot.commit(commit({ owner: [{ fence, operations }] })), ({ fenced }) => fenced, [])
        naive.outgoing(place, target.name, packetIdentifier, phase)
        break
      }
      case 'incoming': {
        const place = step.fence % Math.max(1, fences.length)
        const fence = fences[place]
        if (fence === undefined) break
        const { packetIdentifier } = step
        const body = step.body === null ? null : bytes(step.body)
        const result = engine.hot.commit(
          commit({ owner: [{ fence, operations: [{ kind: 'incoming', packetIdentifier, body }] }] }),
        )
        expect(result, ({ fenced }) => fenced.length === 0, naive.incoming(place, packetIdentifier, step.body))
        break
      }
      case 'advance':
        seconds += step.seconds
        break
      case 'remove': {
        const place = step.session % Math.max(1, fences.length)
        const fence = fences[place]
        if (fence === undefined) break
        const removed = engine.sessions.remove(fence.session, step.exact ? { epoch: fence.epoch } : 'any')
        expect(removed, (outcome) => outcome, naive.remove(place, fence.session, step.exact))
        break
      }
      case 'discard': {
        const fence = fences[step.session % Math.max(1, fences.length)]
        if (fence === undefined) break
        const discarded = engine.sessions.discard(fence.session, 'any', now)
        expect(discarded, (outcome) => outcome, naive.discard(fence.session, now))
        break
      }
      case 'reap':
        await settle()
        for (const record of engine.sessions.dueBefore(now, 100)) {
          if (record.node !== null) continue
          if (record.willDueAt !== null && record.willDueAt <= now) {
            assert.equal(await engine.sessions.willDone(record.uid, record.willDueAt), true)
            naive.willDone(record.uid)
          } else {
            assert.equal(await engine.sessions.remove(record.uid, { epoch: record.epoch }), true)
            naive.reap(record.uid)
          }
        }
        break
      case 'retain': {
        const expiresAt = step.seconds === null ? null : after(seconds + step.seconds)
        const { topicName } = step
        const result = engine.hot.commit(
          commit(
            step.body === null
              ? { retain: [{ namespace, topicName, body: null, expiresAt: null }] }
              : { bodies: [bytes(step.body)], retain: [{ namespace, topicName, body: 0, expiresAt }] },
          ),
        )
        expect(result, ({ overflow }) => overflow, [])
        naive.retain(topicName, step.body, expiresAt)
        break
      }
      case 'restart':
        await settle()
        engine = await restart()
        naive.restart(adapter.forgetsTransient)
        break
    }
    if (!wait) continue
    await settle()
    assert.deepEqual(await pictureOf(engine, naive, seconds), naive.picture(after(seconds)), step.kind)
  }
  await settle()
  assert.deepEqual(await pictureOf(engine, naive, seconds), naive.picture(after(seconds)), 'the end')
}

function plainOutcome(outcome: OpenOutcome): unknown {
  if (outcome.kind === 'nameTaken') return { kind: outcome.kind, owner: outcome.owner.uid }
  if (outcome.kind === 'quotaExceeded') return { kind: outcome.kind, which: outcome.which }
  return {
    kind: outcome.kind,
    uid: outcome.record.uid,
    sequenceNumber: outcome.record.sequenceNumber,
    present: outcome.present,
    previous: outcome.previous,
    discarded: outcome.discarded,
    willIsDue: outcome.willIsDue,
    queue: outcome.queue,
    outgoing: outcome.inflight.outgoing.map(({ packetIdentifier, phase }) => `${packetIdentifier} ${phase}`),
    incoming: outcome.inflight.incoming.map(({ packetIdentifier, body }) => `${packetIdentifier} ${text(body)}`).sort(),
  }
}

/** What the port shows of the whole store. */
async function pictureOf(engine: Engine, naive: NaiveStore, seconds: number): Promise<unknown> {
  const sessions = []
  for (const record of engine.sessions.list({ namespace, after: null, limit: 100 })) {
    assert.deepEqual(engine.sessions.get(record.uid), record)
    const queue = texts(await engine.queue.read(record.uid, null, everything))
    const size = engine.queue.size(record.uid)
    assert.equal(size.messages, queue.length)
    assert.equal(size.bytes, queue.join('').length)
    sessions.push({
      clientId: record.clientId,
      uid: record.uid,
      owner: record.owner.uid,
      online: record.node !== null,
      expiresAt: record.expiresAt,
      will: record.will === null ? null : text(record.will.body),
      willDueAt: record.willDueAt,
      queue,
    })
  }
  for (const uid of naive.gone) {
    assert.equal(engine.sessions.get(uid), undefined)
    assert.deepEqual(engine.queue.size(uid), { messages: 0, bytes: 0 })
  }
  return {
    sessions,
    due: engine.sessions
      .dueBefore(after(seconds), 100)
      .map(({ uid }) => uid)
      .sort(),
    retained: ['t', 'u'].map((topicName) => {
      const record = engine.retained.get(namespace, topicName)
      return record === undefined ? null : `${text(record.body)} ${record.expiresAt}`
    }),
    expired: engine.retained
      .expiredBefore(after(seconds), 100)
      .map(({ topicName }) => topicName)
      .sort(),
  }
}
