import assert from 'node:assert/strict'
import { start } from '../broker/support.ts'
import { answer, type Bench, isClosed, kept, leave, lose, publishTwice, typesOf } from './kit.ts'

/** Sessions in memory and sessions in the store take different ways through the broker. */
function bothKinds(bench: Bench): readonly ReturnType<Bench['client']>[] {
  return [bench.client({ name: 'beta' }), bench.lasting({ name: 'beta' })]
}

kept(
  '4.3.2-2 4.3.2-3 4.4.0-1',
  '4.3.2-1 4.4.0-1',
  'QoS 1 is sent once, and again only in a new connection until PUBACK',
  async (bench) => {
    const home = bench.open()
    const publisher = await home.connect(bench.client())
    const first = await home.connect(bench.lasting({ name: 'beta' }))
    await first.subscribe('open/#', { qos: 1 })
    for (const text of ['one', 'two', 'three']) publisher.publish('open/a', text, { qos: 1 })
    await home.settle()
    const sent = first.publishes()
    assert.deepEqual(
      sent.map(({ qos, dup }) => [qos, dup]),
      [1, 2, 3].map(() => [1, false]),
    )
    await home.pass(3_600_000)
    assert.deepEqual(first.packets(), [])
    answer(first, 'PUBACK', sent[1]?.packetIdentifier ?? 0)
    await lose(home, first)
    const second = await home.connect(bench.lasting({ name: 'beta' }))
    await home.settle()
    const again = second.publishes()
    assert.deepEqual(
      again.map(({ packetIdentifier, dup }) => [packetIdentifier, dup]),
      [sent[0], sent[2]].map((packet) => [packet?.packetIdentifier, true]),
    )
    for (const { packetIdentifier } of again) answer(second, 'PUBACK', packetIdentifier)
    await lose(home, second)
    const third = await home.connect(bench.lasting({ name: 'beta' }))
    await home.settle()
    assert.deepEqual(third.packets(), [])
  },
)

kept('4.3.2-5', '4.3.2-2', 'after PUBACK the same identifier is a new message, with DUP or without', async (bench) => {
  const home = bench.open()
  const subscriber = await home.connect(bench.client({ name: 'beta' }))
  await subscriber.subscribe('open/#')
  const publisher = await home.connect(bench.lasting())
  for (const [text, dup] of [
    ['one', false],
    ['two', true],
    ['three', false],
  ] as const) {
    publisher.publish('open/a', text, { qos: 1, packetIdentifier: 5, dup })
    await home.settle()
    assert.equal(publisher.take('PUBACK').packetIdentifier, 5)
  }
  assert.deepEqual(subscriber.messages(), ['open/a one', 'open/a two', 'open/a three'])
})

kept(
  '4.3.3-1 4.3.3-2 4.3.3-3 4.3.3-4 4.3.3-5 4.3.3-6 4.4.0-1',
  '4.3.3-1 4.4.0-1',
  'QoS 2 to a subscriber: PUBLISH until PUBREC, then PUBREL until PUBCOMP, each again after a loss',
  async (bench) => {
    const home = bench.open()
    const publisher = await home.connect(bench.client())
    let client = await home.connect(bench.lasting({ name: 'beta' }))
    await client.subscribe('open/#', { qos: 2 })
    await publishTwice(home, publisher, 'open/a', 'exactly')
    const [first] = client.publishes()
    assert.equal(first?.qos, 2)
    assert.equal(first?.dup, false)
    const id = first?.packetIdentifier ?? 0
    await lose(home, client)
    client = await home.connect(bench.lasting({ name: 'beta' }))
    await home.settle()
    const again = client.take('PUBLISH')
    assert.deepEqual([again.packetIdentifier, again.dup, again.qos], [id, true, 2])
    answer(client, 'PUBREC', id)
    await home.settle()
    assert.equal(client.take('PUBREL').packetIdentifier, id)
    await lose(home, client)
    client = await home.connect(bench.lasting({ name: 'beta' }))
    await home.settle()
    const packets = client.packets()
    assert.deepEqual(typesOf(packets), ['PUBREL'])
    answer(client, 'PUBCOMP', id)
    await lose(home, client)
    client = await home.connect(bench.lasting({ name: 'beta' }))
    await home.settle()
    assert.deepEqual(client.packets(), [])
  },
)

