// biome-ignore-all lint/suspicious/noTemplateCurlyInString: topic templates write their variables like this

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Authorization, authorize } from '../../src/auth/authorize.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { areCurrent, compileRights, RightsCache } from '../../src/auth/rights.ts'
import { unixSeconds } from '../../src/base/time.ts'
import type { TopicFilter, TopicName } from '../../src/mqtt/topic.ts'
import type { Attributes } from '../../src/registry/attributes.ts'
import { limitsOf } from '../../src/registry/profile.ts'
import type { RegisteredClient } from '../../src/registry/view.ts'
import { TestNamespace } from './support.ts'

function principalOf({ uid, authenticationName, foldedName }: RegisteredClient): Principal {
  return { kind: 'registryClient', uid, authenticationName, foldedName }
}

function dynamic(authenticationName: string, attributes: Attributes): Principal {
  return {
    kind: 'dynamicClient',
    authority: 'token',
    uid: authenticationName,
    authenticationName,
    foldedName: authenticationName.toLowerCase(),
    attributes,
    validUntil: unixSeconds(2_000_000_000),
  }
}

function mayPublish(view: TestNamespace, principal: Principal, topic: string): Authorization {
  return authorize(compileRights(principal, view), 'publish', topic as TopicName)
}

function maySubscribe(view: TestNamespace, principal: Principal, filter: string): Authorization {
  return authorize(compileRights(principal, view), 'subscribe', filter as TopicFilter)
}

/** The request/response layout of Azure's own example: apps ask, devices answer. */
function requestResponse() {
  const view = new TestNamespace()
  view.group('apps', 'attributes.kind = "app"')
  view.group('devs', 'attributes.kind = "dev"')
  view.space('askAll', 'devices/+/desired')
  view.space('answerAll', 'devices/+/reported')
  view.space('askMine', 'devices/${client.authenticationName}/desired')
  view.space('answerMine', 'devices/${client.authenticationName}/reported')
  view.bind('apps', 'Publisher', 'askAll')
  view.bind('apps', 'Subscriber', 'answerAll')
  view.bind('devs', 'Subscriber', 'askMine')
  view.bind('devs', 'Publisher', 'answerMine')
  const app = principalOf(view.client({ name: 'app1', attributes: { kind: 'app' } }))
  const device = principalOf(view.client({ name: 'd1', authenticationName: 'Press-1', attributes: { kind: 'dev' } }))
  return { view, app, device }
}

test('EG 5.6: in the request/response example each side may do its half and nothing else', () => {
  const { view, app, device } = requestResponse()
  const outcomes = [
    mayPublish(view, app, 'devices/Press-1/desired'),
    maySubscribe(view, app, 'devices/+/reported'),
    maySubscribe(view, device, 'devices/Press-1/desired'),
    mayPublish(view, device, 'devices/Press-1/reported'),
    mayPublish(view, app, 'devices/Press-1/reported'),
    maySubscribe(view, device, 'devices/+/desired'),
    mayPublish(view, device, 'devices/Press-2/reported'),
    maySubscribe(view, app, 'devices/#'),
  ].map(({ outcome }) => outcome)
  assert.deepEqual(outcomes, [...Array(4).fill('allowed'), ...Array(4).fill('denied')])
})

test('EG 5.1: without a binding nothing is allowed', () => {
  const view = new TestNamespace()
  view.space('all', '#')
  const client = principalOf(view.client({ name: 'd1' }))
  const denied = mayPublish(view, client, 'a')
  assert.equal(denied.outcome, 'denied')
  assert.equal(denied.outcome === 'denied' && denied.code, 'publishNotAuthorized')
})

test('EG 5.3: a variable stands for the stored spelling of the name, case included', () => {
  const { view, device } = requestResponse()
  assert.equal(mayPublish(view, device, 'devices/press-1/reported').outcome, 'denied')
})

