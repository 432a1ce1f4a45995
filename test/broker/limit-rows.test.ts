import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Packet } from '../../src/mqtt/packet.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { LimitOverrides } from '../../src/registry/profile.ts'
import { type House, house, type TestClient } from './support.ts'

/**
 * Rows of the profile, one by one: at the limit everything is served, one above it the peer is told what the table of
 * violations says, and the limit is counted under its own name (EG 6.2, 6.8, 9).
 */

const five = (text: string): string => text.repeat(5)
const codeOf = (packet: Packet | undefined): number | string =>
  packet !== undefined && 'reasonCode' in packet ? packet.reasonCode : (packet?.type ?? 'nothing')
const acknowledged = async (home: House, client: TestClient): Promise<number | string> => {
  await home.settle()
  return codeOf(client.packets().find(({ type }) => type === 'PUBACK' || type === 'PUBREC' || type === 'DISCONNECT'))
}

interface Case {
  readonly limits: LimitOverrides
  /** The row that bites, where it is not the only one that is set. */
  readonly row?: string
  /** What is still served, then what is not: both answers. */
  readonly act: (home: House) => Promise<readonly (number | string)[]>
  readonly expected: readonly (number | string)[]
}

function published(properties: readonly [within: object, above: object]): Case['act'] {
  return async (home) => {
    const client = await home.connect()
    const codes: (number | string)[] = []
    for (const each of properties) {
      client.publish('open/a', 'x', { qos: 1, properties: each })
      codes.push(await acknowledged(home, client))
    }
    return codes
  }
}

function connected(...options: readonly Parameters<House['open']>[0][]): Case['act'] {
  return async (home) => {
    const codes: number[] = []
    for (const each of options) codes.push((await home.open(each).connect()).reasonCode)
    return codes
  }
}

function topics(...names: readonly string[]): Case['act'] {
  return async (home) => {
    const client = await home.connect()
    const codes: (number | string)[] = []
    for (const name of names) {
      client.publish(name, 'x', { qos: 1 })
      codes.push(await acknowledged(home, client))
      codes.push((await client.subscribe(name)).reasonCodes[0] ?? -1)
    }
    return codes
  }
}

const { Success, ImplementationSpecificError, QuotaExceeded, TopicNameInvalid, TopicFilterInvalid } = ReasonCode
const will = { topicName: 'open/w', payload: Buffer.from('w'), qos: 0, retain: false } as const