kept(
  '4.3.3-8 4.3.3-10 4.3.3-11 4.3.3-12',
  '4.3.3-2',
  'QoS 2 from a publisher: one delivery however often it is sent before PUBREL, a new message after PUBCOMP',
  async (bench) => {
    for (const options of [bench.client(), bench.lasting()]) {
      const home = bench.open()
      const subscriber = await home.connect(bench.client({ name: 'beta' }))
      await subscriber.subscribe('open/#', { qos: 2 })
      const publisher = await home.connect(options)
      for (const text of ['one', 'two']) {
        for (const dup of [false, true, true]) {
          publisher.publish('open/a', text, { qos: 2, packetIdentifier: 9, dup })
          await home.settle()
          assert.equal(publisher.take('PUBREC').packetIdentifier, 9)
        }
        assert.deepEqual(subscriber.messages(), [])
        answer(publisher, 'PUBREL', 9)
        await home.settle()
        assert.equal(publisher.take('PUBCOMP').packetIdentifier, 9)
        assert.deepEqual(subscriber.messages(), [`open/a ${text}`])
      }
    }
  },
)

kept('4.3.3-9', '', 'after a PUBREC that refuses, the same identifier is a new message', async (bench) => {
  const home = bench.open()
  const subscriber = await home.connect(bench.client({ name: 'beta' }))
  await subscriber.subscribe('open/#', { qos: 2 })
  const publisher = await home.connect(bench.lasting())
  publisher.publish('closed/a', 'no', { qos: 2, packetIdentifier: 3 })
  await home.settle()
  assert.ok(publisher.take('PUBREC').reasonCode >= 0x80)
  publisher.publish('open/a', 'yes', { qos: 2, packetIdentifier: 3 })
  await home.settle()
  assert.equal(publisher.take('PUBREC').reasonCode, 0)
  answer(publisher, 'PUBREL', 3)
  await home.settle()
  assert.deepEqual(subscriber.messages(), ['open/a yes'])
})

kept(
  '4.3.3-7 4.3.3-13',
  '',
  'a QoS 2 message that was sent goes to its end although it expires meanwhile',
  async (bench) => {
    const home = bench.open()
    const publisher = await home.connect(bench.client())
    let client = await home.connect(bench.lasting({ name: 'beta' }))
    await client.subscribe('open/#', { qos: 2 })
    const id = publisher.publish('open/a', 'short', { qos: 2, properties: { messageExpiryIntervalSeconds: 5 } })
    await home.settle()
    // Expired before PUBREL: the exchange with the publisher is finished all the same.
    const late = publisher.publish('open/b', 'shorter', { qos: 2, properties: { messageExpiryIntervalSeconds: 1 } })
    answer(publisher, 'PUBREL', id)
    await home.settle()
    const sent = client.take('PUBLISH')
    await home.pass(60_000)
    answer(publisher, 'PUBREL', late)
    await home.settle()
    assert.deepEqual(
      publisher.packets().map(({ type }) => type),
      ['PUBREC', 'PUBREC', 'PUBCOMP', 'PUBCOMP'],
    )
    await lose(home, client)
    client = await home.connect(bench.lasting({ name: 'beta' }))
    await home.settle()
    assert.equal(client.take('PUBLISH').packetIdentifier, sent.packetIdentifier)
    answer(client, 'PUBREC', sent.packetIdentifier)
    await home.settle()
    assert.equal(client.take('PUBREL').packetIdentifier, sent.packetIdentifier)
  },
)

kept('4.4.0-2', '', 'what a client refuses with 0x80 or above is not sent again', async (bench) => {
  const home = bench.open()
  const publisher = await home.connect(bench.client())
  const client = await home.connect(bench.lasting({ name: 'beta' }))
  await client.subscribe('open/#', { qos: 2 })
  publisher.publish('open/a', 'one', { qos: 1 })
  await publishTwice(home, publisher, 'open/a', 'two')
  const [one, two] = client.publishes()
  answer(client, 'PUBACK', one?.packetIdentifier ?? 0, 0x83)
  answer(client, 'PUBREC', two?.packetIdentifier ?? 0, 0x97)
  await home.settle()
  assert.deepEqual(client.packets(), [])
  await lose(home, client)
  const back = await home.connect(bench.lasting({ name: 'beta' }))
  await home.settle()
  assert.deepEqual(back.packets(), [])
})

