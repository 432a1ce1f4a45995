import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { finish, inSlices } from '../../src/base/steps.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { applyDeployment } from '../../src/registry/deployment/apply.ts'
import { type Deployment, readTemplate, readTemplateSteps } from '../../src/registry/deployment/template.ts'
import { structureSteps } from '../../src/registry/fields.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import type { ResourceChange } from '../../src/registry/resource-change.ts'
import { parseJsonSteps } from '../../src/registry/strict-json.ts'
import { author, failure, later, memoryStore, must, namespaceBody, ns, parts, problems, put, start } from './support.ts'

const fleet = 600

/** A clock by which every look at it costs a millisecond, so that slices end soon; turns are those of the real loop. */
function slowClock(): { readonly clock: Clock; turns: number } {
  let elapsed = 0
  const slow = {
    turns: 0,
    clock: {
      now: () => start,
      monotonicMs: () => elapsed++,
      setTimer: () => () => {},
      endOfTurn(callback: () => void) {
        slow.turns++
        setImmediate(callback)
      },
    },
  }
  return slow
}

function clientResource(number: number, properties: Record<string, unknown> = {}) {
  return {
    type: 'Microsoft.EventGrid/namespaces/clients',
    apiVersion: '2025-07-15-preview',
    name: `plant/press-${number}`,
    properties: { authenticationName: `press-${number}.example`, attributes: { hall: number % 7 }, ...properties },
  }
}

function fleetTemplate(properties: Record<string, unknown> = {}): Record<string, unknown> {
  return { resources: Array.from({ length: fleet }, (_, number) => clientResource(number, properties)) }
}

function read(template: unknown): Deployment {
  const deployment = readTemplate(template)
  assert.ok(deployment.ok)
  return deployment.value
}

async function plantWith(clock: Clock, store = memoryStore()): Promise<Registry> {
  const registry = await openRegistry(parts(store, { clock, defaultProfile: 'full' }))
  must(await registry.put(ns('plant'), namespaceBody, author))
  return registry
}

/** Calls `look` between any two turns until the promise settles. */
async function whileRunning<Value>(work: Promise<Value>, look: () => void): Promise<Value> {
  let isDone = false
  const end = () => {
    isDone = true
  }
  void work.then(end, end)
  while (!isDone) {
    look()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return work
}

test('steps: the same result at once and in slices; a slice ends after 5 ms', async () => {
  const slow = slowClock()
  function* count() {
    let sum = 0
    for (let i = 0; i < 100; i++) {
      sum += i
      yield
    }
    return sum
  }
  assert.equal(finish(count()), 4_950)
  assert.equal(await inSlices(slow.clock, count()), 4_950)
  assert.ok(slow.turns >= 15 && slow.turns <= 25, `${slow.turns} turns`)
})

test('steps: what follows each other in one turn, or belongs to several, has 5 ms of it together', async () => {
  let elapsed = 0
  let ends: (() => void)[] = []
  const turns = {
    monotonicMs: () => elapsed,
    endOfTurn: (callback: () => void) => void ends.push(callback),
  }
  const perTurn: number[] = []
  function* work(count: number) {
    for (let i = 0; i < count; i++) {
      elapsed++
      yield
    }
    return count
  }
  const several = Promise.all([
    (async () =>
      (await inSlices(turns, work(4))) + (await inSlices(turns, work(4))) + (await inSlices(turns, work(20))))(),
    inSlices(turns, work(20)),
  ])
  let isDone = false
  void several.then(() => {
    isDone = true
  })
  for (let before = 0; !isDone; before = elapsed) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    perTurn.push(elapsed - before)
    const due = ends
    ends = []
    for (const end of due) end()
  }
  assert.deepEqual(await several, [28, 20])
  assert.equal(
    perTurn.reduce((a, b) => a + b, 0),
    48,
  )
  // Nobody is kept from at least a millisecond.
  assert.ok(Math.max(...perTurn) <= 7, perTurn.join())
})

test('a document of many values is parsed, checked and read in steps, with the result of doing it at once', () => {
  const text = JSON.stringify(fleetTemplate())
  const stepsOf = <Value>(steps: Generator<undefined, Value, undefined>) => {
    for (let count = 0; ; count++) {
      const step = steps.next()
      if (step.done === true) return { count, value: step.value }
    }
  }
  const parsed = stepsOf(parseJsonSteps(text))
  assert.ok(parsed.value.ok)
  // Ten values of a resource, 256 values a step.
  assert.ok(parsed.count >= fleet / 60, `${parsed.count} steps`)
  assert.ok(stepsOf(structureSteps(parsed.value.value)).count >= fleet)
  const template = stepsOf(readTemplateSteps(parsed.value.value))
  assert.ok(template.count >= 5 * fleet)
  assert.deepEqual(template.value, readTemplate(parsed.value.value))
})

