import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, type TestContext, test } from 'node:test'
import type { ConnackPacket, ConnectPacket, ProtocolVersion } from '../../src/mqtt/packet.ts'
import { createSelfSigned, issueCertificate } from '../../src/x509/issue.ts'
import { type Identity, MqttPeer, type TlsVersion } from '../support/mqtt-peer.ts'
import { type RunningBroker, runBroker, serverNameOf } from '../support/running-broker.ts'
import { authority, day, from, general, key, name, now, pem, valid } from '../x509/kit.ts'

/**
 * Appendix A of what is known of Event Grid's certificate authentication: one namespace and 26 ways to come to it, each
 * over a real socket with both TLS versions and both MQTT versions. test/auth/vectors.test.ts has the same for the
 * decision alone.
 */

const R = authority('CN=R', { key: key(0) })
const I1 = authority('CN=I1', { key: key(1), issuer: R })
const I2 = authority('CN=I2', { key: key(2), issuer: R })
const stranger = authority('CN=I1', { key: key(3) })

type Leaf = Omit<Parameters<typeof issueCertificate>[0], 'subject' | 'notBefore' | 'notAfter' | 'key'>

function issued(subject: string, { issuer, ...more }: Leaf, sent: readonly Uint8Array[] = [], validity = valid) {
  const { certificate } = issueCertificate({ ...validity, subject: name(subject), key: key(9), issuer, ...more })
  return { certificate: certificate.der, sent, key: key(9) }
}

function selfSigned(subject: string, index: number): Identity {
  const { certificate } = createSelfSigned({ ...valid, subject: name(subject), key: key(index) })
  return { certificate: certificate.der, sent: [], key: key(index) }
}

const alpha = issued('CN=Alpha', { issuer: I1 })
const alphaBravo = issued('CN=Alpha', { issuer: I1, subjectAltNames: [general('dNSName', 'bravo.example')] })
const bravo = issued('CN=b', { issuer: I1, subjectAltNames: [general('dNSName', 'bravo.example')] })
const alphaUnknown = issued('CN=Alpha', { issuer: I1, subjectAltNames: [general('dNSName', 'unknown')] })
const address = issued('CN=x', { issuer: I1, subjectAltNames: [general('iPAddress', '10.0.0.7')] })
const urn = issued('', { issuer: I1, subjectAltNames: [general('uniformResourceIdentifier', 'urn:dev:7')] })
const email = issued('CN=x', { issuer: I1, subjectAltNames: [general('rfc822Name', 'e@x.example')] })
const [h1, h2, h3] = [5, 6, 7].map((index) => selfSigned('CN=anything', index)) as [Identity, Identity, Identity]
const expiry = { notBefore: from(-2 * day), notAfter: from(-day) }

const namespaces = { usual: {}, root: { withRoot: true }, bare: { sources: [] as string[] } } as const
type Situation = keyof typeof namespaces

interface Vector {
  readonly number: number
  readonly says: string
  readonly shows: Identity | null
  readonly username: string | null
  /** Authentication name of the client that is accepted, or the code of the refusal. */
  readonly accepts?: string
  readonly refuses?: string
  readonly namespace?: Situation
}