kept('4.5.0-1', '4.5.0-1', 'a message is added to every session that subscribed, connected or not', async (bench) => {
  const home = bench.open({ clients: ['alpha', 'beta', 'gamma', 'delta'] })
  const names = ['beta', 'gamma', 'delta']
  const clients = await Promise.all(names.map((name) => home.connect(bench.lasting({ name }))))
  for (const client of clients) await client.subscribe('open/#', { qos: 1 })
  const [, away] = clients
  if (away !== undefined) await leave(home, away)
  const publisher = await home.connect(bench.client())
  publisher.publish('open/a', 'all', { qos: 1 })
  await home.settle()
  publisher.take('PUBACK')
  // What was acknowledged survives the broker.
  home.world.kill(home.parts.node)
  const second = start({ ...home.parts, seed: 2 })
  for (const name of names) {
    const client = await second.connect(bench.lasting({ name }))
    await second.settle()
    assert.deepEqual(client.messages(), ['open/a all'], name)
  }
})

kept('4.6.0-1', '4.6.0-1', 'what is sent again comes in its first order', async (bench) => {
  const home = bench.open()
  const publisher = await home.connect(bench.client())
  let client = await home.connect(bench.lasting({ name: 'beta' }))
  await client.subscribe('open/#', { qos: 2 })
  const texts = Array.from({ length: 30 }, (_, i) => `${i}`)
  for (const text of texts) {
    if (Number(text) % 3 === 0) await publishTwice(home, publisher, 'open/a', text)
    else publisher.publish('open/a', text, { qos: 1 })
    await home.settle()
  }
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(
      client.messages(),
      texts.map((text) => `open/a ${text}`),
    )
    await lose(home, client)
    client = await home.connect(bench.lasting({ name: 'beta' }))
    await home.settle()
  }
})

kept(
  '4.6.0-2 4.6.0-3 4.6.0-4',
  '4.6.0-2 4.6.0-3 4.6.0-4',
  'PUBACK, PUBREC and PUBREL keep the order of what they answer',
  async (bench) => {
    for (const options of [bench.client(), bench.lasting()]) {
      const home = bench.open()
      const stored = await home.connect(bench.lasting({ name: 'beta' }))
      await stored.subscribe('open/stored', { qos: 2 })
      const publisher = await home.connect({ ...options, name: 'alpha' })
      const sent: Record<1 | 2, number[]> = { 1: [], 2: [] }
      // Some wait for the store, others need not.
      for (let i = 0; i < 40; i++) {
        const qos = i % 3 === 0 ? 2 : 1
        const id = publisher.publish(i % 2 === 0 ? 'open/stored' : 'open/nobody', `${i}`, { qos })
        sent[qos].push(id ?? 0)
      }
      await home.settle()
      const packets = publisher.packets()
      const idsOf = (type: string): number[] =>
        packets.flatMap((packet) =>
          packet.type === type && 'packetIdentifier' in packet ? [Number(packet.packetIdentifier)] : [],
        )
      assert.deepEqual(idsOf('PUBACK'), sent[1])
      assert.deepEqual(idsOf('PUBREC'), sent[2])
      for (const id of sent[2]) answer(publisher, 'PUBREL', id)
      await home.settle()
      const received = stored.publishes().filter(({ qos }) => qos === 2)
      for (const { packetIdentifier } of received) answer(stored, 'PUBREC', packetIdentifier)
      await home.settle()
      assert.deepEqual(
        stored.packets().map((packet) => ('packetIdentifier' in packet ? packet.packetIdentifier : 0)),
        received.map(({ packetIdentifier }) => packetIdentifier),
      )
    }
  },
)