const cases: readonly Case[] = [
  {
    limits: { maximumTopicBytes: 10 },
    act: topics('open/67890', 'open/678901'),
    expected: [Success, 0, TopicNameInvalid, TopicFilterInvalid],
  },
  {
    limits: { maximumTopicSegments: 3 },
    act: topics('open/b/c', 'open/b/c/d'),
    expected: [Success, 0, TopicNameInvalid, TopicFilterInvalid],
  },
  {
    limits: { dollarTopics: false },
    act: topics('open/$b', '$b'),
    expected: [Success, 0, TopicNameInvalid, TopicFilterInvalid],
  },
  {
    limits: { maximumResponseTopicBytes: 5 },
    act: published([{ responseTopic: five('r') }, { responseTopic: `${five('r')}r` }]),
    expected: [Success, ImplementationSpecificError],
  },
  {
    limits: { maximumContentTypeBytes: 5 },
    act: published([{ contentType: five('c') }, { contentType: `${five('c')}c` }]),
    expected: [Success, ImplementationSpecificError],
  },
  {
    limits: { maximumCorrelationDataBytes: 5 },
    act: published([{ correlationData: Buffer.alloc(5) }, { correlationData: Buffer.alloc(6) }]),
    expected: [Success, ImplementationSpecificError],
  },
  {
    limits: { maximumUserPropertiesBytes: 5 },
    act: published([
      { userProperties: [['ab', 'cde']] },
      {
        userProperties: [
          ['ab', 'cd'],
          ['e', 'f'],
        ],
      },
    ]),
    expected: [Success, ImplementationSpecificError],
  },
  {
    limits: { maximumResponseTopicBytes: 5 },
    act: connected(
      { will: { ...will, properties: { responseTopic: five('r') } } },
      { clientId: 'b', will: { ...will, properties: { responseTopic: `${five('r')}r` } } },
    ),
    expected: [Success, ImplementationSpecificError],
  },
  {
    limits: { maximumClientIdCharacters: 23 },
    act: connected({ clientId: 'x'.repeat(23) }, { clientId: 'x'.repeat(24) }),
    expected: [Success, ReasonCode.ClientIdentifierNotValid],
  },
  {
    limits: { maximumTopicBytes: 10 },
    act: connected(
      { will: { ...will, topicName: 'open/67890', properties: {} } },
      { clientId: 'b', will: { ...will, topicName: 'open/678901', properties: {} } },
    ),
    expected: [Success, ReasonCode.NotAuthorized],
  },
  {
    limits: { userPropertiesOutsidePublish: false },
    act: connected({}, { clientId: 'b', properties: { userProperties: [['a', 'b']] } }),
    expected: [Success, ImplementationSpecificError],
  },
  {
    limits: { connectsPerSecond: 2 },
    act: connected({}, { clientId: 'b' }, { clientId: 'c' }),
    expected: [Success, Success, ReasonCode.ConnectionRateExceeded],
  },
  {
    limits: { connectsPerSecondPerSession: 1 },
    act: async (home) => {
      const first = await home.connect()
      first.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
      await home.settle()
      return connected({})(home)
    },
    expected: [ReasonCode.ConnectionRateExceeded],
  },
  {
    limits: { maximumSessions: 1 },
    act: connected({}, { clientId: 'b' }),
    expected: [Success, QuotaExceeded],
  },
  {
    limits: { maximumFiltersPerSubscribe: 2 },
    act: async (home) => {
      const client = await home.connect()
      const filters = ['a', 'b', 'c'].map((name) => ({ topicFilter: `open/${name}` }))
      return (await client.subscribe(filters)).reasonCodes
    },
    expected: [0, 0, QuotaExceeded],
  },
  ...(['maximumSubscriptionsPerSession', 'maximumSubscriptions'] as const).map(
    (row): Case => ({
      limits: { [row]: 2 },
      act: async (home) => {
        const client = await home.connect()
        const codes: number[] = []
        // The same filter again is no further subscription.
        for (const name of ['a', 'b', 'b', 'c']) codes.push(...(await client.subscribe(`open/${name}`)).reasonCodes)
        return codes
      },
      expected: [0, 0, 0, QuotaExceeded],
    }),
  ),
  ...(['subscribeRequestsPerSecond', 'subscribeRequestsPerSecondPerSession'] as const).map(
    (row): Case => ({
      limits: { [row]: 2 },
      act: async (home) => {
        const client = await home.connect()
        const codes: number[] = []
        for (const name of ['a', 'b', 'c']) codes.push(...(await client.subscribe(`open/${name}`)).reasonCodes)
        await home.pass(1_000)
        return [...codes, ...(await client.subscribe('open/c')).reasonCodes]
      },
      expected: [0, 0, QuotaExceeded, 0],
    }),
  ),
  ...(['publishesPerSecond', 'publishesPerSecondPerSession'] as const).map(
    (row): Case => ({
      limits: { [row]: 1 },
      act: async (home) => {
        const client = await home.connect()
        for (let i = 0; i < 3; i++) client.publish('open/a', 'x', { qos: 1 })
        await home.settle()
        return client.packets().map(codeOf)
      },
      // A bucket may be overdrawn by one message.
      expected: [Success, Success, QuotaExceeded],
    }),
  ),
  ...(['deliveriesPerSecond', 'deliveriesPerSecondPerSession'] as const).map(
    (row): Case => ({
      limits: { [row]: 1 },
      act: async (home) => {
        const client = await home.connect()
        await client.subscribe('open/#')
        for (let i = 0; i < 3; i++) client.publish('open/a', String(i))
        await home.settle()
        return client.messages()
      },
      expected: ['open/a 0', 'open/a 1'],
    }),
  ),
  {
    limits: { topicAliasMaximum: 2 },
    act: published([{ topicAlias: 2 }, { topicAlias: 3 }]),
    expected: [Success, ReasonCode.TopicAliasInvalid],
  },
  {
    limits: { topicAliasMaximum: 0 },
    act: async (home) => {
      const client = home.open()
      const { properties } = await client.connect()
      client.publish('open/a', 'x', { qos: 1, properties: { topicAlias: 1 } })
      return [String(properties.topicAliasMaximum), await acknowledged(home, client)]
    },
    expected: ['undefined', ReasonCode.TopicAliasInvalid],
  },
  {
    limits: { receiveMaximum: 2 },
    act: async (home) => {
      const client = await home.connect()
      for (let i = 0; i < 3; i++) client.publish('open/a', 'x', { qos: 2 })
      await home.settle()
      return client.packets().map(codeOf)
    },
    expected: [Success, Success, ReasonCode.ReceiveMaximumExceeded],
  },
  {
    limits: { maximumPacketSizeBytes: 1_024 },
    act: async (home) => {
      const client = await home.connect()
      client.publish('open/a', 'x'.repeat(900), { qos: 1 })
      const first = await acknowledged(home, client)
      client.publish('open/a', 'x'.repeat(1_024), { qos: 1 })
      return [first, await acknowledged(home, client)]
    },
    expected: [Success, ReasonCode.PacketTooLarge],
  },
  {
    limits: { retainAvailable: false },
    act: async (home) => {
      const client = await home.connect()
      client.publish('open/a', 'x', { qos: 1, retain: true })
      return [await acknowledged(home, client)]
    },
    expected: [ReasonCode.RetainNotSupported],
  },
  {
    limits: { maximumRetainedMessageBytes: 5 },
    act: async (home) => {
      const client = await home.connect()
      const codes: (number | string)[] = []
      for (const payload of ['12345', '123456']) {
        client.publish('open/a', payload, { qos: 1, retain: true })
        codes.push(await acknowledged(home, client))
      }
      return codes
    },
    expected: [Success, QuotaExceeded],
  },
  {
    limits: { maximumQueuedMessages: 2, maximumOutboundInflightMessages: 1 },
    row: 'maximumQueuedMessages',
    act: async (home) => {
      const client = await home.connect()
      const reader = await home.connect({ name: 'beta' })
      await reader.subscribe('open/#', { qos: 1 })
      for (let i = 0; i < 4; i++) client.publish('open/a', String(i), { qos: 1 })
      await home.settle()
      return reader.messages()
    },
    expected: ['open/a 0'],
  },
]