const vectors: readonly Vector[] = [
  { number: 1, says: 'CN and Username agree', shows: alpha, username: 'Alpha', accepts: 'Alpha' },
  { number: 2, says: 'the Username in capitals', shows: alpha, username: 'ALPHA', accepts: 'Alpha' },
  { number: 3, says: 'no DNS entry, so the subject names', shows: alpha, username: null, accepts: 'Alpha' },
  { number: 4, says: 'the DNS entry names first', shows: alphaBravo, username: null, accepts: 'bravo.example' },
  { number: 5, says: 'Username over the DNS entry', shows: alphaBravo, username: 'Alpha', accepts: 'Alpha' },
  { number: 6, says: 'an unknown DNS entry decides', shows: alphaUnknown, username: null, refuses: 'clientNotFound' },
  { number: 7, says: 'an address', shows: address, username: '10.0.0.7', accepts: '10.0.0.7' },
  { number: 8, says: 'an address is no listed source', shows: address, username: null, refuses: 'clientNotFound' },
  { number: 9, says: 'a URI with an empty subject', shows: urn, username: 'urn:dev:7', accepts: 'urn:dev:7' },
  { number: 10, says: 'a mail address', shows: email, username: 'e@x.example', accepts: 'e@x.example' },
  { number: 11, says: 'the primary thumbprint', shows: h1, username: 'tango', accepts: 'tango' },
  { number: 12, says: 'the secondary thumbprint', shows: h2, username: 'tango', accepts: 'tango' },
  { number: 13, says: 'another thumbprint', shows: h3, username: 'tango', refuses: 'thumbprintMismatch' },
  {
    number: 14,
    says: 'self-signed with the right CN',
    shows: selfSigned('CN=Alpha', 9),
    username: 'Alpha',
    refuses: 'issuerNotRegistered',
  },
  {
    number: 15,
    says: 'another CA of the same name',
    shows: issued('CN=Alpha', { issuer: stranger }),
    username: 'Alpha',
    refuses: 'issuerNotRegistered',
  },
  {
    number: 16,
    says: 'an intermediate whose root is not registered',
    shows: issued('CN=Alpha', { issuer: I2 }, [I2.certificate.der]),
    username: 'Alpha',
    refuses: 'issuerNotRegistered',
  },
  {
    number: 17,
    says: 'the same with the root registered',
    shows: issued('CN=Alpha', { issuer: I2 }, [I2.certificate.der]),
    username: 'Alpha',
    accepts: 'Alpha',
    namespace: 'root',
  },
  {
    number: 18,
    says: 'the same without sending the intermediate',
    shows: issued('CN=Alpha', { issuer: I2 }),
    username: 'Alpha',
    refuses: 'issuerNotRegistered',
    namespace: 'root',
  },
  {
    number: 19,
    says: 'a disabled client',
    shows: issued('CN=zulu', { issuer: I1 }),
    username: 'zulu',
    refuses: 'clientDisabled',
  },
  {
    number: 20,
    says: 'an expired certificate',
    shows: issued('CN=Alpha', { issuer: I1 }, [], expiry),
    username: 'Alpha',
    refuses: 'certificateExpired',
  },
  { number: 21, says: 'no certificate', shows: null, username: 'Alpha', refuses: 'noCertificate' },
  {
    number: 25,
    says: 'the name of a client whose scheme finds no field',
    shows: alpha,
    username: 'bravo.example',
    refuses: 'nameMismatch',
  },
  {
    number: 26,
    says: 'no Username and no source',
    shows: alpha,
    username: null,
    refuses: 'usernameRequired',
    namespace: 'bare',
  },
]

interface Run {
  readonly tls: TlsVersion
  readonly mqtt: ProtocolVersion
}

const runs: readonly Run[] = (['TLSv1.2', 'TLSv1.3'] as const).flatMap((tls) =>
  ([4, 5] as const).map((mqtt) => ({ tls, mqtt })),
)

let broker: RunningBroker

before(async () => {
  broker = await runBroker(now)
  for (const [namespace, options] of Object.entries(namespaces)) await fill(namespace, options)
})

after(() => broker.stop())

async function fill(namespace: string, options: { withRoot?: boolean; sources?: readonly string[] }): Promise<void> {
  const sources = options.sources ?? ['ClientCertificateDns', 'ClientCertificateSubject']
  await broker.must('PUT', namespace, {
    location: 'local',
    properties: {
      topicSpacesConfiguration: {
        state: 'Enabled',
        clientAuthentication: { alternativeAuthenticationNameSources: sources },
      },
      sealgate: { limits: { refusalDelayMs: 0 } },
    },
  })
  const ca = (resource: string, certificate: Uint8Array) =>
    broker.must('PUT', `${namespace}/caCertificates/${resource}`, {
      properties: { encodedCertificate: pem(certificate) },
    })
  await ca('intermediate', I1.certificate.der)
  if (options.withRoot === true) await ca('root', R.certificate.der)
  const thumbprints = [h1, h2].map(({ certificate }) => createHash('sha256').update(certificate).digest('hex'))
  for (const [resource, authenticationName, scheme] of [
    ['A', 'Alpha', 'Subject'],
    ['B', 'bravo.example', 'Dns'],
    ['C', '10.0.0.7', 'Ip'],
    ['D', 'urn:dev:7', 'Uri'],
    ['E', 'e@x.example', 'Email'],
    ['T', 'tango', null],
    ['Z', 'zulu', 'Subject'],
  ] as const) {
    await broker.must('PUT', `${namespace}/clients/${resource}`, {
      properties: {
        authenticationName,
        state: resource === 'Z' ? 'Disabled' : 'Enabled',
        clientCertificateAuthentication:
          scheme === null
            ? { validationScheme: 'ThumbprintMatch', allowedThumbprints: thumbprints }
            : { validationScheme: `${scheme}MatchesAuthenticationName` },
      },
    })
  }
}

async function visit(
  t: TestContext,
  { tls, mqtt }: Run,
  identity: Identity | null,
  fields: Partial<ConnectPacket>,
  namespace: Situation = 'usual',
): Promise<{ readonly peer: MqttPeer; readonly connack: ConnackPacket }> {
  const peer = await MqttPeer.overTls(broker.mqtts, { serverName: serverNameOf(namespace), identity, tls }, mqtt)
  t.after(() => peer.destroy())
  const connack = await peer.connect(fields)
  assert.ok(connack !== null, 'an answer to CONNECT')
  return { peer, connack }
}

