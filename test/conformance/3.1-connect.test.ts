import assert from 'node:assert/strict'
import { ReasonCode, ReturnCode } from '../../src/mqtt/reason-code.ts'
import { answer, connectBytes, isClosed, kept, leave, lose, text, typesOf, will } from './kit.ts'

kept('3.1.0-2', '3.1.0-2', 'a second CONNECT ends the connection', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client())
  client.send(client.connectPacket())
  assert.ok(await isClosed(home, client))
  assert.ok(!typesOf(client.packets()).includes('CONNACK'))
})

kept('3.1.2-1', '3.1.2-1', 'a protocol name that is not MQTT is not served', async (bench) => {
  const home = bench.open()
  const client = home.open(bench.client())
  client.peer.send(connectBytes(bench.version, { name: 'mqtt', payload: [...text('alpha'), ...text('alpha')] }))
  assert.ok(await isClosed(home, client))
  assert.deepEqual(home.eventsOf('sessionOpened'), [])
})

kept(
  '3.1.2-4 3.1.4-4 3.2.2-2',
  '3.1.2-6 3.1.4-3 3.2.2-1',
  'a clean start throws away session, subscriptions and queue',
  async (bench) => {
    const home = bench.open()
    const first = await home.connect(bench.lasting())
    await first.subscribe('open/#', { qos: 1 })
    await lose(home, first)
    const other = await home.connect(bench.client({ name: 'beta' }))
    other.publish('open/a', 'queued', { qos: 1 })
    await home.settle()
    const second = home.open(bench.client())
    assert.equal((await second.connect()).sessionPresent, false)
    other.publish('open/a', 'later', { qos: 1 })
    await home.settle()
    assert.deepEqual(second.messages(), [])
  },
)

kept(
  '3.1.2-5 3.2.2-3',
  '3.1.2-4 3.1.2-5 3.2.2-2',
  'without a clean start the session goes on with its subscriptions and its queue',
  async (bench) => {
    const home = bench.open()
    const first = await home.connect(bench.lasting())
    await first.subscribe('open/#', { qos: 2 })
    await leave(home, first)
    const other = await home.connect(bench.client({ name: 'beta' }))
    other.publish('open/a', 'one', { qos: 1 })
    const id = other.publish('open/a', 'two', { qos: 2 })
    await home.settle()
    answer(other, 'PUBREL', id)
    await home.settle()
    const second = home.open(bench.lasting())
    assert.equal((await second.connect()).sessionPresent, true)
    await home.settle()
    assert.deepEqual(second.messages(), ['open/a one', 'open/a two'])
  },
)

kept(
  '3.1.2-6 3.2.2-3',
  '3.1.2-4 3.2.2-3',
  'without a clean start and without a session a new one is made, and kept',
  async (bench) => {
    const home = bench.open()
    const first = home.open(bench.lasting())
    assert.equal((await first.connect()).sessionPresent, false)
    await lose(home, first)
    const second = home.open(bench.lasting())
    assert.equal((await second.connect()).sessionPresent, true)
  },
)

kept('', '3.1.2-6', 'a clean session ends with its connection', async (bench) => {
  const home = bench.open()
  const first = await home.connect(bench.client())
  await first.subscribe('open/#', { qos: 1 })
  await lose(home, first)
  assert.deepEqual(home.broker.operations.sessions({ namespace: home.namespace.id, after: null, limit: 9 }), [])
  const second = home.open(bench.lasting())
  assert.equal((await second.connect()).sessionPresent, false)
})

kept(
  '3.1.3-2',
  '3.1.3-2',
  'the same client has one session per Client Identifier, compared byte for byte',
  async (bench) => {
    const home = bench.open()
    for (const clientId of ['s1', 'S1', 's1 ']) {
      const client = await home.connect(bench.lasting({ clientId }))
      await client.subscribe(`open/${clientId.trim()}`, { qos: 1 })
      await lose(home, client)
    }
    assert.equal(home.broker.operations.sessions({ namespace: home.namespace.id, after: null, limit: 9 }).length, 3)
    const again = home.open(bench.lasting({ clientId: 'S1' }))
    assert.equal((await again.connect()).sessionPresent, true)
    again.publish('open/s1', 'not mine', { qos: 1 })
    again.publish('open/S1', 'mine', { qos: 1 })
    await home.settle()
    assert.deepEqual(again.messages(), ['open/S1 mine'])
  },
)

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
kept(
  '3.1.3-5 3.1.3-3',
  '3.1.3-5 3.1.3-3',
  'Client Identifiers of 1 to 23 letters and digits are accepted',
  async (bench) => {
    for (const profile of ['full', 'event-grid'] as const) {
      const home = bench.open({ profile })
      for (const clientId of ['a', '0', letters.slice(0, 23), letters.slice(39)]) {
        const client = await home.connect(bench.client({ clientId }))
        await leave(home, client)
        await home.pass(2_000)
      }
    }
  },
)

