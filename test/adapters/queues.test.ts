import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EmbeddedEngine, openEmbedded } from '../../src/adapters/embedded/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import type { SessionUid } from '../../src/ports/identity.ts'
import type { OwnerOperation } from '../../src/ports/message-store.ts'
import type { Fence, Position } from '../../src/ports/session-store.ts'
import { bytes, commit, delivery, nodeA, open, runOf, singly, start, text } from '../ports/contract/world.ts'

/** Far above what one record holds and what is kept in memory of a queue. */
const limits = { maximumMessages: 1_500, maximumBytes: 1 << 30, overflow: 'dropOldest' } as const
const clients = ['a', 'b'] as const

const step = fc.oneof(
  // Many short entries, or a long one; to one queue or to both.
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      entries: fc.constantFrom(1, 3, 60),
      messages: fc.constantFrom(1, 2, 20, 300),
      shared: fc.constantFrom(0, 1, 2),
      /** So many of its first messages come as a run. */
      run: fc.constantFrom(0, 0, 1, 7, 300),
      queue: fc.nat(1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge' as const),
      queue: fc.nat(1),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('bind' as const),
      queue: fc.nat(1),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('done' as const),
      queue: fc.nat(1),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      count: fc.constantFrom(1, 5, 400),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)

interface Model {
  uid: SessionUid
  fence: Fence
  messages: { readonly name: string; readonly position: Position }[]
  readonly bound: Map<number, string>
}

test('queues of many records: reading, cursors, overflow, messages done out of order, restarts', {
  timeout: 120_000,
}, async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const directory = mkdtempSync(join(tmpdir(), 'sealgate-queues-'))
      let engine = openIn(directory)
      try {
        const models = await Promise.all(clients.map((client) => begin(engine, client)))
        let number = 0
        for (const action of steps) {
          if (action.kind === 'restart') {
            await engine.abort()
            engine = openIn(directory)
            for (const [i, model] of models.entries()) {
              model.fence = (await open(engine, clients[i] as string, { queue: limits })).fence
            }
            continue
          }
          const model = models[action.queue] as Model
          if (action.kind === 'append') number = await append(engine, models, action, number)
          else if (action.kind === 'acknowledge') await acknowledge(engine, model, action.share)
          else if (action.kind === 'bind') await bind(engine, model, action.share)
          else await done(engine, model, action.share, action.count)
          for (const each of models) await check(engine, each)
        }
        for (const model of models) await acknowledge(engine, model, 1)
        const { bodies, shares, queue, holes } = engine.statistics()
        assert.deepEqual({ bodies, shares, queue, holes }, { bodies: 0, shares: 0, queue: 0, holes: 0 })
      } finally {
        await engine.abort()
        rmSync(directory, { recursive: true, force: true })
      }
    }),
    { numRuns: Number(process.env['QUEUE_RUNS'] ?? 15), seed: Date.now() % 1_000_000 },
  )
  t.diagnostic('QUEUE_RUNS=500 for the long one')
})

function openIn(directory: string): EmbeddedEngine {
  return openEmbedded({ directory, node: nodeA, clock: fakeClock(start).clock, reserveBytes: 0 })
}

async function begin(engine: EmbeddedEngine, client: string): Promise<Model> {
  const { record, fence } = await open(engine, client, { queue: limits })
  return { uid: record.uid, fence, messages: [], bound: new Map() }
}

