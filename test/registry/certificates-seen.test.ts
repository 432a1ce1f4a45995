import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { type FakeClock, fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { toHex } from '../../src/base/bytes.ts'
import { unixSeconds } from '../../src/base/time.ts'
import { EngineError } from '../../src/ports/engine-error.ts'
import type { NamespaceId } from '../../src/ports/identity.ts'
import type { RegistryStore } from '../../src/ports/registry-store.ts'
import type { Registry } from '../../src/registry/registry.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import { CertificatesSeen } from '../../src/registry/seen/certificates-seen.ts'
import type { Certificate } from '../../src/x509/certificate.ts'
import { issueCertificate } from '../../src/x509/issue.ts'
import { authority, nameOf, pemOf } from './certificates.ts'
import { author, memoryStore, must, namespaceBody, ns, parts, put, start } from './support.ts'

const day = 86_400
const now = unixSeconds(start / 1000)
const far = { from: unixSeconds(0), until: unixSeconds(now + 10_000 * day), after: null, limit: 100 }
const ca = authority('CN=plant CA', -30, 4_000)
const otherCa = authority('CN=other CA', -30, 4_000)

function leaf(commonName: string, days: number): Certificate {
  return issueCertificate({
    issuer: ca,
    subject: nameOf(`CN=${commonName}`),
    notBefore: unixSeconds(now - day),
    notAfter: unixSeconds(now + days * day),
  }).certificate
}

interface Fixture {
  readonly store: RegistryStore
  readonly writes: () => number
  readonly registry: Registry
  readonly clock: FakeClock
  readonly seen: CertificatesSeen
  readonly id: NamespaceId
  readonly logged: string[]
  /** As a CONNECT does. */
  saw(client: string, certificate: Certificate, caCertificateName?: string | null): void
  uid(client: string): string
  /** Until what was noted is written. */
  pass(ms?: number): Promise<void>
  certificatesOf(client: string): readonly string[]
}

async function fixture(clients: readonly string[], under = memoryStore()): Promise<Fixture> {
  const clock = fakeClock(start)
  let writes = 0
  const store: RegistryStore = Object.assign(Object.create(under), {
    write: (write: Parameters<RegistryStore['write']>[0]) => {
      writes++
      return under.write(write)
    },
  })
  for (const name of ['get', 'lookup', 'range', 'watch', 'revision'] as const) {
    Object.assign(store, { [name]: (...given: unknown[]) => (under[name] as (...all: unknown[]) => unknown)(...given) })
  }
  const registry = await openRegistry(parts(store, { clock: clock.clock }))
  must(await registry.put(ns('plant'), namespaceBody, author))
  must(await put(registry, 'caCertificates', 'plant-ca', { encodedCertificate: pemOf(ca) }))
  must(await put(registry, 'caCertificates', 'other-ca', { encodedCertificate: pemOf(otherCa) }))
  for (const name of clients) must(await put(registry, 'clients', name, {}))
  const logged: string[] = []
  const log = { write: (_: string, event: string) => void logged.push(event) }
  const seen = new CertificatesSeen({ store, registry, clock: clock.clock, log })
  const view = registry.view.namespaceByName('plant')!
  const uid = (client: string) => view.clientByResourceName(client)!.uid
  return {
    store,
    writes: () => writes,
    registry,
    clock,
    seen,
    id: view.id,
    logged,
    saw: (client, certificate, caCertificateName = 'plant-ca') =>
      seen.saw({
        namespace: view.id,
        clientUid: uid(client),
        leaf: certificate.der,
        fingerprint: certificate.sha256,
        caCertificateName,
        at: clock.clock.now(),
      }),
    uid,
    pass: async (ms = 1_000) => clock.run(ms),
    certificatesOf: (client) => seen.ofClient(view.id, uid(client)).map(({ sha256 }) => sha256.toLowerCase()),
  }
}

const caUid = ({ registry }: Fixture, name: string) =>
  registry.view
    .namespaceByName('plant')!
    .caCertificates()
    .find((one) => one.name === name)!.uid

const expiring = ({ seen, registry }: Fixture, range: Partial<typeof far> = {}) => {
  const page = seen.expiring(registry.view.namespaceByName('plant')!, { ...far, ...range })
  return { names: page.clients.map(({ client }) => client.name), next: page.next }
}

test('a certificate that a client was accepted with is remembered with all that it can be denied by (S22)', async () => {
  const house = await fixture(['a'])
  const certificate = leaf('a', 90)
  house.saw('a', certificate)
  assert.deepEqual(house.certificatesOf('a'), [], 'a CONNECT waits for no write')
  await house.pass()
  assert.deepEqual(house.seen.ofClient(house.id, house.uid('a')), [
    {
      sha256: certificate.sha256.toUpperCase(),
      sha1: hash('sha1', certificate.der, 'hex').toUpperCase(),
      tbsSha256: hash('sha256', certificate.tbsCertificate, 'hex'),
      spkiSha256: hash('sha256', certificate.subjectPublicKeyInfo, 'hex'),
      issuer: toHex(certificate.issuer.der),
      serialNumber: certificate.serialNumber.toString(16),
      subject: 'CN=a',
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      caCertificateUid: caUid(house, 'plant-ca'),
      firstSeenAt: start,
      lastSeenAt: start,
    },
  ])
  assert.deepEqual(
    house.seen.find(house.id, certificate.sha256),
    house.seen.ofClient(house.id, house.uid('a'))[0],
    'by its fingerprint, in any case',
  )
  assert.equal(house.seen.find(house.id, '0'.repeat(64)), undefined)
  assert.equal(house.seen.find('another' as NamespaceId, certificate.sha256), undefined)
})

test('what is remembered survives a restart', async () => {
  const store = memoryStore()
  const house = await fixture(['a'], store)
  const certificate = leaf('a', 90)
  house.saw('a', certificate)
  await house.seen.close()
  house.registry.close()
  const clock = fakeClock(start).clock
  const registry = await openRegistry(parts(store, { clock }))
  const again = new CertificatesSeen({ store, registry, clock, log: { write: () => {} } })
  assert.equal(again.find(house.id, certificate.sha256)?.subject, 'CN=a')
})

test('many connections make one write, and connections with nothing new make none', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `press-${i}`)
  const house = await fixture(names)
  const certificates = new Map(names.map((name) => [name, leaf(name, 90)]))
  const all = () => {
    for (const name of names) house.saw(name, certificates.get(name)!)
  }
  const before = house.writes()
  all()
  await house.pass()
  assert.equal(house.writes() - before, 1)
  all()
  await house.pass(30_000)
  assert.equal(house.writes() - before, 1, 'known for less than a minute')
  await house.pass(120_000)
  all()
  await house.pass()
  assert.equal(house.writes() - before, 2, 'the last use of their CA certificate is kept to the minute')
  const [kept] = house.seen.ofClient(house.id, house.uid('press-7'))
  assert.equal(kept?.lastSeenAt, start, 'that of a client only to the hour')
  await house.pass(3_600_000)
  all()
  await house.pass()
  assert.ok((house.seen.ofClient(house.id, house.uid('press-7'))[0]?.lastSeenAt ?? 0) > start)
})