kept(
  '3.1.3-6 3.1.3-7 3.2.2-16',
  '3.1.3-6',
  'an empty Client Identifier gets one that nobody else has',
  async (bench) => {
    const home = bench.open()
    const clients = [home.open(bench.client({ clientId: '' })), home.open(bench.client({ clientId: '' }))]
    for (const client of clients) {
      const connack = await client.connect()
      assert.equal(connack.reasonCode, 0)
      if (bench.version === 4) continue
      const assigned = connack.properties.assignedClientIdentifier
      assert.ok(home.eventsOf('sessionOpened').some(({ clientId }) => clientId === assigned))
    }
    const names = home.eventsOf('sessionOpened').map(({ clientId }) => clientId)
    assert.equal(new Set(names).size, 2)
    assert.ok(!names.includes(''))
    for (const client of clients) assert.equal(client.peer.ended, null)
  },
)

kept(
  '3.1.3-8 4.13.2-1',
  '3.1.3-9 3.2.2-5',
  'a Client Identifier over the limit is refused by its own code, then closed',
  async (bench) => {
    const home = bench.open({ profile: 'event-grid' })
    const client = home.open(bench.client({ clientId: 'x'.repeat(129) }))
    const { reasonCode } = await client.connect()
    assert.equal(reasonCode, bench.version === 5 ? ReasonCode.ClientIdentifierNotValid : ReturnCode.IdentifierRejected)
    assert.ok(await isClosed(home, client))
  },
)

const malformed: Readonly<Record<string, { readonly flags: number; readonly payload: readonly number[] }>> = {
  'User Name Flag without User Name': { flags: 0x82, payload: text('alpha') },
  'User Name without its flag': { flags: 0x02, payload: [...text('alpha'), ...text('alpha')] },
  'Password Flag without Password': { flags: 0xc2, payload: [...text('alpha'), ...text('alpha')] },
  'Password without its flag': { flags: 0x82, payload: [...text('alpha'), ...text('alpha'), ...text('secret')] },
  'no Client Identifier at all': { flags: 0x02, payload: [] },
}
const idsOf: Readonly<Record<string, readonly [string, string]>> = {
  'User Name Flag without User Name': ['3.1.2-17', '3.1.2-19'],
  'User Name without its flag': ['3.1.2-16', '3.1.2-18'],
  'Password Flag without Password': ['3.1.2-19', '3.1.2-21'],
  'Password without its flag': ['3.1.2-18', '3.1.2-20'],
  'no Client Identifier at all': ['3.1.3-3', '3.1.3-3'],
}
for (const [what, facts] of Object.entries(malformed)) {
  const [five, four] = idsOf[what] as readonly [string, string]
  kept(
    `${five} 3.1.4-1`,
    `${four} 3.1.4-1`,
    `CONNECT with ${what} ends the connection, in 3.1.1 without CONNACK`,
    async (bench) => {
      const home = bench.open()
      const client = home.open(bench.client())
      client.peer.send(connectBytes(bench.version, facts))
      assert.ok(await isClosed(home, client))
      const packets = client.packets()
      if (bench.version === 4) assert.deepEqual(packets, [])
      else
        assert.ok(
          packets.every((packet) => packet.type === 'CONNACK' && packet.reasonCode === ReasonCode.MalformedPacket),
        )
      assert.deepEqual(home.eventsOf('sessionOpened'), [])
    },
  )
}

