import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixSeconds } from '../../src/base/time.ts'
import type { ProtocolVersion } from '../../src/mqtt/packet.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { DisconnectionReason } from '../../src/ports/events.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
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
 * Continuous trust, cause by cause: a fact changes, exactly the sessions that rest on it end, with the reason that Event
 * Grid names and the will as S37 has it; everybody else notices nothing.
 */

const root = authority('CN=Root', 1)
const sameNameOtherKey = authority('CN=Root', 2)
const otherRoot = authority('CN=Other root', 3)
const line = authority('CN=Line', 4)
const lineOfRoot = authority('CN=Line', 4, { issuer: root })
const lineOfOther = authority('CN=Line', 4, { issuer: otherRoot })
const brief = authority('CN=Brief', 5, { notAfter: unixSeconds(now + 100) })

const ofRoot = chainOf('victim', root)
const twice = chainOf('victim', line, { sent: [lineOfRoot, lineOfOther] })
const { sha256, sha1 } = thumbprintsOf(ofRoot[0] as Uint8Array)
const elsewhere = '0'.repeat(64)

interface Cause {
  readonly name: string
  /** What the victim sends, and how it is registered. */
  readonly chain?: readonly Uint8Array[]
  readonly client?: ClientFields
  readonly change: (house: TrustHouse) => Promise<unknown>
  readonly reason: DisconnectionReason
  readonly will: 'published' | 'dropped'
  /** What becomes of the victim's other session, which is not connected; default: it stays. */
  readonly offline?: 'removed' | 'discarded'
}

const lost = { reason: 'ClientAuthenticationError', will: 'published' } as const
const rightLost = { reason: 'ClientAuthorizationError', will: 'published', offline: 'removed' } as const

const causes: readonly Cause[] = [
  {
    name: 'the client is disabled',
    change: (house) => house.put('clients', 'victim', clientProperties({ attributes: member, state: 'Disabled' })),
    reason: 'ClientAuthenticationError',
    will: 'dropped',
  },
  {
    name: 'the client is deleted',
    change: (house) => house.delete('clients', 'victim'),
    reason: 'ClientAuthenticationError',
    will: 'dropped',
    offline: 'discarded',
  },
  {
    name: 'the validation scheme is another',
    change: (house) => house.put('clients', 'victim', clientProperties({ attributes: member, scheme: 'Email' })),
    ...lost,
  },
  {
    name: 'the thumbprint is removed',
    client: { thumbprints: [sha256, elsewhere] },
    change: (house) =>
      house.put('clients', 'victim', clientProperties({ attributes: member, thumbprints: [elsewhere] })),
    ...lost,
  },
  {
    name: 'S14 thumbprints of SHA-1 are turned off',
    client: { thumbprints: [sha1] },
    change: (house) => house.patchNamespace({ sealgate: { allowSha1Thumbprints: false } }),
    ...lost,
  },
  {
    name: 'S11 the client is bound to another CA certificate',
    change: (house) => house.put('clients', 'victim', clientProperties({ attributes: member, issuers: ['other'] })),
    ...lost,
  },
  { name: 'the CA certificate is removed', change: (house) => house.delete('caCertificates', 'root'), ...lost },
  {
    name: 'the CA certificate is replaced by one of the same name and another key',
    change: (house) => house.put('caCertificates', 'root', caProperties(sameNameOtherKey)),
    ...lost,
  },
  {
    name: 'S16 a CA certificate that serves as intermediate is removed',
    chain: chainOf('victim', lineOfRoot),
    client: { issuers: ['root'] },
    change: (house) => house.delete('caCertificates', 'line'),
    ...lost,
  },
  {
    name: 'the CA certificate expires',
    chain: chainOf('victim', brief),
    change: async (house) => passSecondOf(house, 100),
    ...lost,
  },
  {
    name: 'the certificate expires',
    chain: chainOf('victim', root, { notAfter: unixSeconds(now + 3_333) }),
    change: async (house) => passSecondOf(house, 3_333),
    ...lost,
  },
  {
    name: 'S27 the clock is set behind the end of the certificate',
    chain: chainOf('victim', root, { notAfter: unixSeconds(now + 10_000) }),
    change: async (house) => {
      house.clock.stepWall(10_001_000)
      await house.pass(1_050)
    },
    ...lost,
  },
  {
    name: 'S34 an attribute, and with it the membership in a group',
    change: (house) => house.put('clients', 'victim', clientProperties({ attributes: { role: 'none' } })),
    ...rightLost,
  },
  {
    name: 'S34 the query of the group',
    change: (house) => house.put('clientGroups', 'members', { query: "attributes.role = 'another'" }),
    ...rightLost,
  },
  {
    name: 'S34 the templates of the topic space',
    change: (house) => house.put('topicSpaces', 'news', { topicTemplates: ['old-news/#'] }),
    ...rightLost,
  },
  {
    name: 'S34 the group of the binding',
    change: (house) =>
      house.put('permissionBindings', 'members-read', {
        clientGroupName: 'nobody',
        topicSpaceName: 'news',
        permission: 'Subscriber',
      }),
    ...rightLost,
  },
  {
    name: 'S34 the binding',
    change: (house) => house.delete('permissionBindings', 'members-read'),
    ...rightLost,
  },
  {
    name: "the right to the will's topic",
    change: (house) => house.delete('permissionBindings', 'members-will'),
    reason: 'ClientAuthorizationError',
    will: 'dropped',
  },
]