kept(
  '4.6.0-5 4.6.0-6',
  '4.6.0-5 4.6.0-6',
  'messages of one client keep their order per topic and QoS, small window or large',
  async (bench) => {
    for (const options of bothKinds(bench)) {
      for (const receiveMaximum of [1, 7, 65_535]) {
        const home = bench.open({ limits: { maximumOutboundInflightMessages: receiveMaximum } })
        const client = await home.connect(options)
        await client.subscribe('open/#', { qos: 1 })
        const publishers = [await home.connect(bench.client()), await home.connect(bench.client({ name: 'gamma' }))]
        for (let i = 0; i < 60; i++) {
          for (const [who, publisher] of publishers.entries())
            publisher.publish(`open/${i % 2}`, `${who} ${i}`, { qos: 1 })
          if (i % 10 === 0) await home.settle()
        }
        const got: string[] = []
        for (let rounds = 0; got.length < 120 && rounds < 200; rounds++) {
          await home.settle()
          for (const { topicName, payload, packetIdentifier } of client.publishes()) {
            got.push(`${topicName} ${Buffer.from(payload).toString()}`)
            answer(client, 'PUBACK', packetIdentifier)
          }
        }
        for (const who of [0, 1]) {
          for (const topic of [0, 1]) {
            const expected = Array.from({ length: 60 }, (_, i) => i).filter((i) => i % 2 === topic)
            const mine = got
              .filter((line) => line.startsWith(`open/${topic} ${who} `))
              .map((line) => Number(line.split(' ')[2]))
            assert.deepEqual(mine, expected)
          }
        }
      }
    }
  },
)

const badFilters = ['open/#/a', 'open/a#', '#a', 'open/a+', 'open/+a', '++', 'open/##']
kept(
  '4.7.1-1 4.7.1-2',
  '4.7.1-2 4.7.1-3',
  'wildcards that do not stand alone in their level, or # before the end, are refused',
  async (bench) => {
    const home = bench.open()
    const client = await home.connect(bench.client())
    const { reasonCodes } = await client.subscribe(badFilters.map((topicFilter) => ({ topicFilter })))
    assert.ok(reasonCodes.every((code) => code >= 0x80))
    const good = await client.subscribe(['open/#', 'open/+', 'open/+/a/+/#'].map((topicFilter) => ({ topicFilter })))
    assert.ok(good.reasonCodes.every((code) => code < 0x80))
  },
)

kept(
  '4.7.2-1',
  '4.7.2-1',
  'a filter that begins with a wildcard matches no topic that begins with $',
  async (bench) => {
    const home = bench.open()
    home.namespace.space('dollar', '$app/#')
    home.namespace.space('everything', '#', '+/#')
    for (const space of ['dollar', 'everything']) {
      home.namespace.bind('$all', 'Publisher', space)
      home.namespace.bind('$all', 'Subscriber', space)
    }
    const client = await home.connect(bench.client())
    const { reasonCodes } = await client.subscribe(['#', '+/x', '+/#'].map((topicFilter) => ({ topicFilter })))
    assert.deepEqual(reasonCodes, [0, 0, 0])
    const other = await home.connect(bench.client({ name: 'beta' }))
    await other.subscribe('$app/#')
    client.publish('$app/x', 'x', { qos: 1 })
    await home.settle()
    assert.deepEqual(client.messages(), [])
    assert.deepEqual(other.messages(), ['$app/x x'])
  },
)

kept('4.7.3-1', '4.7.3-1', 'an empty filter is refused, an empty topic ends the connection', async (bench) => {
  const home = bench.open()
  // Only the syntax counts here.
  home.namespace.space('everything', '#')
  for (const permission of ['Publisher', 'Subscriber'] as const) home.namespace.bind('$all', permission, 'everything')
  const client = await home.connect(bench.client())
  const empty = client.subscribe('')
  const suback = await empty.catch(() => null)
  assert.ok(suback === null || suback.reasonCodes.every((code) => code >= 0x80))
  const other = await home.connect(bench.client({ name: 'beta' }))
  other.publish('', 'x')
  assert.ok(await isClosed(home, other))
})

kept('4.7.3-3', '4.7.3-3', 'topics and filters of 65,535 bytes work', async (bench) => {
  const home = bench.open()
  const longest = `open/${'é'.repeat(32_765)}`
  assert.equal(Buffer.byteLength(longest), 65_535)
  const client = await home.connect(bench.client())
  assert.deepEqual((await client.subscribe(longest)).reasonCodes, [0])
  client.publish(longest, 'x')
  await home.settle()
  assert.equal(client.publishes()[0]?.topicName, longest)
})

kept(
  '4.7.3-4',
  '4.7.3-4',
  'topics are matched as they are: case, forms of Unicode, empty levels and blanks count',
  async (bench) => {
    const home = bench.open()
    const client = await home.connect(bench.client())
    const topics = [
      'open/a',
      'open/A',
      'open//a',
      'open/a/',
      'open/a ',
      'open/\u00e9',
      'open/e\u0301',
      'open/..',
      'open/%61',
    ]
    for (const topicFilter of topics) {
      await client.subscribe(topicFilter)
      for (const topicName of topics) client.publish(topicName, 'x')
      await home.settle()
      assert.deepEqual(
        client.publishes().map(({ topicName }) => topicName),
        [topicFilter],
      )
      client.send({ type: 'UNSUBSCRIBE', packetIdentifier: 1, topicFilters: [topicFilter], properties: {} })
      await home.settle()
      client.take('UNSUBACK')
    }
  },
)