kept(
  '3.1.3-1 3.1.2-9 3.1.2-17 3.1.2-19',
  '3.1.3-1 3.1.2-9 3.1.2-19 3.1.2-21',
  'the payload is read in its order: Client Identifier, will, User Name, Password',
  async (bench) => {
    const home = bench.open()
    const watcher = await home.connect(bench.client({ name: 'beta' }))
    await watcher.subscribe('open/#')
    const client = home.open(bench.client())
    const properties = bench.version === 5 ? [0] : []
    const payload = [text('c1'), properties, text('open/w'), text('last words'), text('alpha'), text('secret')].flat()
    client.peer.send(connectBytes(bench.version, { flags: 0xc6, payload }))
    await home.settle()
    assert.equal(client.take('CONNACK').reasonCode, 0)
    const [opened] = home.eventsOf('sessionOpened').slice(-1)
    assert.equal(opened?.clientId, 'c1')
    assert.equal(opened?.authenticationName, 'alpha')
    await lose(home, client)
    assert.deepEqual(watcher.messages(), ['open/w last words'])
  },
)

kept('3.1.2-9', '3.1.2-9', 'a will whose fields are missing ends the connection', async (bench) => {
  const properties = bench.version === 5 ? [0] : []
  const complete = [...text('alpha'), ...properties, ...text('open/w'), ...text('m')]
  for (let length = text('alpha').length; length < complete.length; length++) {
    const home = bench.open()
    const client = home.open(bench.client())
    client.peer.send(connectBytes(bench.version, { flags: 0x06, payload: complete.slice(0, length) }))
    assert.ok(await isClosed(home, client), `${length} bytes`)
  }
})

kept('3.1.2-11 3.1.2-13', '3.1.2-11', 'will settings without a will end the connection', async (bench) => {
  for (const flags of [0x8a, 0x92, 0xa2]) {
    const home = bench.open()
    const client = home.open(bench.client())
    client.peer.send(connectBytes(bench.version, { flags, payload: [...text('alpha'), ...text('alpha')] }))
    assert.ok(await isClosed(home, client), flags.toString(16))
  }
})

kept(
  '3.1.4-2 3.2.2-7 3.1.4-6',
  '3.2.2-5 3.1.4-5',
  'whoever is refused is closed, and what he sent behind CONNECT is not served',
  async (bench) => {
    const home = bench.open()
    const watcher = await home.connect(bench.client({ name: 'beta' }))
    await watcher.subscribe('open/#')
    const client = home.open(bench.client({ name: 'nobody' }))
    client.send(client.connectPacket())
    client.publish('open/a', 'sneaked in')
    client.send({ type: 'PINGREQ' })
    assert.ok(await isClosed(home, client))
    const packets = client.packets()
    assert.deepEqual(typesOf(packets), ['CONNACK'])
    assert.deepEqual(watcher.messages(), [])
  },
)

kept('3.1.4-3', '3.1.4-2', 'a new connection under the Client Identifier closes the old one', async (bench) => {
  const home = bench.open()
  const old = await home.connect(bench.lasting())
  const young = await home.connect(bench.lasting())
  assert.ok(await isClosed(home, old))
  const said = old.packets()
  if (bench.version === 5)
    assert.equal(said[0]?.type === 'DISCONNECT' && said[0].reasonCode, ReasonCode.SessionTakenOver)
  else assert.deepEqual(said, [])
  young.send({ type: 'PINGREQ' })
  await home.settle()
  assert.equal(young.take('PINGRESP').type, 'PINGRESP')
})

kept(
  '3.1.4-5 3.2.0-1 3.2.0-2',
  '3.1.4-4 3.2.0-1',
  'CONNACK comes first and once, whatever else is due',
  async (bench) => {
    const home = bench.open()
    const first = await home.connect(bench.lasting())
    await first.subscribe('open/#', { qos: 1 })
    await lose(home, first)
    const other = await home.connect(bench.client({ name: 'beta' }))
    for (let i = 0; i < 5; i++) other.publish('open/a', `${i}`, { qos: 1 })
    await home.settle()
    const second = home.open(bench.lasting())
    second.send(second.connectPacket())
    second.send({ type: 'PINGREQ' })
    await home.settle()
    const types = typesOf(second.packets())
    assert.equal(types[0], 'CONNACK')
    assert.equal(types.filter((type) => type === 'CONNACK').length, 1)
    assert.equal(types.filter((type) => type === 'PUBLISH').length, 5)
  },
)

kept('3.1.2-22 3.2.2-22', '3.1.2-24', 'Keep Alive is kept as the client asked for it', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client({ keepAliveSeconds: 20 }))
  for (let i = 0; i < 4; i++) {
    await home.pass(28_000)
    assert.equal(client.peer.ended, null)
    client.send({ type: 'PINGREQ' })
  }
  await home.pass(31_500)
  assert.ok(await isClosed(home, client))
})