test('the certificate in use comes first, and a client keeps its last four', async () => {
  const house = await fixture(['a'])
  const leaves = [10, 20, 30, 40, 50].map((days) => leaf('a', days))
  for (const certificate of leaves) {
    house.saw('a', certificate)
    await house.pass(120_000)
  }
  const newestFirst = leaves.map(({ sha256 }) => sha256).reverse()
  assert.deepEqual(house.certificatesOf('a'), newestFirst.slice(0, 4))
  assert.equal(house.seen.find(house.id, leaves[0]!.sha256), undefined, 'the fifth is forgotten')
  house.saw('a', leaves[2]!)
  await house.pass()
  assert.equal(house.certificatesOf('a')[0], leaves[2]!.sha256, 'a client that goes back to another')
  assert.equal(house.seen.ofClient(house.id, house.uid('a'))[0]?.firstSeenAt, start + 240_000)
})

test('clients are listed in the order in which the certificates that they use expire, page by page', async () => {
  const names = ['c', 'a', 'd', 'b', 'e']
  const house = await fixture(names)
  const days = { a: 1, b: 7, c: 14, d: 30, e: -1 } as const
  for (const [name, left] of Object.entries(days)) house.saw(name, leaf(name, left))
  await house.pass()
  assert.deepEqual(expiring(house).names, ['e', 'a', 'b', 'c', 'd'])
  const until = unixSeconds(now + 14 * day)
  assert.deepEqual(expiring(house, { from: now, until }).names, ['a', 'b', 'c'], 'both ends count')
  const first = expiring(house, { limit: 2 })
  assert.deepEqual(first.names, ['e', 'a'])
  const second = expiring(house, { limit: 2, after: first.next as null })
  assert.deepEqual(second.names, ['b', 'c'])
  assert.deepEqual(expiring(house, { limit: 2, after: second.next as null }), { names: ['d'], next: null })

  house.saw('a', leaf('a', 60))
  await house.pass()
  assert.deepEqual(expiring(house).names, ['e', 'b', 'c', 'd', 'a'], 'a renewed certificate moves its client')
})