const member = { role: 'member' }

for (const cause of causes) {
  for (const version of [5, 4] as const) {
    const told = version === 5 ? 'DISCONNECT 0x87' : 'the end of the stream'
    test(`EG 3.7 what ends a session: ${cause.name} (MQTT ${version === 5 ? '5' : '3.1.1'}: ${told})`, async () => {
      const house = await plant(cause.client)
      const chain = cause.chain ?? ofRoot
      const victim = await connect(house, 'victim', chain, version)
      await victim.subscribe('news/#')
      const asleep = house.open({ name: 'victim', clientId: 'asleep', cleanStart: false, peerChain: chain, ...kept })
      assert.equal((await asleep.connect()).reasonCode, ReasonCode.Success)
      await asleep.subscribe('news/#', { qos: 1 })
      asleep.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
      const bystander = await connect(house, 'bystander', chainOf('bystander', otherRoot), version)
      await bystander.subscribe('all/#')
      const watcher = await connect(house, 'watcher', chainOf('watcher', otherRoot), 5)
      await watcher.subscribe('wills/#')
      await house.settle()

      await cause.change(house)
      await house.settle()
      assert.ok(victim.peer.ended !== null, 'it stays')
      if (version === 5) assert.equal(victim.take('DISCONNECT').reasonCode, ReasonCode.NotAuthorized)
      else assert.deepEqual(victim.packets(), [])
      const ended = house.events.flatMap((event) =>
        event.kind === 'sessionEnded' && event.clientId !== 'asleep' ? [`${event.clientId} ${event.reason}`] : [],
      )
      assert.deepEqual(ended, [`victim ${cause.reason}`])
      assert.equal(bystander.peer.ended, null)
      assert.deepEqual(bystander.packets(), [])
      assert.equal(watcher.peer.ended, null)
      // The store is asked for wills once a second.
      await house.pass(1_100)
      assert.deepEqual(watcher.messages(), cause.will === 'published' ? ['wills/victim gone'] : [])
      const record = house.engine.sessions.find(house.view.id, 'asleep')
      assert.equal(record === undefined, cause.offline === 'removed')
      if (record !== undefined) assert.equal(record.subscriptions.length, cause.offline === 'discarded' ? 0 : 1)
    })
  }
}

