import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type UnixMillis, unixMillis } from '../../../src/base/time.ts'
import type { Engine } from '../../../src/ports/engine.ts'
import { EngineError } from '../../../src/ports/engine-error.ts'
import type { NamespaceId, NodeId, SessionUid } from '../../../src/ports/identity.ts'
import type { Append, Commit, QueuedDelivery, QueuedMessage, QueuedRun } from '../../../src/ports/message-store.ts'
import type {
  OpenOutcome,
  OpenSession,
  Position,
  QueueLimits,
  SessionOwner,
  StoredSubscription,
  StoredWill,
} from '../../../src/ports/session-store.ts'

/** What an adapter's test file tells the contract suite. */
export interface EngineUnderTest {
  readonly name: string
  /** True: several engines can stand on one state at the same time. */
  readonly severalNodes: boolean
  /** Where the messages of a new session that ends with its connection wait. */
  readonly transientQueue: 'memory' | 'stored'
  /** True: a crash leaves nothing of a session without a queue of its own, unless its will has to be published. */
  readonly forgetsTransient: boolean
  /** Random histories to follow. */
  readonly histories: number
  world(): Promise<World>
}

export interface World {
  /** Opens the node's engine; after `crash` or `close` with what was durable. */
  engine(node: NodeId): Promise<Engine>
  /** The node's process ends without a word. */
  crash(node: NodeId): Promise<void>
  /** Writes of the node fail from now on; null: no more. Absent: this adapter cannot be made to. */
  readonly fault?: (node: NodeId, fault: 'refuse' | 'loseAnswer' | null) => void
  destroy(): Promise<void>
}

export const nodeA = 'node-a' as NodeId
export const nodeB = 'node-b' as NodeId
export const namespace = '11111111111111111111111111111111' as NamespaceId
export const otherNamespace = '22222222222222222222222222222222' as NamespaceId
export const start = unixMillis(1_800_000_000_000)

export function after(seconds: number): UnixMillis {
  return unixMillis(start + seconds * 1000)
}

/** Registers a test that has a world of its own with one engine open. */
export function withEngine(
  adapter: EngineUnderTest,
  name: string,
  body: (engine: Engine, world: World, t: TestContext) => Promise<void>,
): void {
  test(`${adapter.name}: ${name}`, async (t) => {
    const world = await adapter.world()
    t.after(() => world.destroy())
    await body(await world.engine(nodeA), world, t)
  })
}

/** Registers a test with two engines on one state; skipped by adapters that have only one. */
export function withTwoEngines(
  adapter: EngineUnderTest,
  name: string,
  body: (a: Engine, b: Engine, world: World) => Promise<void>,
): void {
  if (!adapter.severalNodes) return
  test(`${adapter.name}: ${name}`, async (t) => {
    const world = await adapter.world()
    t.after(() => world.destroy())
    await body(await world.engine(nodeA), await world.engine(nodeB), world)
  })
}

export function ownerOf(name: string, uid = `uid-of-${name.toLowerCase()}`): SessionOwner {
  return { authority: 'registry', uid, authenticationName: name, foldedName: name.toLowerCase() }
}

let counter = 0

export function newUid(): SessionUid {
  return (++counter).toString(16).padStart(32, '0') as SessionUid
}

export function newOpId(): string {
  return `operation-${++counter}`
}

export const wideQueue: QueueLimits = { maximumMessages: 100_000, maximumBytes: 1 << 30, overflow: 'dropOldest' }

export function openRequest(clientId: string, changes: Partial<OpenSession> = {}): OpenSession {
  return {
    namespace,
    clientId,
    node: nodeA,
    owner: ownerOf('Alpha'),
    principal: { method: 'CERTIFICATE', attributes: null, validUntil: null },
    cleanStart: false,
    expiryIntervalSeconds: 3600,
    will: null,
    quotas: { perName: 1000, perNamespace: 1000 },
    queue: wideQueue,
    now: start,
    newUid: newUid(),
    ...changes,
  }
}

export type Opened = Extract<OpenOutcome, { readonly kind: 'opened' }>

export async function open(engine: Engine, clientId: string, changes: Partial<OpenSession> = {}): Promise<Opened> {
  const outcome = await engine.sessions.open(openRequest(clientId, changes))
  assert.equal(outcome.kind, 'opened')
  return outcome as Opened
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(body: Uint8Array): string {
  return new TextDecoder().decode(body)
}

export function texts(messages: readonly QueuedMessage[]): string[] {
  return messages.map(({ body }) => text(body))
}

/** What a follower was told, message by message. */
export function singly(runs: readonly QueuedRun[]): QueuedMessage[] {
  return runs.flatMap(({ ends, ...message }) =>
    (ends ?? [message.body.length]).map((end, i) => ({
      ...message,
      position: { entry: message.position.entry, index: message.position.index + i },
      body: message.body.subarray(ends?.[i - 1] ?? 0, end),
    })),
  )
}

/** Several messages in one body, with where each of them ends. */
export function runOf(...texts: readonly string[]): { readonly body: Uint8Array; readonly ends: readonly number[] } {
  let end = 0
  return { body: bytes(texts.join('')), ends: texts.map((each) => (end += bytes(each).length)) }
}

export function delivery(body: number, changes: Partial<QueuedDelivery> = {}): QueuedDelivery {
  return { body, qos: 1, retain: false, subscriptionIdentifiers: [], expiresAt: null, ...changes }
}

export function commit(changes: Partial<Commit>): Commit {
  return { opId: newOpId(), bodies: [], appends: [], retain: [], owner: [], wills: [], ...changes }
}

/** One entry per text at the end of the session's queue, in one commit. */
export function appending(session: SessionUid, ...bodies: readonly string[]): Commit {
  return commit({
    bodies: bodies.map(bytes),
    appends: bodies.map((_, body): Append => ({ session, messages: [delivery(body)] })),
  })
}

export function retaining(topicName: string, body: string, expiresAt: UnixMillis | null = null): Commit {
  return commit({ bodies: [bytes(body)], retain: [{ namespace, topicName, body: 0, expiresAt }] })
}

export const everything = { messages: 1_000_000, bytes: 1 << 30 }

export async function queued(engine: Engine, session: SessionUid, from: Position | null = null): Promise<string[]> {
  return texts(await engine.queue.read(session, from, everything))
}

export function subscription(topicFilter: string, changes: Partial<StoredSubscription> = {}): StoredSubscription {
  return {
    topicFilter,
    maximumQoS: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: null,
    ...changes,
  }
}

export function will(text: string, delaySeconds = 0): StoredWill {
  return { body: bytes(text), delaySeconds }
}

/** Asserts that the promise rejects with an `EngineError` of this code. */
export async function rejects(promise: Promise<unknown>, code: EngineError['code']): Promise<EngineError> {
  let thrown: unknown
  await promise.then(
    () => assert.fail(`resolved instead of ${code}`),
    (error: unknown) => {
      thrown = error
    },
  )
  if (!(thrown instanceof EngineError)) throw thrown
  assert.equal(thrown.code, code)
  assert.equal(thrown.retryable, code === 'unavailable')
  return thrown
}

/** Lets everything that needs no world happen: bus messages and callbacks of an adapter in this process. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}
