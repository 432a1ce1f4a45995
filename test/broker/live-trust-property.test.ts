import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { verify } from '../../src/auth/authenticate.ts'
import { authorize } from '../../src/auth/authorize.ts'
import type { ConnectEvidence } from '../../src/auth/evidence.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { compileRights } from '../../src/auth/rights.ts'
import { toUnixSeconds, unixSeconds } from '../../src/base/time.ts'
import type { ProtocolVersion } from '../../src/mqtt/packet.ts'
import { parseTopicFilter, parseTopicName } from '../../src/mqtt/topic.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { evidenceOf } from '../auth/support.ts'
import { now } from '../x509/kit.ts'
import type { TestClient } from './support.ts'
import {
  authority,
  type ClientFields,
  caProperties,
  chainOf,
  clientProperties,
  type TrustHouse,
  trustHouse,
} from './trust-house.ts'

/**
 * After any sequence of writes to the registry and of time, the sessions that are open are those of before for which
 * `verify` and `authorize` of what they hold succeed now: asked here anew, of the pure functions, with nothing remembered.
 */

const names = ['a', 'b', 'c'] as const
const day = 86_400
const root = authority('CN=Root', 1)
const otherRoot = authority('CN=Other root', 3)
const authorities = {
  root,
  rootOfOtherKey: authority('CN=Root', 2),
  other: otherRoot,
  lineOfRoot: authority('CN=Line', 4, { issuer: root }),
  lineOfOther: authority('CN=Line', 4, { issuer: otherRoot }),
  brief: authority('CN=Brief', 5, { notAfter: unixSeconds(now + 3 * day) }),
} as const
type AuthorityName = keyof typeof authorities
const authorityNames = Object.keys(authorities) as AuthorityName[]

const chains: Readonly<Record<(typeof names)[number], readonly (readonly Uint8Array[])[]>> = {
  a: chainsOf('a'),
  b: chainsOf('b'),
  c: chainsOf('c'),
}

function chainsOf(name: string): readonly (readonly Uint8Array[])[] {
  const { lineOfRoot, lineOfOther, brief } = authorities
  return [
    chainOf(name, root),
    chainOf(name, lineOfRoot),
    chainOf(name, lineOfRoot, { sent: [lineOfRoot, lineOfOther] }),
    chainOf(name, otherRoot, { notAfter: unixSeconds(now + day) }),
    chainOf(name, brief),
  ]
}

const filters = ['halls/#', 'own/a', 'own/+', 'news', '$share/g/news'] as const
const templates = [['halls/#'], ['halls/1', 'news'], ['own/#'], ['news', 'own/a']] as const

type Operation =
  | {
      readonly kind: 'connect'
      readonly name: (typeof names)[number]
      readonly chain: number
      readonly slot: number
      readonly clean: boolean
      readonly version: ProtocolVersion
      readonly willTopic: string | null
    }
  | { readonly kind: 'subscribe'; readonly nth: number; readonly filter: number }
  | { readonly kind: 'disconnect'; readonly nth: number }
  | { readonly kind: 'client'; readonly name: string; readonly fields: ClientFields }
  | {
      readonly kind: 'delete'
      readonly type: 'clients' | 'caCertificates' | 'permissionBindings'
      readonly name: string
    }
  | { readonly kind: 'ca'; readonly name: string; readonly authority: AuthorityName }
  | { readonly kind: 'group'; readonly role: string }
  | { readonly kind: 'space'; readonly name: string; readonly templates: number }
  | { readonly kind: 'bind'; readonly group: string; readonly space: string; readonly permission: string }
  | { readonly kind: 'namespace'; readonly properties: unknown }
  | { readonly kind: 'time'; readonly seconds: number }

