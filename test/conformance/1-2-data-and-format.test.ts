import assert from 'node:assert/strict'
import { connectBytes, isClosed, kept, text } from './kit.ts'

const illFormed: Readonly<Record<string, readonly number[]>> = {
  'a stray byte': [0x61, 0xff],
  'an overlong form': [0xc0, 0xaf],
  'a surrogate': [0xed, 0xa0, 0x80],
  'a cut sequence': [0xe2, 0x82],
}

for (const [what, bytes] of Object.entries(illFormed)) {
  kept('1.5.4-1 3.1.3-4', '1.5.3-1 3.1.3-4', `a Client Identifier with ${what} ends the connection`, async (bench) => {
    const home = bench.open()
    const client = home.open(bench.client())
    client.peer.send(connectBytes(bench.version, { payload: [...text(bytes), ...text('alpha')] }))
    assert.ok(await isClosed(home, client))
    assert.equal(home.broker.operations.stats().namespaces[0]?.online, 0)
  })
}

kept('1.5.4-2 4.7.3-2', '1.5.3-2 4.7.3-2', 'U+0000 in a filter ends the connection', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  client.raw(0x82, bench.version === 5 ? 9 : 8, 0, 1, ...(bench.version === 5 ? [0] : []), 0, 3, 0x61, 0, 0x62, 0)
  assert.ok(await isClosed(home, client))
})

kept('1.5.4-3', '1.5.3-3', 'U+FEFF at the start of a topic stays part of it', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  await client.subscribe([{ topicFilter: 'open/\ufeffa' }])
  client.publish('open/a', 'without')
  client.publish('open/\ufeffa', 'with')
  await home.settle()
  assert.deepEqual(client.messages(), ['open/\ufeffa with'])
})

kept('2.1.3-1 4.13.1-1', '2.2.2-1 2.2.2-2 4.8.0-1', 'reserved flags that are set end the connection', async (bench) => {
  for (const first of [0xc1, 0x42, 0x60, 0x80, 0xa0, 0xe1]) {
    const home = bench.open()
    const client = await home.connect(bench.client())
    client.raw(first, 0)
    assert.ok(await isClosed(home, client), first.toString(16))
  }
})

kept('2.2.1-2', '2.3.1-5', 'a PUBLISH with QoS 0 carries no identifier in either direction', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  await client.subscribe('open/#', { qos: 2 })
  // The two bytes that would be an identifier are payload.
  const properties = bench.version === 5 ? [0] : []
  client.raw(0x30, 12 + properties.length, ...text('open/a'), ...properties, 0, 7, 0x78, 0x79)
  await home.settle()
  const [delivered] = client.publishes()
  assert.equal(delivered?.packetIdentifier, null)
  assert.deepEqual([...(delivered?.payload ?? [])], [0, 7, 0x78, 0x79])
})

kept(
  '2.2.1-4 4.3.2-1',
  '2.3.1-4 4.3.2-1',
  'identifiers of what is under way are all different and not 0',
  async (bench) => {
    for (const options of [bench.client({ name: 'beta' }), bench.lasting({ name: 'beta' })]) {
      const home = bench.open()
      const subscriber = await home.connect(options)
      await subscriber.subscribe('open/#', { qos: 1 })
      const publisher = await home.connect(bench.client())
      for (let i = 0; i < 200; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
      await home.settle()
      const first = subscriber.publishes().map(({ packetIdentifier }) => packetIdentifier)
      assert.equal(new Set(first).size, 200)
      assert.ok(!first.includes(0))
      for (const id of first.slice(0, 100)) {
        subscriber.send({ type: 'PUBACK', packetIdentifier: id as number, reasonCode: 0, properties: {} })
      }
      for (let i = 0; i < 100; i++) publisher.publish('open/a', `${i}`, { qos: 1 })
      await home.settle()
      const second = subscriber.publishes().map(({ packetIdentifier }) => packetIdentifier)
      assert.equal(second.length, 100)
      for (const id of second) assert.ok(!first.slice(100).includes(id), `${id} is still under way`)
    }
  },
)

kept('2.2.2-1', '', 'packets without properties have a Property Length of 0', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  await client.subscribe('open/#')
  client.publish('open/a', 'x')
  await home.settle()
  const bytes = client.peer.take()
  assert.deepEqual([...bytes], [0x30, 10, ...text('open/a'), 0, 0x78])
})

kept('4.13.1-1', '4.8.0-1', 'packets that a client may not send end the connection', async (bench) => {
  // CONNACK, SUBACK, UNSUBACK, PINGRESP, packet type 0.
  for (const bytes of [
    [0x20, 2, 0, 0],
    [0x90, 3, 0, 1, 0],
    [0xb0, 2, 0, 1],
    [0xd0, 0],
    [0x00, 0],
  ]) {
    const home = bench.open()
    const client = await home.connect(bench.client())
    const neighbour = await home.connect(bench.client({ name: 'beta' }))
    client.raw(...bytes)
    assert.ok(await isClosed(home, client), bytes.join(' '))
    assert.equal(neighbour.peer.ended, null)
  }
})

kept(
  '4.13.2-1 3.14.4-1 3.14.4-2',
  '',
  'after the DISCONNECT of the server nothing comes and the connection is closed',
  async (bench) => {
    const home = bench.open()
    const client = await home.connect(bench.client())
    await client.subscribe('open/#', { qos: 1 })
    const other = await home.connect(bench.client({ name: 'beta' }))
    client.raw(0x00, 0)
    client.raw(0xc0, 0)
    other.publish('open/a', 'too late', { qos: 1 })
    assert.ok(await isClosed(home, client))
    assert.deepEqual(
      client.packets().map(({ type }) => type),
      ['DISCONNECT'],
    )
  },
)

kept('', '4.8.0-2', 'a store that fails while a packet is served ends the connection unanswered', async (bench) => {
  const home = bench.open()
  await home.connect(bench.lasting({ name: 'beta' })).then((subscriber) => subscriber.subscribe('open/#', { qos: 1 }))
  const client = await home.connect(bench.client())
  home.world.fault(home.parts.node, 'refuse')
  client.publish('open/a', 'x', { qos: 1 })
  await home.pass(30_000)
  assert.ok(await isClosed(home, client))
  assert.deepEqual(client.packets(), [])
})