async function append(
  engine: EmbeddedEngine,
  models: readonly Model[],
  { entries, messages, shared, queue, run }: Record<'entries' | 'messages' | 'shared' | 'queue' | 'run', number>,
  from: number,
): Promise<number> {
  let number = from
  for (let entry = 0; entry < Math.min(entries, 2_000 / messages); entry++) {
    const names = Array.from({ length: messages }, () => `${number++}`)
    // 0: to one queue; 1: to both; 2: every second message to both.
    const together = runOf(...names.slice(0, run))
    const inRun = together.ends.length
    const receivers = models.flatMap((model, i) => {
      const gets = names.flatMap((_, body) =>
        body >= inRun && (i === queue || shared === 1 || (shared === 2 && body % 2 === 0)) ? [body] : [],
      )
      const getsRun = inRun > 0 && (i === queue || shared === 1)
      return gets.length === 0 && !getsRun ? [] : [{ model, gets, getsRun }]
    })
    const stops = receivers.map(({ model }) =>
      engine.queue.tail(model.fence, (told) => {
        for (const { position, body } of singly(told)) model.messages.push({ position, name: text(body) })
      }),
    )
    await engine.hot.commit(
      commit({
        bodies: [...names.map(bytes), together.body],
        appends: receivers.map(({ model, gets, getsRun }) => ({
          session: model.uid,
          messages: [
            ...(getsRun ? [delivery(names.length, { ends: together.ends })] : []),
            ...gets.map((body) => delivery(body, { subscriptionIdentifiers: body % 3 === 0 ? [body + 1] : [] })),
          ],
        })),
      }),
    )
    for (const stop of stops) stop()
    for (const { model } of receivers) shorten(model)
  }
  return number
}

/** Oldest first, but none whose identifier is bound. */
function shorten(model: Model): void {
  const bound = new Set(model.bound.values())
  for (let place = 0; model.messages.length > limits.maximumMessages && place < model.messages.length; ) {
    if (bound.has((model.messages[place] as { name: string }).name)) place++
    else model.messages.splice(place, 1)
  }
}

async function acknowledge(engine: EmbeddedEngine, model: Model, share: number): Promise<void> {
  const count = Math.ceil(model.messages.length * share)
  const last = model.messages[count - 1]
  if (last === undefined) return
  for (const { name } of model.messages.splice(0, count)) {
    for (const [identifier, bound] of model.bound) if (bound === name) model.bound.delete(identifier)
  }
  await operate(engine, model, [{ kind: 'acknowledge', upTo: last.position }])
}

async function bind(engine: EmbeddedEngine, model: Model, share: number): Promise<void> {
  const message = model.messages[Math.floor((model.messages.length - 1) * share)]
  if (message === undefined) return
  const packetIdentifier = model.bound.size + 1
  model.bound.set(packetIdentifier, message.name)
  await operate(engine, model, [{ kind: 'outgoing', position: message.position, packetIdentifier, phase: 'sent' }])
}

async function done(engine: EmbeddedEngine, model: Model, share: number, count: number): Promise<void> {
  const from = Math.floor(model.messages.length * share)
  const removed = model.messages.splice(from, count)
  const operations = removed.map(({ name, position }): OwnerOperation => {
    const identifiers = [...model.bound].flatMap(([identifier, bound]) => (bound === name ? [identifier] : []))
    for (const identifier of identifiers) model.bound.delete(identifier)
    return { kind: 'outgoing', position, packetIdentifier: identifiers[0] ?? 60_000, phase: 'done' }
  })
  if (operations.length > 0) await operate(engine, model, operations)
}

async function operate(engine: EmbeddedEngine, { fence }: Model, operations: readonly OwnerOperation[]): Promise<void> {
  const { fenced } = await engine.hot.commit(commit({ owner: [{ fence, operations }] }))
  assert.deepEqual(fenced, [])
}

async function check(engine: EmbeddedEngine, { uid, messages }: Model): Promise<void> {
  const found: string[] = []
  for (let after: Position | null = null; ; ) {
    const page = await engine.queue.read(uid, after, { messages: 217, bytes: 1_000 })
    if (page.length === 0) break
    found.push(...page.map(({ body }) => text(body)))
    after = page.at(-1)?.position ?? null
  }
  assert.deepEqual(
    found,
    messages.map(({ name }) => name),
  )
  const size = { messages: messages.length, bytes: messages.reduce((sum, { name }) => sum + name.length, 0) }
  assert.deepEqual(engine.queue.size(uid), size)
}
