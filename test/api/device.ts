import assert from 'node:assert/strict'
import { encodePacket } from '../../src/mqtt/encode.ts'
import type { ConnectPacket } from '../../src/mqtt/packet.ts'
import { readPem } from '../../src/x509/pem.ts'
import { type FakePeer, fakeTransport } from '../support/fake-transport.ts'
import type { TestApi } from './support.ts'

/** A device that connects with a certificate, without sockets. Resolves when the broker has answered or cut it. */
export async function connectDevice(
  api: TestApi,
  certificate: string,
  clientId: string,
  username = 'press',
): Promise<FakePeer> {
  const pem = readPem(certificate)
  assert.ok(pem.ok)
  const { transport, peer } = fakeTransport({ peerChain: pem.value.certificates, remoteAddress: '192.0.2.7' })
  api.broker.accept(transport)
  const answered = Promise.withResolvers<void>()
  peer.onReceive = answered.resolve
  const connect: ConnectPacket = {
    type: 'CONNECT',
    protocolVersion: 5,
    cleanStart: true,
    keepAliveSeconds: 0,
    clientId,
    username,
    password: null,
    will: null,
    properties: { sessionExpiryIntervalSeconds: 600 },
  }
  peer.send(encodePacket(connect, 5))
  await answered.promise
  return peer
}