test('a CA certificate knows its clients and its last use; clients that move to another are counted there', async () => {
  const house = await fixture(['a', 'b'])
  const use = (name: string) => house.seen.useOfCa(house.id, caUid(house, name))
  assert.deepEqual(use('plant-ca'), { clients: 0, lastUsedAt: null })
  const certificates = { a: leaf('a', 90), b: leaf('b', 90) }
  house.saw('a', certificates.a)
  house.saw('b', certificates.b)
  await house.pass()
  assert.deepEqual(use('plant-ca'), { clients: 2, lastUsedAt: start })
  house.saw('b', certificates.b, 'other-ca')
  await house.pass()
  assert.deepEqual(use('plant-ca'), { clients: 1, lastUsedAt: start })
  assert.deepEqual(use('other-ca'), { clients: 1, lastUsedAt: start + 1_000 })
  house.saw('a', leaf('a', 100), null)
  await house.pass()
  assert.equal(use('plant-ca').clients, 0, 'a thumbprint needs no CA certificate')
})

test('of deleted clients, CA certificates and namespaces nothing is kept', async () => {
  const house = await fixture(['a', 'b'])
  const [a, b] = [leaf('a', 90), leaf('b', 90)]
  house.saw('a', a)
  house.saw('b', b)
  await house.pass()
  const [uidOfA, plantCa] = [house.uid('a'), caUid(house, 'plant-ca')]
  must(await house.registry.delete(ns('plant', 'clients', 'a'), author))
  await house.pass()
  assert.deepEqual(house.seen.ofClient(house.id, uidOfA), [])
  assert.equal(house.seen.find(house.id, a.sha256), undefined)
  assert.deepEqual(expiring(house).names, ['b'])
  assert.equal(house.seen.useOfCa(house.id, plantCa).clients, 1)
  must(await house.registry.delete(ns('plant', 'caCertificates', 'plant-ca'), author))
  await house.pass()
  assert.deepEqual(house.seen.useOfCa(house.id, plantCa), { clients: 0, lastUsedAt: null })
  house.saw('b', b, 'other-ca')
  await house.pass(120_000)

  must(await house.registry.delete(ns('plant'), author))
  await house.registry.idle()
  for (const prefix of ['seen ', 'expiry ', 'ca-use ']) {
    assert.deepEqual(house.store.range(prefix, null, 10), [], prefix)
  }
  assert.equal(house.store.lookup('certificateSeen', `${house.id} ${b.sha256.toUpperCase()}`), undefined)
})