test('EG 5.4: a grant names binding, topic space and template, and is the same object for every topic it covers', () => {
  const { view, app } = requestResponse()
  const rights = compileRights(app, view)
  const first = authorize(rights, 'publish', 'devices/a/desired' as TopicName)
  assert.equal(first, authorize(rights, 'publish', 'devices/b/desired' as TopicName))
  assert.equal(first.outcome, 'allowed')
  assert.deepEqual(
    first.outcome === 'allowed' && [first.permissionBindingName, first.topicSpaceName, first.topicTemplate],
    ['apps-Publisher-askAll', 'askAll', 'devices/+/desired'],
  )
})

test('EG 5.4: a filter is contained in one template or refused, never narrowed and never pieced together', () => {
  const view = new TestNamespace()
  view.space('s', 'a/b', 'a/+/c', 'd/#')
  view.bind('$all', 'Subscriber', 's')
  const client = principalOf(view.client({ name: 'd1' }))
  const table: Readonly<Record<string, boolean>> = {
    'a/b': true,
    'a/+': false,
    'a/+/c': true,
    'a/x/c': true,
    'a/#': false,
    d: true,
    'd/#': true,
    'd/+/x/#': true,
    '+': false,
    '#': false,
  }
  for (const [filter, allowed] of Object.entries(table)) {
    assert.equal(maySubscribe(view, client, filter).outcome === 'allowed', allowed, filter)
  }
})

test('the right to publish is not the right to subscribe', () => {
  const view = new TestNamespace()
  view.space('s', 'a/#')
  view.bind('$all', 'Publisher', 's')
  const client = principalOf(view.client({ name: 'd1' }))
  assert.equal(mayPublish(view, client, 'a/b').outcome, 'allowed')
  assert.equal(maySubscribe(view, client, 'a/b').outcome, 'denied')
})

test('a will needs the publish right and has a code of its own', () => {
  const { view, device } = requestResponse()
  const rights = compileRights(device, view)
  assert.equal(authorize(rights, 'will', 'devices/Press-1/reported' as TopicName).outcome, 'allowed')
  const denied = authorize(rights, 'will', 'elsewhere' as TopicName)
  assert.equal(denied.outcome === 'denied' && denied.code, 'willNotAuthorized')
})

test('a denial tells groups, topic spaces, templates, the topic and why a template matched nothing', () => {
  const view = new TestNamespace()
  view.group('devs', 'attributes.kind = "dev"')
  view.space('mine', 'line/${client.attributes.line}/#', 'open/+')
  view.bind('devs', 'Publisher', 'mine')
  const client = principalOf(view.client({ name: 'd1', attributes: { kind: 'dev' } }))
  const denied = mayPublish(view, client, 'line/\u202eL4/x')
  assert.ok(denied.outcome === 'denied')
  const [groups, bindings, templates] = denied.steps
  assert.equal(groups?.presented, '$all, devs')
  assert.equal(bindings?.presented, 'mine')
  assert.equal(templates?.expected, 'mine: open/+')
  assert.equal(templates?.presented, 'line/\\u{202e}L4/x')
  assert.match(templates?.detail ?? '', /no attribute line/)
  assert.match(denied.remedy, /Publisher/)
})

test('S41: a name that cannot stand in a topic, or would open a $-topic, matches nothing', () => {
  const view = new TestNamespace()
  view.space('s', '${client.authenticationName}/x', 'd/${client.authenticationName}')
  view.bind('$all', 'Publisher', 's')
  for (const [authenticationName, topic] of [
    ['a/b', 'd/a/b'],
    ['+', 'd/+'],
    ['#', 'd/#'],
    ['$SYS', '$SYS/x'],
  ] as const) {
    const client = principalOf(view.client({ name: 'd1', authenticationName }))
    assert.equal(mayPublish(view, client, topic).outcome, 'denied', authenticationName)
  }
})

test('S41: two clients never share a topic of a template that holds the authentication name between separators', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', '+', '#', '$', '.', 'é'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(name, name, (one, other) => {
      fc.pre(one !== other)
      const view = new TestNamespace()
      view.space('s', 'd/${client.authenticationName}/t')
      view.bind('$all', 'Publisher', 's')
      const first = principalOf(view.client({ name: 'one', authenticationName: one }))
      const second = principalOf(view.client({ name: 'other', authenticationName: other }))
      for (const topic of [`d/${one}/t`, `d/${other}/t`]) {
        const both = [first, second].every((client) => mayPublish(view, client, topic).outcome === 'allowed')
        assert.ok(!both, topic)
      }
    }),
  )
})