/** The decision about the last CONNECT with this Client Identifier. */
async function decisionOf(namespace: Situation, clientId: string) {
  const { body } = await broker.must('GET', `${namespace}/decisions?name=${encodeURIComponent(clientId)}`)
  return body.value[0]
}

for (const { number, says, shows, username, accepts, refuses, namespace = 'usual' } of vectors) {
  for (const run of runs) {
    test(`EG A.${number}: ${says}; ${run.tls}, MQTT ${run.mqtt}`, async (t) => {
      const clientId = `v${number}-${run.tls}-${run.mqtt}`
      const fingerprint = shows === null ? null : createHash('sha256').update(shows.certificate).digest('hex')
      const { peer, connack } = await visit(t, run, shows, { clientId, username }, namespace)
      if (accepts !== undefined) {
        assert.equal(connack.reasonCode, 0)
        const decision = await decisionOf(namespace, clientId)
        assert.equal(decision.outcome, 'accepted')
        assert.equal(decision.authenticationName, accepts)
        assert.equal(decision.nameSource === 'UserName', username !== null)
        assert.equal(decision.certificateFingerprint, fingerprint)
        await peer.leave()
        return
      }
      assert.equal(connack.reasonCode, run.mqtt === 5 ? 0x87 : 0x05)
      assert.equal(await peer.next(), null)
      // Equal refusals of one source and certificate are one entry, found by its code.
      const { body } = await broker.must('GET', `${namespace}/decisions?outcome=refused&code=${refuses}`)
      assert.ok(
        body.value.some(
          (entry: { certificateFingerprint: string | null; username: string | null }) =>
            entry.certificateFingerprint === fingerprint && entry.username === username,
        ),
        JSON.stringify(body),
      )
    })
  }
}

for (const run of runs) {
  const of = `${run.tls}, MQTT ${run.mqtt}`

  test(`EG A.22: a Client Identifier that another client owns is refused, and the owner stays; ${of}`, async (t) => {
    const clientId = `taken-${run.tls}-${run.mqtt}`
    const owner = await visit(t, run, bravo, { clientId, username: 'bravo.example' })
    assert.equal(owner.connack.reasonCode, 0)
    const { connack } = await visit(t, run, alpha, { clientId, username: 'Alpha' })
    assert.equal(connack.reasonCode, run.mqtt === 5 ? 0x87 : 0x05)
    assert.equal((await decisionOf('usual', clientId)).code, 'sessionNameTaken')
    owner.peer.send({ type: 'PINGREQ' })
    assert.equal((await owner.peer.next())?.type, 'PINGRESP')
    await owner.peer.leave()
  })

  test(`EG A.23: the same Client Identifier of the same client takes the session over; ${of}`, async (t) => {
    const fields = { clientId: `twice-${run.tls}-${run.mqtt}`, username: 'Alpha' }
    const first = await visit(t, run, alpha, fields)
    const second = await visit(t, run, alpha, fields)
    assert.deepEqual([first.connack.reasonCode, second.connack.reasonCode], [0, 0])
    if (run.mqtt === 5) {
      const goodbye = await first.peer.next()
      assert.ok(goodbye?.type === 'DISCONNECT')
      assert.equal(goodbye.reasonCode, 0x8e)
    }
    assert.equal(await first.peer.next(), null)
    await second.peer.leave()
  })

  test(`EG A.24: an offline session counts against the limit of its client; ${of}`, async (t) => {
    const persistent = { cleanStart: false, properties: run.mqtt === 5 ? { sessionExpiryIntervalSeconds: 600 } : {} }
    const kept = `s1-${run.tls}-${run.mqtt}`
    const first = await visit(t, run, alpha, { clientId: kept, username: 'Alpha', ...persistent })
    assert.equal(first.connack.reasonCode, 0)
    await first.peer.leave()
    const { connack } = await visit(t, run, alpha, { clientId: 's2', username: 'Alpha' })
    assert.equal(connack.reasonCode, run.mqtt === 5 ? 0x97 : 0x03)
    const { body } = await broker.must('GET', 'usual/decisions?code=sessionLimitReached')
    assert.match(JSON.stringify(body.value), new RegExp(`sessions close [^"]*${kept}`))
    await broker.must('POST', `usual/sessions/${kept}/close`)
    const again = await visit(t, run, alpha, { clientId: 's2', username: 'Alpha' })
    assert.equal(again.connack.reasonCode, 0)
    await again.peer.leave()
  })
}