const some = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const resourceName = some('ca1', 'ca2', 'ca3')
const thumbprint = fc.tuple(some(...names), fc.nat(4), fc.boolean()).map(([name, chain, isLong]) => {
  const { sha256, sha1 } = thumbprintsOf(chains[name][chain]?.[0] as Uint8Array)
  return isLong ? sha256 : sha1
})
const clientFields: fc.Arbitrary<ClientFields> = fc
  .record({
    state: some<'Enabled' | 'Disabled'>('Enabled', 'Enabled', 'Enabled', 'Disabled'),
    scheme: some<'Subject' | 'Dns' | 'Email'>('Subject', 'Subject', 'Dns', 'Dns', 'Email'),
    attributes: some({ role: 'x' }, { role: 'y' }, {}),
    issuers: fc.option(fc.uniqueArray(resourceName, { minLength: 1 }), { freq: 2 }),
  })
  .chain((fields) =>
    fc
      .option(fc.uniqueArray(thumbprint, { minLength: 1, maxLength: 2 }), { freq: 3 })
      .map((thumbprints) => (thumbprints === null ? fields : { ...fields, thumbprints })),
  )
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('connect' as const),
      name: some(...names),
      chain: fc.nat(4),
      slot: fc.nat(1),
      clean: fc.boolean(),
      version: some<ProtocolVersion>(5, 5, 4),
      willTopic: some(null, null, 'news', 'own/a'),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), nth: fc.nat(20), filter: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('disconnect' as const), nth: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('client' as const), name: some(...names), fields: clientFields }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      type: some('clients' as const, 'caCertificates' as const, 'permissionBindings' as const),
      name: some(...names, 'ca1', 'ca2', 'ca3', 'binding1', 'binding2'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('ca' as const), name: resourceName, authority: some(...authorityNames) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('group' as const), role: some('x', 'y') }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('space' as const), name: some('space1', 'space2'), templates: fc.nat(3) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('bind' as const),
      group: some('$all', 'group'),
      space: some('space1', 'space2'),
      permission: some('Subscriber', 'Subscriber', 'Publisher'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('namespace' as const),
      properties: some<unknown>(
        { sealgate: { allowSha1Thumbprints: false } },
        { sealgate: { allowSha1Thumbprints: true } },
        { topicSpacesConfiguration: { state: 'Disabled' } },
        { topicSpacesConfiguration: { state: 'Enabled' } },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('time' as const), seconds: some(5, 3_600, day, 3 * day) }) },
)

/** A connection as the test remembers it. */
interface Live {
  readonly client: TestClient
  readonly clientId: string
  readonly principal: Principal
  readonly evidence: ConnectEvidence
  readonly held: Set<string>
  readonly willTopic: string | null
}

class Model {
  readonly #house: TrustHouse
  #live: Live[] = []

  constructor(house: TrustHouse) {
    this.#house = house
  }

  get live(): number {
    return this.#live.length
  }

  async apply(operation: Operation): Promise<void> {
    const house = this.#house
    switch (operation.kind) {
      case 'connect':
        return this.#connect(operation)
      case 'subscribe': {
        const live = this.#nth(operation.nth)
        if (live === undefined) return
        const filter = filters[operation.filter] as string
        const { reasonCodes } = await live.client.subscribe(filter)
        if ((reasonCodes[0] as number) < 0x80) live.held.add(filter)
        return
      }
      case 'disconnect': {
        const live = this.#nth(operation.nth)
        if (live === undefined) return
        live.client.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
        this.#live = this.#live.filter((other) => other !== live)
        return
      }
      case 'client':
        await house.put('clients', operation.name, clientProperties(operation.fields))
        return
      case 'delete':
        await house.delete(operation.type, operation.name)
        return
      case 'ca':
        await house.put('caCertificates', operation.name, caProperties(authorities[operation.authority]))
        return
      case 'group':
        await house.put('clientGroups', 'group', { query: `attributes.role = '${operation.role}'` })
        return
      case 'space':
        await house.put('topicSpaces', operation.name, { topicTemplates: templates[operation.templates] })
        return
      case 'bind': {
        const { group, space, permission } = operation
        const properties = { clientGroupName: group, topicSpaceName: space, permission }
        await house.put('permissionBindings', space === 'space1' ? 'binding1' : 'binding2', properties)
        return
      }
      case 'namespace':
        await house.patchNamespace(operation.properties)
        return
      case 'time':
        await house.pass(operation.seconds * 1_000)
    }
  }

