import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { UnixSeconds } from '../../src/base/time.ts'
import { createRevocationList } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { forged, registerCa, registerClient } from '../setups/setup.ts'
import { type Identity, MqttPeer } from '../support/mqtt-peer.ts'
import { type RunningBroker, runBroker, serverNameOf } from '../support/running-broker.ts'
import { authority, from, identified, key, leafExtensions, name, now, pem } from '../x509/kit.ts'

/** Revocation of clients that are connected, over real TLS, on every door. */

const root = authority('CN=Plant Root', { key: key(0) })
const names = ['lost', 'kept'] as const

function device(who: string, serialNumber: bigint, keyIndex: number): Identity {
  const fields = { issuer: root, subject: name(`CN=${who}`), serialNumber, key: key(keyIndex) }
  return forged(identified({ ...fields, extensions: leafExtensions() }))
}

const identities = { lost: device('lost', 0x51n, 5), kept: device('kept', 0x52n, 6) }

function list(crlNumber: bigint, revoked: readonly bigint[], nextUpdate: UnixSeconds): unknown {
  const entries = revoked.map((serialNumber) => ({ serialNumber, revokedAt: from(-60) }))
  const thisUpdate = from(-60 + Number(crlNumber))
  const der = createRevocationList({ issuer: root, thisUpdate, nextUpdate, crlNumber, revoked: entries })
  return { properties: { encodedRevocationList: toPem('X509 CRL', der) } }
}

const doors = {
  'TLS 1.3, MQTT 5': (broker: RunningBroker, who: Identity) =>
    MqttPeer.overTls(broker.mqtts, { serverName: serverNameOf('plant'), identity: who, tls: 'TLSv1.3' }, 5),
  'TLS 1.2, MQTT 3.1.1': (broker: RunningBroker, who: Identity) =>
    MqttPeer.overTls(broker.mqtts, { serverName: serverNameOf('plant'), identity: who, tls: 'TLSv1.2' }, 4),
  'WebSocket, MQTT 5': (broker: RunningBroker, who: Identity) =>
    MqttPeer.overWebSocket(broker.wss, { serverName: serverNameOf('plant'), identity: who, tls: 'TLSv1.3' }, null, 5),
} as const

type Peers = Record<(typeof names)[number], MqttPeer>

async function plant(t: TestContext, policy = 'warn') {
  const broker = await runBroker(now)
  t.after(() => broker.stop())
  const properties = {
    topicSpacesConfiguration: { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 9 },
    sealgate: { staleRevocationLists: policy },
  }
  await broker.must('PUT', 'plant', { location: 'x', properties })
  for (const { method, path, body } of [registerCa('root', root), ...names.map((who) => registerClient(who))]) {
    await broker.must(method, `plant${path}`, body)
  }
  const connect = async (open: (typeof doors)[keyof typeof doors], clientId: string): Promise<Peers> => {
    const peers = await Promise.all(
      names.map(async (who) => {
        const peer = await open(broker, identities[who])
        t.after(() => peer.destroy())
        assert.equal((await peer.connect({ username: who, clientId: `${clientId} ${who}` }))?.reasonCode, 0)
        return [who, peer] as const
      }),
    )
    return Object.fromEntries(peers) as Peers
  }
  return { broker, connect }
}

/** What an ended session is told: DISCONNECT 0x87, or in version 3.1.1 nothing. */
async function isEnded(peer: MqttPeer): Promise<void> {
  const last = await peer.next()
  if (peer.version === 5) {
    assert.equal(last?.type === 'DISCONNECT' ? last.reasonCode : last?.type, 0x87)
    assert.equal(await peer.next(), null)
  } else assert.equal(last, null)
}

async function isAlive(peer: MqttPeer): Promise<void> {
  peer.send({ type: 'PINGREQ' })
  assert.equal((await peer.next())?.type, 'PINGRESP')
}

for (const [door, open] of Object.entries(doors)) {
  test(`S22 S25: ${door}: a deny entry and a revocation list end the session and nobody else's`, async (t) => {
    const { broker, connect } = await plant(t)
    const denied = await connect(open, 'denied')
    const entry = { properties: { encodedCertificate: pem(identities.lost.certificate) } }
    await broker.must('PUT', 'plant/sealgateDenyEntries/lost-7', entry)
    await isEnded(denied.lost)
    await isAlive(denied.kept)
    await broker.must('DELETE', 'plant/sealgateDenyEntries/lost-7')
    const listed = await connect(open, 'listed')
    await broker.must('PUT', 'plant/sealgateRevocationLists/root', list(1n, [0x51n], from(600)))
    await isEnded(listed.lost)
    for (const { kept } of [denied, listed]) await isAlive(kept)
    const again = await open(broker, identities.lost)
    t.after(() => again.destroy())
    assert.equal((await again.connect({ username: 'lost' }))?.reasonCode, again.version === 5 ? 0x87 : 5)
  })
}

test('S25: where a stale list refuses, sessions that were there before the list end with it, and a new list keeps them', async (t) => {
  const { broker, connect } = await plant(t, 'refuse')
  const peers = await connect(doors['TLS 1.3, MQTT 5'], 'before')
  await broker.must('PUT', 'plant/sealgateRevocationLists/root', list(1n, [], from(600)))
  await broker.must('PUT', 'plant/sealgateRevocationLists/root', list(2n, [0x51n], from(1_200)))
  await isEnded(peers.lost)
  broker.setClock(from(700))
  await isAlive(peers.kept)
  broker.setClock(from(1_201))
  await isEnded(peers.kept)
})
