import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { createMetrics } from '../../src/adapters/node/metrics.ts'
import { toUnixSeconds, unixMillis, unixSeconds } from '../../src/base/time.ts'
import { watchListFreshness } from '../../src/main/list-freshness.ts'
import { lookEveryMs, readWatchedLists, watchRevocationLists } from '../../src/main/revocation-files.ts'
import { createRevocationList } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { temporaryDirectory } from '../listeners/door.ts'
import { author, must, ns, plantRegistry, put, start } from '../registry/support.ts'
import { authority, forge, key, parse, pem } from '../x509/kit.ts'

const at = (offset: number) => unixSeconds(toUnixSeconds(start) + offset)
const validity = { notBefore: at(-86_400), notAfter: at(86_400 * 365) }
const root = authority('CN=root', { key: key(0), ...validity })
const leaf = parse(forge({ issuer: root, serialNumber: 0x10n, ...validity }))
const config = { subscriptionId: ns('plant').subscriptionId, resourceGroup: 'local' }

function list(crlNumber: bigint, revoked: readonly bigint[], nextUpdate = at(86_400)): string {
  const entries = revoked.map((serialNumber) => ({ serialNumber, revokedAt: at(-600) }))
  return toPem(
    'X509 CRL',
    createRevocationList({ issuer: root, thisUpdate: at(-600), nextUpdate, crlNumber, revoked: entries }),
  )
}

async function setUp(t: TestContext, content: string | null, isRegistered = true) {
  const { clock, run } = fakeClock(start)
  const registry = await plantRegistry({ clock })
  const register = async () =>
    must(await put(registry, 'caCertificates', 'plant-ca', { encodedCertificate: pem(root.certificate) }))
  if (isRegistered) await register()
  const file = join(temporaryDirectory(t), 'plant.crl')
  if (content !== null) writeFileSync(file, content)
  const log: { event: string; facts: Readonly<Record<string, unknown>> }[] = []
  const write = (_level: string, event: string, facts: Readonly<Record<string, unknown>>) =>
    void log.push({ event, facts })
  const watcher = await watchRevocationLists(
    readWatchedLists([`plant-ca=${file}`], registry, config),
    registry,
    clock,
    { write },
  )
  t.after(() => watcher.stop())
  const verdict = () => registry.view.namespaceByName('plant')?.revocation.faultOf(leaf, false, at(0))?.kind ?? 'good'
  const events = () => log.splice(0).map(({ event, facts }) => `${event} ${facts['reason'] ?? ''}`.trim())
  /** As a job does it: written beside, then put in its place. */
  const replace = (text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  return { registry, register, file, watcher, run, verdict, events, replace }
}

test('S25: a list is read from its file at the start and whenever that is replaced', async (t) => {
  const { verdict, events, replace, watcher } = await setUp(t, list(1n, []))
  assert.deepEqual(events(), ['revocationListReplaced'])
  assert.equal(verdict(), 'good')
  replace(list(2n, [0x10n]))
  await watcher.look()
  assert.equal(verdict(), 'certificateRevoked')
  assert.deepEqual(events(), ['revocationListReplaced'])
  await watcher.look()
  assert.deepEqual(events(), [])
})

test('S25: a half-written file keeps the old list and says so once; the whole file counts', async (t) => {
  const { file, verdict, events, watcher } = await setUp(t, list(1n, [0x10n]))
  events()
  const next = list(2n, [])
  writeFileSync(file, next.slice(0, next.length / 2))
  await watcher.look()
  await watcher.look()
  assert.equal(verdict(), 'certificateRevoked')
  const [told, ...more] = events()
  assert.match(told ?? '', /^revocationListRefused .*cut off/)
  assert.deepEqual(more, [])
  writeFileSync(file, next)
  await watcher.look()
  assert.equal(verdict(), 'good')
  assert.deepEqual(events(), ['revocationListReplaced'])
})

test('a file that is not there yet, an older one and one without its CA are told, and tried again', async (t) => {
  const { verdict, events, replace, watcher, register, run } = await setUp(t, null, false)
  assert.match(events().join(), /^revocationListRefused .*no such file/i)
  replace(list(2n, [0x10n]))
  await watcher.look()
  assert.match(events().join(), /^revocationListRefused .*no CA certificate/i)
  await register()
  await watcher.look()
  assert.equal(verdict(), 'good')
  await run(60_000)
  await watcher.look()
  assert.equal(verdict(), 'certificateRevoked')
  events()
  replace(list(1n, []))
  await watcher.look()
  assert.match(events().join(), /^revocationListRefused .*newer/)
  assert.equal(verdict(), 'certificateRevoked')
})

test('it looks by itself every ten seconds', async (t) => {
  const { replace, run, watcher, verdict } = await setUp(t, list(1n, []))
  replace(list(2n, [0x10n]))
  await run(lookEveryMs)
  await watcher.look()
  assert.equal(verdict(), 'certificateRevoked')
})

test('--revocation-list is NAME=FILE, with the namespace where there are several', async () => {
  const registry = await plantRegistry()
  const [one] = readWatchedLists(['plant-ca=a=b.crl'], registry, config)
  assert.deepEqual(one?.id, ns('plant', 'sealgateRevocationLists', 'plant-ca'))
  assert.match(one?.file ?? '', /a=b\.crl$/)
  assert.throws(() => readWatchedLists(['plant.crl'], registry, config), /expected NAME=FILE/)
  assert.throws(() => readWatchedLists(['lab/ca=plant.crl'], registry, config), /which namespace\?/)
  must(await registry.put(ns('lab'), { location: 'local' }, author))
  assert.throws(() => readWatchedLists(['ca=plant.crl'], registry, config), /which namespace\?/)
  assert.equal(readWatchedLists(['LAB/ca=plant.crl'], registry, config)[0]?.id.namespace, 'lab')
})

test('S25: a list that nobody renews is told of before it is stale and when it is, with what that means', async (t) => {
  for (const policy of ['warn', 'refuse'] as const) {
    const { clock, run } = fakeClock(unixMillis(start))
    const registry = await plantRegistry({ clock })
    must(await put(registry, 'caCertificates', 'plant-ca', { encodedCertificate: pem(root.certificate) }))
    must(await put(registry, 'sealgateRevocationLists', 'plant-ca', { encodedRevocationList: list(1n, [], at(1_800)) }))
    must(await registry.patch(ns('plant'), { properties: { sealgate: { staleRevocationLists: policy } } }, author))
    const log: string[] = []
    const metrics = createMetrics()
    const stop = watchListFreshness(
      registry.view,
      clock,
      { write: (level, event, facts) => void log.push(`${level} ${event} ${facts['staleRevocationLists']}`) },
      metrics,
    )
    t.after(stop)
    const gauge = (name: string) => metrics.snapshot().find((one) => one.name === name)?.series[0]?.value
    assert.deepEqual(log, [])
    await run(1_300_000)
    assert.deepEqual(log.splice(0), [`warn revocationListDue ${policy}`])
    assert.equal(gauge('sealgate_revocation_lists_due'), 1)
    await run(600_000)
    assert.deepEqual(log.splice(0), [`${policy === 'refuse' ? 'error' : 'warn'} revocationListStale ${policy}`])
    assert.equal(gauge('sealgate_revocation_lists_stale'), 1)
    must(
      await put(registry, 'sealgateRevocationLists', 'plant-ca', { encodedRevocationList: list(2n, [], at(900_000)) }),
    )
    await run(120_000)
    assert.deepEqual(log, [])
    assert.equal(gauge('sealgate_revocation_lists_stale'), 0)
  }
})