test('S42: an array attribute is a set of alternatives; above 64 in a segment the template matches nothing and says so', () => {
  const view = new TestNamespace()
  view.space('s', '${client.attributes.x}-${client.attributes.y}/t')
  view.bind('$all', 'Publisher', 's')
  const few = principalOf(view.client({ name: 'few', attributes: { x: ['a', 'b'], y: ['1', '2'] } }))
  assert.equal(mayPublish(view, few, 'b-1/t').outcome, 'allowed')
  assert.equal(mayPublish(view, few, 'b-3/t').outcome, 'denied')
  const letters = [...'abcdefghij']
  const many = principalOf(view.client({ name: 'many', attributes: { x: letters, y: letters } }))
  const denied = mayPublish(view, many, 'a-a/t')
  assert.ok(denied.outcome === 'denied')
  assert.match(denied.steps[2]?.detail ?? '', /100 alternatives/)
})

test('S43: where $-topics are reserved nothing covers them; a leading wildcard never does', () => {
  const view = new TestNamespace()
  view.limits = limitsOf('event-grid')
  view.space('s', '#', '+/x')
  view.bind('$all', 'Publisher', 's')
  view.bind('$all', 'Subscriber', 's')
  const client = principalOf(view.client({ name: 'd1' }))
  for (const topic of ['$SYS/x', '$share/g/h', '$x/x']) {
    assert.equal(mayPublish(view, client, topic).outcome, 'denied', topic)
    assert.equal(maySubscribe(view, client, topic).outcome, 'denied', topic)
  }
  view.limits = limitsOf('full')
  for (const topic of ['$SYS/x', '$share/g/h', '$x/x']) {
    assert.equal(mayPublish(view, client, topic).outcome, 'denied', topic)
    assert.equal(maySubscribe(view, client, `${topic}/#`).outcome, 'denied', topic)
  }
})

test('S43: where a template names $SYS literally it may be read but never published to', () => {
  const view = new TestNamespace()
  view.space('s', '$SYS/#', '$own/#')
  view.bind('$all', 'Publisher', 's')
  view.bind('$all', 'Subscriber', 's')
  const client = principalOf(view.client({ name: 'd1' }))
  assert.equal(maySubscribe(view, client, '$SYS/broker/#').outcome, 'allowed')
  assert.equal(mayPublish(view, client, '$SYS/broker').outcome, 'denied')
  assert.equal(mayPublish(view, client, '$own/x').outcome, 'allowed')
  view.limits = limitsOf('event-grid')
  assert.equal(mayPublish(view, client, '$own/x').outcome, 'denied')
})

test('a dynamic client is a member of $all and of groups by its own attributes', () => {
  const { view } = requestResponse()
  const press = dynamic('press-9', { kind: 'dev' })
  assert.deepEqual(compileRights(press, view).clientGroups, ['$all', 'devs'])
  assert.equal(mayPublish(view, press, 'devices/press-9/reported').outcome, 'allowed')
})

test('a role holder has no rights: no group holds it, not even $all', () => {
  const view = new TestNamespace()
  view.space('s', '#')
  view.bind('$all', 'Publisher', 's')
  const entra: Principal = {
    kind: 'entraPrincipal',
    uid: 'oid',
    authenticationName: 'oid',
    foldedName: 'oid',
    roles: ['EventGrid TopicSpaces Publisher'],
    validUntil: null,
  }
  assert.equal(mayPublish(view, entra, 'a').outcome, 'denied')
})

test('a client that is gone has no rights, not even those of $all', () => {
  const view = new TestNamespace()
  view.space('s', '#')
  view.bind('$all', 'Publisher', 's')
  const client = principalOf(view.client({ name: 'd1' }))
  view.removeClient('d1')
  assert.equal(mayPublish(view, client, 'a').outcome, 'denied')
})