kept('4.8.2-3', '', 'each member of a share gets its messages with the QoS granted to it', async (bench) => {
  const home = bench.open()
  const members = [
    await home.connect(bench.client({ name: 'beta' })),
    await home.connect(bench.lasting({ name: 'gamma' })),
  ]
  for (const [index, member] of members.entries())
    await member.subscribe('$share/g/open/#', { qos: index === 0 ? 0 : 1 })
  const publisher = await home.connect(bench.client())
  for (let i = 0; i < 10; i++) await publishTwice(home, publisher, 'open/a', `${i}`)
  const got = members.map((member) => member.publishes())
  assert.equal((got[0]?.length ?? 0) + (got[1]?.length ?? 0), 10)
  for (const [index, publishes] of got.entries()) {
    assert.ok(publishes.length > 0)
    for (const { qos } of publishes) assert.equal(qos, index)
  }
})

kept(
  '4.8.2-4 4.8.2-5',
  '',
  'a QoS 2 delivery that began with one member stays with it, and goes with its session',
  async (bench) => {
    for (const comesBack of [true, false]) {
      const home = bench.open()
      const first = await home.connect(bench.lasting({ name: 'beta' }))
      await first.subscribe('$share/g/open/#', { qos: 2 })
      const publisher = await home.connect(bench.client())
      await publishTwice(home, publisher, 'open/a', 'begun')
      const { packetIdentifier } = first.take('PUBLISH')
      const other = await home.connect(bench.lasting({ name: 'gamma' }))
      await other.subscribe('$share/g/open/#', { qos: 2 })
      await lose(home, first)
      await home.pass(5_000)
      assert.deepEqual(other.messages(), [])
      const back = await home.connect(comesBack ? bench.lasting({ name: 'beta' }) : bench.client({ name: 'beta' }))
      await home.settle()
      const again = back.publishes()
      assert.deepEqual(
        again.map((packet) => packet.packetIdentifier),
        comesBack ? [packetIdentifier] : [],
      )
      await home.pass(700_000)
      assert.deepEqual(other.messages(), [])
    }
  },
)

kept('4.8.2-6', '', 'what a member refuses is offered to nobody else', async (bench) => {
  const home = bench.open()
  const members = [
    await home.connect(bench.lasting({ name: 'beta' })),
    await home.connect(bench.lasting({ name: 'gamma' })),
  ]
  for (const member of members) await member.subscribe('$share/g/open/#', { qos: 1 })
  const publisher = await home.connect(bench.client())
  publisher.publish('open/a', 'unwanted', { qos: 1 })
  await home.settle()
  const got = members.map((member) => member.publishes())
  const chosen = got.findIndex((publishes) => publishes.length === 1)
  const refuses = members[chosen] as (typeof members)[number]
  answer(refuses, 'PUBACK', got[chosen]?.[0]?.packetIdentifier ?? 0, 0x83)
  await home.settle()
  await lose(home, refuses)
  await home.pass(700_000)
  assert.deepEqual((members[1 - chosen] as (typeof members)[number]).messages(), [])
})

kept('4.9.0-1', '', 'the window is as wide as the Receive Maximum and opens again as answers come', async (bench) => {
  for (const options of bothKinds(bench)) {
    for (const receiveMaximum of [1, 3, 50]) {
      const home = bench.open()
      const client = await home.connect({ ...options, properties: { ...options.properties, receiveMaximum } })
      await client.subscribe('open/#', { qos: 1 })
      const publisher = await home.connect(bench.client())
      for (let i = 0; i < 120; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
      let count = 0
      for (let round = 0; round < 200 && count < 120; round++) {
        await home.settle()
        const publishes = client.publishes()
        assert.ok(publishes.length <= receiveMaximum && publishes.length > 0, `${publishes.length}`)
        count += publishes.length
        for (const { packetIdentifier } of publishes) answer(client, 'PUBACK', packetIdentifier)
      }
      assert.equal(count, 120)
    }
  }
})
