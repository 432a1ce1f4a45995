import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { Visitor } from '../listeners/door.ts'
import { frame, Opcode, openPeer, openWebDoor, RawPeer, upgradeLines } from '../listeners/web-door.ts'

/** A WebSocket knows no version: both are carried alike. */
for (const version of [5, 4] as const) {
  const prefix = version === 5 ? 'MQTT' : 'MQTT311'
  const name = version === 5 ? '5' : '3.1.1'
  const bytes = Buffer.concat([
    encodePacket(
      {
        type: 'CONNECT',
        protocolVersion: version,
        cleanStart: true,
        keepAliveSeconds: 30,
        clientId: 'c1',
        username: 'alpha',
        password: null,
        will: null,
        properties: {},
      },
      version,
    ),
    encodePacket({ type: 'PINGREQ' }, version),
    encodePacket({ type: 'PINGREQ' }, version),
  ])

  const received = async ({ chunks }: Visitor): Promise<Buffer> => {
    let all = Buffer.alloc(0)
    while (all.length < bytes.length) all = Buffer.concat([all, await chunks.next()])
    return all
  }

  test(`[${prefix}-6.0.0-1] packets are taken from binary messages, a text message ends the connection, version ${name}`, async (t) => {
    const door = await openWebDoor(t, { echo: false })
    const binary = await openPeer(t, door)
    const visitor = await door.visitors.next()
    binary.send(frame(Opcode.Binary, bytes))
    assert.deepEqual(await received(visitor), bytes)
    const text = await openPeer(t, door)
    const other = await door.visitors.next()
    text.send(frame(Opcode.Text, 'MQTT'))
    await text.ended()
    assert.equal(other.chunks.size, 0)
  })

  test(`[${prefix}-6.0.0-2] one message may hold several packets, or a part of one, version ${name}`, async (t) => {
    const door = await openWebDoor(t, { echo: false })
    for (const length of [1, 3, bytes.length - 1, bytes.length]) {
      const peer = await openPeer(t, door)
      const visitor = await door.visitors.next()
      for (let at = 0; at < bytes.length; at += length) {
        peer.send(frame(Opcode.Binary, bytes.subarray(at, at + length)))
      }
      assert.deepEqual(await received(visitor), bytes)
    }
  })

  test(`[${prefix}-6.0.0-4] the sub-protocol that is selected is mqtt, version ${name}`, async (t) => {
    const door = await openWebDoor(t)
    const peer = new RawPeer(t, door.listening.port)
    const { status, head } = await peer.request(upgradeLines({ 'Sec-WebSocket-Protocol': 'mqttv3.1, mqtt' }))
    assert.equal(status, 101)
    assert.match(head, /^sec-websocket-protocol: mqtt\r$/im)
  })
}