  async #connect({ name, chain, slot, clean, version, willTopic }: Extract<Operation, { kind: 'connect' }>) {
    const house = this.#house
    const clientId = `${name}-${slot}`
    const peerChain = chains[name][chain] as readonly Uint8Array[]
    const will =
      willTopic === null
        ? null
        : { topicName: willTopic, payload: new Uint8Array(1), qos: 0 as const, retain: false, properties: {} }
    const before = house.engine.sessions.find(house.view.id, clientId)
    const client = house.open({
      ...{ name, clientId, peerChain, version, will, cleanStart: clean },
      properties: version === 5 ? { sessionExpiryIntervalSeconds: 28_800 } : {},
    })
    const connack = await client.connect()
    if (connack.reasonCode !== 0) return
    const registered = house.view.clientByAuthenticationName(name)
    assert.ok(registered !== undefined, 'who is connected is registered')
    this.#live = this.#live.filter((other) => other.clientId !== clientId)
    const { uid, authenticationName, foldedName } = registered
    this.#live.push({
      client,
      clientId,
      principal: { kind: 'registryClient', uid, authenticationName, foldedName },
      evidence: evidenceOf({ peerChain, username: name, clientId, serverName: null, protocol: 'MQTT5' }),
      held: new Set(connack.sessionPresent ? before?.subscriptions.map(({ topicFilter }) => topicFilter) : []),
      willTopic,
    })
  }

  #nth(nth: number): Live | undefined {
    return this.#live[nth % Math.max(1, this.#live.length)]
  }

  /** Those that may stay are there, the others are not; and so it is with what is stored of who is not connected. */
  async check(): Promise<void> {
    const house = this.#house
    await house.pass(1_000)
    const staying: Live[] = []
    for (const live of this.#live) {
      const may = this.#mayStay(live)
      assert.equal(live.client.peer.ended === null, may, `${live.clientId} ${may ? 'was ended' : 'is still there'}`)
      if (may) staying.push(live)
      else if (live.client.version === 5) assert.ok(live.client.packets().some(({ type }) => type === 'DISCONNECT'))
    }
    this.#live = staying
    const { view, engine } = house
    for (const record of engine.sessions.list({ namespace: view.id, after: null, limit: 100 })) {
      const client = view.clientByUid(record.owner.uid)
      if (client === undefined) {
        assert.equal(record.subscriptions.length, 0, `${record.clientId}: its client is deleted`)
        continue
      }
      const { uid, authenticationName, foldedName } = client
      const principal: Principal = { kind: 'registryClient', uid, authenticationName, foldedName }
      const denied = record.subscriptions.find(({ topicFilter }) => !this.#maySubscribe(principal, topicFilter))
      assert.equal(denied, undefined, `${record.clientId} holds ${denied?.topicFilter}`)
    }
  }

  #mayStay({ principal, evidence, held, willTopic }: Live): boolean {
    const { view, clock } = this.#house
    if (!view.mqttEnabled) return false
    if (verify(principal, evidence, view, { now: toUnixSeconds(clock.clock.now()) }).outcome === 'refused') return false
    for (const filter of held) if (!this.#maySubscribe(principal, filter)) return false
    if (willTopic === null) return true
    const parsed = parseTopicName(willTopic)
    assert.ok(parsed.ok)
    return authorize(compileRights(principal, view), 'will', parsed.value).outcome === 'allowed'
  }

  #maySubscribe(principal: Principal, topicFilter: string): boolean {
    const parsed = parseTopicFilter(topicFilter.replace('$share/g/', ''))
    assert.ok(parsed.ok)
    return authorize(compileRights(principal, this.#house.view), 'subscribe', parsed.value).outcome === 'allowed'
  }
}

/** Where most sequences find something to change. */
async function furnished(): Promise<TrustHouse> {
  const house = await trustHouse()
  for (const [name, ca] of [
    ['ca1', 'root'],
    ['ca2', 'other'],
    ['ca3', 'brief'],
  ] as const) {
    assert.ok(await house.put('caCertificates', name, caProperties(authorities[ca])))
  }
  for (const name of names) await house.put('clients', name, clientProperties({ attributes: { role: 'x' } }))
  await house.put('clientGroups', 'group', { query: "attributes.role = 'x'" })
  await house.put('topicSpaces', 'space1', { topicTemplates: ['halls/#', 'own/#', 'news'] })
  await house.put('topicSpaces', 'space2', { topicTemplates: ['news', 'own/#'] })
  await house.put('permissionBindings', 'binding1', {
    clientGroupName: 'group',
    topicSpaceName: 'space1',
    permission: 'Subscriber',
  })
  await house.put('permissionBindings', 'binding2', {
    clientGroupName: '$all',
    topicSpaceName: 'space2',
    permission: 'Publisher',
  })
  return house
}

test('S15 S34 after any changes the open sessions are those that verify and authorize would let in now', async () => {
  const numRuns = Number(process.env['SEALGATE_TEST_RUNS'] ?? 12)
  let sessions = 0
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 50 }), async (operations) => {
      const model = new Model(await furnished())
      for (const operation of operations) {
        await model.apply(operation)
        await model.check()
        sessions += model.live
      }
    }),
    { numRuns },
  )
  assert.ok(sessions > numRuns, `${sessions} sessions were looked at`)
})