test('S40: held rights are current until a group, binding, topic space, the client or a namespace setting changes', () => {
  const changes: readonly ((view: TestNamespace) => void)[] = [
    (view) => view.group('devs', 'attributes.kind = "other"'),
    (view) => view.space('answerMine', 'nowhere'),
    (view) => view.unbind('devs-Publisher-answerMine'),
    (view) => void view.change('d1', { attributes: {} }),
    (view) => view.removeClient('d1'),
  ]
  for (const change of changes) {
    const { view, device } = requestResponse()
    const cache = new RightsCache()
    const held = cache.rightsOf(device, view)
    assert.equal(cache.rightsOf(device, view), held, 'unchanged: the same object')
    assert.equal(cache.rightsOf(device, view, held), held)
    change(view)
    assert.ok(!areCurrent(held, device, view), String(change))
    const next = cache.rightsOf(device, view, held)
    assert.notEqual(next, held)
    assert.equal(authorize(next, 'publish', 'devices/Press-1/reported' as TopicName).outcome, 'denied', String(change))
  }
})

test('S40: rights made while $-topics were allowed are not current afterwards', () => {
  const { view, device } = requestResponse()
  const held = compileRights(device, view)
  view.limits = limitsOf('event-grid')
  assert.ok(!areCurrent(held, device, view))
})

test('rights of one namespace are never current in another with equal names and revisions', () => {
  const one = requestResponse()
  const other = requestResponse()
  assert.equal(one.view.rightsRevision, other.view.rightsRevision)
  const held = compileRights(one.device, one.view)
  assert.ok(!areCurrent(held, one.device, other.view))
  const cache = new RightsCache()
  assert.notEqual(cache.rightsOf(one.device, one.view), cache.rightsOf(other.device, other.view))
})

test('a renewed dynamic client with other attributes never acts on the old rights', () => {
  const { view } = requestResponse()
  const cache = new RightsCache()
  const device = cache.rightsOf(dynamic('p', { kind: 'dev' }), view)
  const app = cache.rightsOf(dynamic('p', { kind: 'app' }), view)
  assert.deepEqual(
    [device.clientGroups, app.clientGroups],
    [
      ['$all', 'devs'],
      ['$all', 'apps'],
    ],
  )
})

test('the cache of rights is bounded and keeps what is in use', () => {
  const view = new TestNamespace()
  const cache = new RightsCache(8)
  const hot = principalOf(view.client({ name: 'hot' }))
  const rights = cache.rightsOf(hot, view)
  for (let i = 0; i < 100; i++) {
    cache.rightsOf(principalOf(view.client({ name: `d${i}` })), view)
    assert.equal(cache.rightsOf(hot, view), rights)
  }
  assert.ok(cache.size <= 10, `${cache.size}`)
})

// ------------------------------------------------------------------------------------------------ properties

const segment = fc.constantFrom('a', 'b', 'me')
const topic = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
const filter = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', 'me', '+'), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([segments, all]) => [...segments, ...(all ? ['#'] : [])].join('/'))
const template = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'b', '+', '${client.authenticationName}', '${client.attributes.k}'), {
      maxLength: 3,
    }),
    fc.boolean(),
  )
  .map(([segments, all]) => [...segments, ...(all || segments.length === 0 ? ['#'] : [])].join('/'))
