import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { unixSeconds } from '../../src/base/time.ts'
import type { RegistryStore } from '../../src/ports/registry-store.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import { CertificatesSeen } from '../../src/registry/seen/certificates-seen.ts'
import { crossed, ExpiryWatch } from '../../src/registry/seen/expiry-watch.ts'
import { issueCertificate } from '../../src/x509/issue.ts'
import { authority, nameOf, pemOf } from './certificates.ts'
import { author, memoryStore, must, namespaceBody, ns, parts, put, start } from './support.ts'

const day = 86_400
const now = unixSeconds(start / 1000)
const dayMs = day * 1_000
const ca = authority('CN=plant CA', -30, 4_000)

async function watched(store: RegistryStore = memoryStore(), clock = fakeClock(start)) {
  const registry = await openRegistry(parts(store, { clock: clock.clock }))
  if (registry.view.namespaceByName('plant') === undefined) {
    must(await registry.put(ns('plant'), namespaceBody, author))
    must(await put(registry, 'caCertificates', 'plant-ca', { encodedCertificate: pemOf(ca) }))
  }
  const log = { write: (_: string, event: string, facts: object) => assert.fail(`${event} ${JSON.stringify(facts)}`) }
  const seen = new CertificatesSeen({ store, registry, clock: clock.clock, log })
  const events = createEvents()
  const told: string[] = []
  events.on(['certificateExpiring'], (event) => {
    if (event.kind === 'certificateExpiring') told.push(`${event.name} ${event.daysLeft}`)
  })
  const watch = new ExpiryWatch({ store, registry, certificatesSeen: seen, clock: clock.clock, events, log })
  const view = registry.view.namespaceByName('plant')!
  return {
    store,
    clock,
    registry,
    watch,
    /** A client that is accepted with a certificate of this life. */
    async client(name: string, days: number, ago = 90): Promise<void> {
      must(await put(registry, 'clients', name, {}))
      const { certificate } = issueCertificate({
        issuer: ca,
        subject: nameOf(`CN=${name}`),
        notBefore: unixSeconds(now - ago * day),
        notAfter: unixSeconds(now + days * day),
      })
      seen.saw({
        namespace: view.id,
        clientUid: view.clientByResourceName(name)!.uid,
        leaf: certificate.der,
        fingerprint: certificate.sha256,
        caCertificateName: 'plant-ca',
        at: clock.clock.now(),
      })
      await seen.idle()
    },
    take: () => told.splice(0).sort(),
    async stop(): Promise<void> {
      await watch.stop()
      await seen.close()
      registry.close()
    },
  }
}

test('30, 14, 7 and 1 days before its end a certificate is told of, once each', async () => {
  const house = await watched()
  await house.client('press', 40)
  house.watch.start()
  const told: string[] = []
  for (let hour = 0; hour < 45 * 24; hour++) {
    await house.clock.run(3_600_000)
    told.push(...house.take().map((text) => `${text} after ${Math.floor((hour + 1) / 24)} d`))
  }
  assert.deepEqual(told, ['press 30 after 10 d', 'press 14 after 26 d', 'press 7 after 33 d', 'press 1 after 39 d'])
})

test('a restart neither repeats nor forgets; what was crossed meanwhile is told as what it is now', async () => {
  const first = await watched()
  await first.client('press', 31)
  first.watch.start()
  await first.clock.run(2 * dayMs)
  assert.deepEqual(first.take(), ['press 30'])
  await first.stop()
  const again = await watched(first.store, first.clock)
  again.watch.start()
  await again.clock.settle()
  assert.deepEqual(again.take(), [], 'told before')
  await again.stop()
  await first.clock.run(23 * dayMs)
  const later = await watched(first.store, first.clock)
  later.watch.start()
  await later.clock.settle()
  assert.deepEqual(later.take(), ['press 7'], '14 days passed while nobody looked')
  await later.stop()
})

test('a certificate that is first seen, or a CA registered, shortly before its end is told of at once, and not again', async () => {
  const house = await watched()
  house.watch.start()
  await house.clock.settle()
  await house.client('late', 5)
  assert.deepEqual(house.take(), ['late 7'])
  const dying = authority('CN=dying CA', -300, 10)
  must(await put(house.registry, 'caCertificates', 'dying', { encodedCertificate: pemOf(dying) }))
  assert.deepEqual(house.take(), ['dying 14'])
  await house.clock.run(dayMs)
  assert.deepEqual(house.take(), [])
  await house.clock.run(2.5 * dayMs)
  assert.deepEqual(house.take(), ['dying 7'])
  await house.stop()
})

test('the instant between first sight and the next look is not told twice', async () => {
  const house = await watched()
  house.watch.start()
  await house.clock.run(1_800_000)
  await house.client('press', 7)
  assert.deepEqual(house.take(), ['press 7'], 'crossed a moment ago, after the last look')
  await house.clock.run(2 * 3_600_000)
  assert.deepEqual(house.take(), [])
  await house.stop()
})

test('certificates that live for less than twice the time are not told of', () => {
  const life = (days: number, left: number) => ({
    notBefore: unixSeconds(now - (days - left) * day),
    notAfter: unixSeconds(now + left * day),
  })
  const ever = unixSeconds(0)
  assert.equal(crossed(life(1, 0.5), ever, now), null, 'a day: never')
  assert.equal(crossed(life(7, 5), ever, now), null)
  assert.equal(crossed(life(7, 0.9), ever, now), 1)
  assert.equal(crossed(life(30, 20), ever, now), null)
  assert.equal(crossed(life(30, 13), ever, now), 14)
  assert.equal(crossed(life(90, 29), ever, now), 30)
  assert.equal(crossed(life(90, -1), ever, now), null, 'it has expired')
  assert.equal(crossed(life(90, 30), ever, now), 30, 'the very second')
  assert.equal(crossed(life(90, 29), now, now), null, 'told before')
})

test('clients are counted by the days that they have left', async () => {
  const house = await watched()
  for (const [name, days] of Object.entries({ a: 0.5, b: 6, c: 13, d: 29, e: 60, f: -2 }))
    await house.client(name, days)
  house.watch.start()
  await house.clock.settle()
  const [figures] = house.watch.figures()
  assert.deepEqual(figures?.clients, { 1: 1, 7: 2, 14: 3, 30: 4 })
  must(await house.registry.delete(ns('plant'), author))
  await house.clock.run(3_600_000)
  assert.deepEqual(house.watch.figures(), [])
  await house.stop()
})

test('more clients than one page holds are all looked at', async () => {
  const house = await watched()
  for (let i = 0; i < 230; i++) await house.client(`press-${i}`, 20 + i / 1_000, 5)
  assert.deepEqual(house.take(), [], 'a life of 25 days: at 7 and 1 only')
  house.watch.start()
  await house.clock.settle()
  assert.equal(house.watch.figures()[0]?.clients[30], 230)
  await house.clock.run(14 * dayMs)
  assert.equal(house.take().filter((text) => text.endsWith(' 7')).length, 230)
  await house.stop()
})