for (const { limits, row = Object.keys(limits)[0] as string, act, expected } of cases) {
  const value = Object.values(limits)[0]
  test(`EG 9 ${row} ${value}: served up to it, then ${expected.at(-1)}; counted and logged under its name`, async () => {
    const home = house({ limits })
    assert.deepEqual(await act(home), expected)
    const hits = home.broker.operations.stats().namespaces[0]?.limitHits ?? []
    assert.deepEqual(
      hits.map(([limit]) => limit),
      [row],
    )
    const lines = home.logged.filter(({ event }) => event === 'limitReached')
    assert.deepEqual(
      lines.map(({ facts }) => [facts['namespace'], facts['limit'], facts['value']]),
      [['plant7', row, value]],
    )
  })
}

test('a publication of an operator or of HTTP meets the same limits, counted alike', async () => {
  const home = house({ limits: { maximumTopicSegments: 2, maximumContentTypeBytes: 3, maximumPacketSizeBytes: 1_024 } })
  const publish = (topicName: string, more: { contentType?: string; payload?: Uint8Array } = {}) =>
    home.broker.operations.publish({
      namespace: home.namespace.id,
      principal: { kind: 'registryClient', uid: 'uid-alpha', authenticationName: 'alpha', foldedName: 'alpha' },
      topicName,
      qos: 1,
      retain: false,
      properties: more.contentType === undefined ? {} : { contentType: more.contentType },
      payload: more.payload ?? Buffer.from('x'),
    })
  const kinds: string[] = []
  for (const result of [
    await publish('open/a'),
    await publish('open/a/b'),
    await publish('open/a', { contentType: 'text' }),
    await publish('open/a', { payload: Buffer.alloc(1_100) }),
  ]) {
    kinds.push(result.ok ? 'ok' : result.error.kind)
  }
  assert.deepEqual(kinds, ['ok', 'topicInvalid', 'overLimit', 'overLimit'])
  assert.deepEqual(home.broker.operations.stats().namespaces[0]?.limitHits, [
    ['maximumTopicSegments', 1],
    ['maximumContentTypeBytes', 1],
    ['maximumPacketSizeBytes', 1],
  ])
})

test('an MQTT 3.1.1 client above receiveMaximum is served where the namespace does not close it', async () => {
  const home = house({ limits: { receiveMaximum: 2, receiveMaximumClosesMqtt3: false } })
  const client = await home.connect({ version: 4 })
  for (let i = 0; i < 5; i++) client.publish('open/a', 'x', { qos: 2 })
  await home.settle()
  assert.equal(client.packets().filter(({ type }) => type === 'PUBREC').length, 5)
  assert.equal(client.peer.ended, null)
})

test('a Response Topic with a wildcard is refused where the namespace looks at it', async () => {
  const home = house({ limits: { responseTopicCheck: true } })
  const client = await home.connect()
  client.publish('open/a', 'x', { qos: 1, properties: { responseTopic: 'open/answers' } })
  client.publish('open/a', 'x', { qos: 1, properties: { responseTopic: 'elsewhere/answers' } })
  await home.settle()
  assert.deepEqual(client.packets().map(codeOf), [Success, ReasonCode.NotAuthorized])
})

test('EG 6.2 the longest Will Delay is the namespace’s', async () => {
  const home = house({ limits: { maximumWillDelaySeconds: 5 } })
  const watcher = await home.connect({ name: 'beta' })
  await watcher.subscribe('open/#')
  const mortal = await home.connect({
    properties: { sessionExpiryIntervalSeconds: 600 },
    will: { ...will, properties: { willDelayIntervalSeconds: 300 } },
  })
  mortal.peer.close()
  await home.pass(4_000)
  assert.deepEqual(watcher.messages(), [])
  await home.pass(2_500)
  assert.deepEqual(watcher.messages(), ['open/w w'])
})