kept(
  '3.1.2-7 3.1.2-8 3.1.2-14',
  '3.1.2-8 3.1.2-16 3.1.2-9',
  'the will is published when the connection is lost, with its QoS and without RETAIN',
  async (bench) => {
    const home = bench.open()
    const watcher = await home.connect(bench.client({ name: 'beta' }))
    await watcher.subscribe('open/#', { qos: 2 })
    const client = await home.connect(bench.client({ will: will({ qos: 1 }) }))
    await home.settle()
    assert.deepEqual(watcher.messages(), [])
    await lose(home, client)
    const [published] = watcher.publishes()
    assert.equal(published?.qos, 1)
    assert.equal(published?.retain, false)
    const late = await home.connect(bench.client({ name: 'gamma' }))
    await late.subscribe('open/#')
    await home.settle()
    assert.deepEqual(late.messages(), [])
  },
)

kept('3.1.2-15', '3.1.2-17', 'a will with RETAIN is published as a retained message', async (bench) => {
  const home = bench.open()
  const client = await home.connect(bench.client({ will: will({ qos: 1, retain: true }) }))
  await lose(home, client)
  const late = await home.connect(bench.client({ name: 'gamma' }))
  await late.subscribe('open/#', { qos: 1 })
  await home.settle()
  const [retained] = late.publishes()
  assert.equal(retained?.retain, true)
  assert.equal(Buffer.from(retained?.payload ?? []).toString(), 'gone')
})

kept(
  '3.1.2-10 3.14.4-3',
  '3.1.2-10 3.14.4-3',
  'DISCONNECT removes the will, and a will that was published does not come again',
  async (bench) => {
    const home = bench.open()
    const watcher = await home.connect(bench.client({ name: 'beta' }))
    await watcher.subscribe('open/#')
    await leave(home, await home.connect(bench.lasting({ will: will() })))
    await home.pass(700_000)
    assert.deepEqual(watcher.messages(), [])
    const again = await home.connect(bench.lasting({ will: will({ payload: Buffer.from('once') }) }))
    await lose(home, again)
    assert.deepEqual(watcher.messages(), ['open/will once'])
    await leave(home, await home.connect(bench.lasting()))
    await home.pass(700_000)
    assert.deepEqual(watcher.messages(), [])
  },
)

kept('', '3.1.2-12', 'without a will nothing is published at the end', async (bench) => {
  const home = bench.open()
  const watcher = await home.connect(bench.client({ name: 'beta' }))
  await watcher.subscribe('open/#')
  await lose(home, await home.connect(bench.client({ will: will() })))
  assert.equal(watcher.messages().length, 1)
  await lose(home, await home.connect(bench.client()))
  await home.pass(5_000)
  assert.deepEqual(watcher.messages(), [])
})

kept('3.1.3-10', '', 'User Properties of a will keep their order', async (bench) => {
  const home = bench.open()
  const watcher = await home.connect(bench.client({ name: 'beta' }))
  await watcher.subscribe('open/#')
  const userProperties = [
    ['b', '1'],
    ['a', '2'],
    ['b', '3'],
    ['', ''],
  ] as const
  await lose(home, await home.connect(bench.client({ will: will({ properties: { userProperties } }) })))
  assert.deepEqual(watcher.publishes()[0]?.properties.userProperties, userProperties)
})

kept(
  '3.1.2-23 4.1.0-1 4.1.0-2',
  '4.1.0-1 4.1.0-2',
  'a session lasts while it is connected and until its interval has passed',
  async (bench) => {
    const home = bench.open()
    const client = await home.connect(bench.lasting())
    await client.subscribe('open/#', { qos: 1 })
    // Longer than any interval: connected.
    await home.pass(5_000_000)
    client.publish('open/a', 'still here', { qos: 1 })
    await home.settle()
    assert.deepEqual(client.messages(), ['open/a still here'])
    await lose(home, client)
    const seconds = bench.version === 5 ? 600 : home.namespace.maximumSessionExpirySeconds
    await home.pass(seconds * 1_000 - 5_000)
    const second = home.open(bench.lasting())
    assert.equal((await second.connect()).sessionPresent, true)
    await lose(home, second)
    await home.pass(seconds * 1_000 + 2_000)
    const third = home.open(bench.lasting())
    assert.equal((await third.connect()).sessionPresent, false)
  },
)