test('a connection that was noted when its client was deleted leaves nothing', async () => {
  const house = await fixture(['a'])
  const uid = house.uid('a')
  house.saw('a', leaf('a', 90))
  must(await house.registry.delete(ns('plant', 'clients', 'a'), author))
  await house.pass()
  assert.deepEqual(house.seen.ofClient(house.id, uid), [])
  assert.deepEqual(house.store.range('expiry ', null, 10), [])
})

test('a shared certificate is found as long as one of its clients exists', async () => {
  const house = await fixture(['a', 'b'])
  const shared = leaf('shared', 90)
  house.saw('a', shared)
  house.saw('b', shared)
  await house.pass()
  must(await house.registry.delete(ns('plant', 'clients', 'a'), author))
  await house.pass()
  assert.equal(house.seen.find(house.id, shared.sha256), undefined, 'until the other one comes again')
  await house.pass(3_600_000)
  house.saw('b', shared)
  await house.pass()
  assert.equal(house.seen.find(house.id, shared.sha256)?.sha256.toLowerCase(), shared.sha256)
})

test('what the store could not take is written when it can', async () => {
  const under = memoryStore()
  const house = await fixture(['a', 'b'], under)
  const write = under.write
  under.write = async () => {
    throw new EngineError('unavailable', 'the disk is full')
  }
  house.saw('a', leaf('a', 90))
  await house.pass()
  house.saw('b', leaf('b', 90))
  await house.pass()
  assert.deepEqual(house.certificatesOf('a'), [])
  under.write = write
  await house.pass(5_000)
  assert.equal(house.certificatesOf('a').length + house.certificatesOf('b').length, 2)
})

test('who waits for what was noted does not wait for those who go on connecting', async () => {
  const under = memoryStore()
  let more = (): void => {}
  const write = under.write.bind(under)
  under.write = (given) => {
    more()
    return write(given)
  }
  const home = await fixture(['one'], under)
  const certificates = Array.from({ length: 40 }, (_, i) => leaf(`one-${i}`, 30 + i))
  let next = 1
  more = () => {
    if (next < certificates.length) home.saw('one', certificates[next++]!)
  }
  home.saw('one', certificates[0]!)
  await home.seen.idle()
  assert.ok(next < 10, `${next} came meanwhile`)
  assert.equal(home.certificatesOf('one').length > 0, true)
  await home.seen.close()
})

test('a client that a killed process did not forget is forgotten when the list comes by', async () => {
  const store = memoryStore()
  const house = await fixture(['a', 'b'], store)
  house.saw('a', leaf('a', 10))
  house.saw('b', leaf('b', 20))
  await house.seen.close() // hears no more of what changes
  must(await house.registry.delete(ns('plant', 'clients', 'a'), author))
  const { registry, clock } = house
  const again = new CertificatesSeen({ store, registry, clock: clock.clock, log: { write: () => {} } })
  const list = () =>
    again.expiring(registry.view.namespaceByName('plant')!, far).clients.map(({ client }) => client.name)
  assert.deepEqual(list(), ['b'])
  await again.idle()
  assert.equal(store.range('expiry ', null, 10).length, 1)
  assert.equal(again.useOfCa(house.id, caUid(house, 'plant-ca')).clients, 1)
})

test('dates of the last century and of the year 9999 keep their place', async () => {
  const house = await fixture(['old', 'new', 'eternal'])
  const until = (notAfter: number) =>
    issueCertificate({
      issuer: ca,
      subject: nameOf('CN=x'),
      notBefore: unixSeconds(-10 * day),
      notAfter: unixSeconds(notAfter),
    }).certificate
  house.saw('eternal', until(Date.UTC(9999, 11, 31, 23, 59, 59) / 1000))
  house.saw('old', until(-day))
  house.saw('new', until(now))
  await house.pass()
  const all = { until: unixSeconds(300_000_000_000) }
  assert.deepEqual(expiring(house, all).names, ['old', 'new', 'eternal'])
})