const spared: readonly Pick<Cause, 'name' | 'chain' | 'client' | 'change'>[] = [
  {
    name: 'the CA certificate that goes leaves another valid path',
    chain: twice,
    change: (house) => house.delete('caCertificates', 'root'),
  },
  {
    name: 'the other CA certificate that goes leaves the path',
    chain: twice,
    change: (house) => house.delete('caCertificates', 'other'),
  },
  {
    name: 'the thumbprint that goes is the one not in use',
    client: { thumbprints: [sha256, elsewhere] },
    change: (house) => house.put('clients', 'victim', clientProperties({ attributes: member, thumbprints: [sha256] })),
  },
  {
    name: 'the sources of names are others: a name is never chosen anew',
    change: (house) =>
      house.patchNamespace({
        topicSpacesConfiguration: {
          clientAuthentication: { alternativeAuthenticationNameSources: ['ClientCertificateEmail'] },
        },
      }),
  },
  {
    name: 'a CA certificate is added',
    change: (house) => house.put('caCertificates', 'brief', caProperties(authority('CN=New', 6))),
  },
  {
    name: 'an attribute that nothing rests on changes',
    change: (house) => house.put('clients', 'victim', clientProperties({ attributes: { ...member, floor: 3 } })),
  },
  {
    name: 'the right is held by another binding as well',
    change: async (house) => {
      await house.put('permissionBindings', 'all-read-news', {
        clientGroupName: '$all',
        topicSpaceName: 'news',
        permission: 'Subscriber',
      })
      return house.delete('permissionBindings', 'members-read')
    },
  },
  {
    name: 'S27 the clock is set back',
    change: async (house) => {
      house.clock.stepWall(-3_000_000)
      await house.pass(2_000)
    },
  },
  {
    name: 'another client of the same certificate is deleted',
    change: async (house) => {
      await house.put('clients', 'twin', clientProperties({ thumbprints: [sha256] }))
      return house.delete('clients', 'twin')
    },
  },
]

for (const { name, chain = ofRoot, client, change } of spared) {
  test(`EG 3.7 what ends nobody: ${name}`, async () => {
    const house = await plant(client)
    const victim = await connect(house, 'victim', chain, 5)
    await victim.subscribe('news/#')
    await change(house)
    await house.pass(1_100)
    assert.equal(victim.peer.ended, null)
    assert.deepEqual(victim.packets(), [])
  })
}

const kept = { properties: { sessionExpiryIntervalSeconds: 2_000_000 } }

async function plant(client: ClientFields = {}): Promise<TrustHouse> {
  const house = await trustHouse()
  await house.patchNamespace({ topicSpacesConfiguration: { maximumSessionExpiryInHours: 8 } })
  const cas = { root, other: otherRoot, line: lineOfRoot, brief }
  for (const [name, ca] of Object.entries(cas)) assert.ok(await house.put('caCertificates', name, caProperties(ca)))
  // A registered CA certificate is an anchor as well: only what a client is bound to decides between them.
  const issuers = client.issuers ?? (client.thumbprints === undefined ? ['root', 'other', 'brief'] : null)
  await house.put('clients', 'victim', clientProperties({ attributes: member, ...client, issuers }))
  for (const name of ['bystander', 'watcher']) await house.put('clients', name, clientProperties())
  await house.put('clientGroups', 'members', { query: "attributes.role = 'member'" })
  await house.put('clientGroups', 'nobody', { query: "attributes.role = 'nobody'" })
  await house.put('topicSpaces', 'news', { topicTemplates: ['news/#'] })
  await house.put('topicSpaces', 'open', { topicTemplates: ['all/#', 'wills/#'] })
  const bindings = {
    'members-read': { clientGroupName: 'members', topicSpaceName: 'news', permission: 'Subscriber' },
    'members-will': { clientGroupName: '$all', topicSpaceName: 'open', permission: 'Publisher' },
    'all-read': { clientGroupName: '$all', topicSpaceName: 'open', permission: 'Subscriber' },
  }
  for (const [name, properties] of Object.entries(bindings)) {
    assert.ok(await house.put('permissionBindings', name, properties))
  }
  return house
}

function connect(
  house: TrustHouse,
  name: string,
  peerChain: readonly Uint8Array[],
  version: ProtocolVersion,
): Promise<TestClient> {
  const will = {
    topicName: 'wills/victim',
    payload: Buffer.from('gone'),
    qos: 0 as const,
    retain: false,
    properties: {},
  }
  return house.connect({ name, peerChain, version, ...(name === 'victim' ? { will } : {}) })
}

/** Nothing happens up to the end of the last second at which it is valid; 50 ms later everything has. */
async function passSecondOf(house: TrustHouse, seconds: number): Promise<void> {
  await house.pass(seconds * 1_000 + 990)
  assert.deepEqual(
    house.events.filter((event) => event.kind === 'sessionEnded' && event.clientId !== 'asleep'),
    [],
  )
  await house.pass(50)
}
