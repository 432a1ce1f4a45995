import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { element, objectIdentifier, sequence } from '../../src/x509/der-writer.ts'
import { forged, registerCa, registerClient } from '../setups/setup.ts'
import { MqttPeer } from '../support/mqtt-peer.ts'
import { runBroker, serverNameOf } from '../support/running-broker.ts'
import { authority, identified, key, leafExtensions, name, now } from '../x509/kit.ts'

test('S26: no CRL, OCSP or CA address in a certificate is ever fetched', async (t) => {
  const asked: string[] = []
  const listening = createServer((socket) => {
    asked.push('connection')
    socket.destroy()
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  t.after(() => listening.close())
  const { port } = listening.address() as { port: number }
  const uri = (path: string) => element(0x86, Buffer.from(`http://127.0.0.1:${port}/${path}`))
  const distributionPoint = sequence(sequence(element(0xa0, element(0xa0, uri('ca.crl')))))
  const access = (method: string, path: string) => sequence(objectIdentifier(`1.3.6.1.5.5.7.48.${method}`), uri(path))
  const extensions = leafExtensions(
    { oid: '2.5.29.31', critical: false, value: distributionPoint },
    { oid: '1.3.6.1.5.5.7.1.1', critical: false, value: sequence(access('1', 'ocsp'), access('2', 'ca.der')) },
  )
  const root = authority('CN=Plant Root', { key: key(0) })
  const device = forged(identified({ issuer: root, subject: name('CN=press-7'), key: key(5), extensions }))
  const broker = await runBroker(now)
  t.after(() => broker.stop())
  await broker.must('PUT', 'plant', { location: 'x', properties: { topicSpacesConfiguration: { state: 'Enabled' } } })
  for (const { method, path, body } of [registerCa('root', root), registerClient('press-7')]) {
    await broker.must(method, `plant${path}`, body)
  }
  for (const tls of ['TLSv1.2', 'TLSv1.3'] as const) {
    const peer = await MqttPeer.overTls(broker.mqtts, { serverName: serverNameOf('plant'), identity: device, tls }, 5)
    assert.equal((await peer.connect({ username: 'press-7' }))?.reasonCode, 0)
    await peer.leave()
  }
  assert.deepEqual(asked, [])
})