const permission = fc.constantFrom('Publisher' as const, 'Subscriber' as const)
const world = fc.record({
  attributes: fc.record({ k: fc.constantFrom<string | string[]>('a', 'b', ['a', 'b']) }, { requiredKeys: [] }),
  spaces: fc.array(fc.array(template, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
  bindings: fc.array(fc.tuple(fc.constantFrom('$all', 'isA', 'isB'), permission, fc.nat(2)), { maxLength: 6 }),
})
type World = typeof world extends fc.Arbitrary<infer T> ? T : never

function build({ attributes, spaces, bindings }: World) {
  const view = new TestNamespace()
  view.group('isA', 'attributes.k = "a"')
  view.group('isB', 'attributes.k = "b" or authenticationName = "nobody"')
  for (const [index, templates] of spaces.entries()) view.space(`space${index}`, ...templates)
  const names = bindings.map(([group, granted, space]) => view.bind(group, granted, `space${space}`))
  const client = view.client({ name: 'me', attributes: attributes as Attributes })
  return { view, names, client, principal: principalOf(client) }
}

/** Every topic of up to four segments over the alphabet, and one segment that no template names. */
const universe = (() => {
  const topics: string[] = []
  const letters = ['a', 'b', 'me', 'zz']
  let level: string[] = letters
  for (let depth = 0; depth < 4; depth++) {
    topics.push(...level)
    level = level.flatMap((before) => letters.map((letter) => `${before}/${letter}`))
  }
  return topics
})()

function naiveMatch(pattern: string, name: string): boolean {
  const wanted = pattern.split('/')
  const given = name.split('/')
  for (const [index, part] of wanted.entries()) {
    if (part === '#') return true
    if (given[index] === undefined || (part !== '+' && part !== given[index])) return false
  }
  return wanted.length === given.length
}

/** Templates with every variable replaced in every way, straight from the words of the rules. */
function naiveTemplates({ attributes, spaces, bindings }: World, granted: string): string[] {
  const values = attributes.k === undefined ? [] : [attributes.k].flat()
  const groups = ['$all', ...(values.includes('a') ? ['isA'] : []), ...(values.includes('b') ? ['isB'] : [])]
  return bindings
    .filter(([group, permission]) => groups.includes(group) && permission === granted)
    .flatMap(([, , space]) => spaces[space] ?? [])
    .flatMap((text) => {
      const named = text.replaceAll('${client.authenticationName}', 'me')
      const holes = named.split('${client.attributes.k}').length - 1
      let filled = [named]
      for (let i = 0; i < holes; i++) {
        filled = filled.flatMap((t) => values.map((value) => t.replace('${client.attributes.k}', value)))
      }
      return filled
    })
}

test('property: publishing agrees with a naive evaluator', () => {
  fc.assert(
    fc.property(world, topic, (facts, name) => {
      const { view, principal } = build(facts)
      const expected = naiveTemplates(facts, 'Publisher').some((pattern) => naiveMatch(pattern, name))
      assert.equal(mayPublish(view, principal, name).outcome === 'allowed', expected)
    }),
    { numRuns: 2000 },
  )
})

test('property: an allowed filter lets nothing through that its template would not, and no smaller filter is refused', () => {
  fc.assert(
    fc.property(world, filter, (facts, wanted) => {
      const { view, principal } = build(facts)
      const matched = universe.filter((name) => naiveMatch(wanted, name))
      const patterns = naiveTemplates(facts, 'Subscriber')
      if (maySubscribe(view, principal, wanted).outcome === 'allowed') {
        // An attribute of several values is one template; any of its values may cover a topic.
        assert.ok(matched.every((name) => patterns.some((pattern) => naiveMatch(pattern, name))))
      } else {
        assert.ok(!patterns.some((pattern) => matched.every((name) => naiveMatch(pattern, name))))
      }
    }),
    { numRuns: 1000 },
  )
})

test('property: removing a binding never grants, adding one never revokes', () => {
  fc.assert(
    fc.property(world, topic, filter, fc.nat(5), (facts, name, wanted, which) => {
      const { view, names, principal } = build(facts)
      fc.pre(names.length > 0)
      const cache = new RightsCache()
      const judge = () => {
        const rights = cache.rightsOf(principal, view)
        return [
          authorize(rights, 'publish', name as TopicName).outcome === 'allowed',
          authorize(rights, 'subscribe', wanted as TopicFilter).outcome === 'allowed',
        ]
      }
      const withAll = judge()
      view.unbind(names[which % names.length]!)
      const withFewer = judge()
      for (const [index, allowed] of withFewer.entries()) assert.ok(!allowed || withAll[index])
    }),
    { numRuns: 1000 },
  )
})