test('one value below a place of a template is bounded, so that no step is long', () => {
  const huge = { resources: [clientResource(1, { attributes: { list: new Array(100_001).fill('x') } })] }
  const found = readTemplate(huge)
  assert.ok(!found.ok)
  assert.match(found.error[0]?.message ?? '', /More than 100000 values/)
})

test('a long transaction takes many turns, is seen whole or not at all, and what comes meanwhile comes after it', async () => {
  const slow = slowClock()
  const registry = await plantWith(slow.clock)
  const told: ResourceChange[] = []
  const most: number[] = []
  registry.onChange((changes) => {
    most.push(changes.length)
    told.push(...changes)
  })
  slow.turns = 0
  const apply = applyDeployment(registry, read(fleetTemplate()), author)
  const meanwhile: ReturnType<typeof put>[] = []
  const seen = new Set<string>()
  const applied = must(
    await whileRunning(apply, () => {
      const view = registry.view.namespaceByName('plant')
      const first = view?.clientByResourceName('press-0') !== undefined
      const last = view?.clientByResourceName(`press-${fleet - 1}`) !== undefined
      seen.add(`${first} ${last}`)
      // Its changes are put in order by then, five of them a turn, and it has begun.
      if (slow.turns >= fleet / 3 && meanwhile.length === 0) {
        meanwhile.push(put(registry, 'clients', 'press-7', { description: 'mine' }, later))
      }
    }),
  )
  assert.equal(applied.changes.length, fleet)
  // Told before it is answered, in portions.
  const created = told.filter(({ change, type }) => change === 'created' && type === 'clients')
  assert.deepEqual(new Set(created.map(({ name }) => name)).size, fleet)
  assert.ok(Math.max(...most) <= 256)
  assert.ok(slow.turns > fleet / 5, `${slow.turns} turns`)
  assert.deepEqual([...seen].sort(), ['false false', 'true true'])
  const [updated] = (await Promise.all(meanwhile)).map(must)
  assert.ok(updated !== undefined)
  assert.equal(updated.change, 'updated')
  assert.equal(updated.resource?.document.properties['authenticationName'], 'press-7.example')
})

test('a dry run of a long template takes many turns and writes nothing', async () => {
  const slow = slowClock()
  const registry = await plantWith(slow.clock)
  const deployment = read(fleetTemplate())
  slow.turns = 0
  const planned = must(
    await registry.rehearse(
      deployment.resources.map(({ id, body }) => ({ kind: 'put' as const, id, body })),
      author,
    ),
  )
  assert.equal(planned.length, fleet)
  assert.ok(slow.turns > fleet / 10)
  assert.equal(registry.view.namespaceByName('plant')?.clientByResourceName('press-0'), undefined)
})

test('a long transaction is judged again when another node changes a resource under it', async () => {
  const slow = slowClock()
  const store = memoryStore()
  const one = await plantWith(slow.clock, store)
  const two = await openRegistry(parts(store, { random: seededRandom(8), defaultProfile: 'full' }))
  must(await put(one, 'topicSpaces', 'own', { topicTemplates: ['a'] }))
  const template = fleetTemplate()
  const binding = {
    type: 'Microsoft.EventGrid/namespaces/permissionBindings',
    apiVersion: '2025-07-15-preview',
    name: 'plant/bind',
    properties: { clientGroupName: '$all', topicSpaceName: 'own', permission: 'Publisher' },
  }
  const deployment = read({ resources: [...(template['resources'] as unknown[]), binding] })
  let turns = 0
  const outcome = await whileRunning(applyDeployment(one, deployment, author), () => {
    // Clients are being judged, or the binding just was: the space it names goes.
    if (++turns === 20) void two.delete(ns('plant', 'topicSpaces', 'own'), author)
  })
  assert.deepEqual(
    problems(outcome).map(({ code }) => code),
    ['UnknownReference'],
  )
  assert.equal(one.view.namespaceByName('plant')?.clientByResourceName('press-0'), undefined)
})

test('a transaction that resources change under again and again is told so', async () => {
  const slow = slowClock()
  const store = memoryStore()
  const one = await plantWith(slow.clock, store)
  const two = await openRegistry(parts(store, { random: seededRandom(8), defaultProfile: 'full' }))
  let changes = 0
  const outcome = await whileRunning(applyDeployment(one, read(fleetTemplate()), author), () => {
    void put(two, 'clients', 'restless', { description: String(changes++) })
  })
  assert.equal(failure(outcome).kind, 'conflict')
  // Records that are no resources, and what a purge takes away, are no reason to begin anew.
  const quiet = await whileRunning(applyDeployment(one, read(fleetTemplate()), author), () => {
    void store.write({
      put: [{ key: `note ${changes++}`, value: new Uint8Array(1) }],
      remove: [],
      claim: [],
      release: [],
    })
  })
  assert.equal(must(quiet).changes.length, fleet)
})
