import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { unixMillis } from '../../src/base/time.ts'
import { TlsContexts } from '../../src/listeners/tls-context.ts'
import { keepHostCertificates } from '../../src/main/host-certificates.ts'
import { type KeyPair, selfSigned } from '../e2e/openssl.ts'
import { temporaryDirectory } from '../listeners/door.ts'

function setUp(t: TestContext, at = Date.now()) {
  const directory = temporaryDirectory(t)
  const hosts = join(directory, 'hosts')
  mkdirSync(hosts)
  const [own, second] = ['own', 'second'].map((name) => selfSigned(directory, name, `/CN=${name}`)) as [
    KeyPair,
    KeyPair,
  ]
  const contexts = new TlsContexts({ certificate: own.certificate, privateKey: own.key })
  const { clock } = fakeClock(unixMillis(at))
  const log: string[] = []
  const reasons: string[] = []
  const keeper = keepHostCertificates(hosts, contexts, clock, {
    write: (_level, event, facts) => {
      log.push(`${event} ${facts['host'] ?? facts['file']}`)
      if (typeof facts['reason'] === 'string') reasons.push(facts['reason'])
    },
  })
  t.after(() => keeper.stop())
  /** In one step, as tools that renew certificates do it. */
  const use = ({ certificateFile, keyFile }: KeyPair, host = 'plant.example'): void => {
    for (const [file, ending] of [
      [certificateFile, 'pem'],
      [keyFile, 'key'],
    ] as const) {
      copyFileSync(file, join(directory, 'new'))
      renameSync(join(directory, 'new'), join(hosts, `${host}.${ending}`))
    }
  }
  const context = (host = 'plant.example') => contexts.contextFor(host)
  return { directory, hosts, own, second, keeper, log, reasons, use, context }
}

test('a host whose files come is served with its own certificate, and no longer when they go', async (t) => {
  const { hosts, own, keeper, log, use, context } = setUp(t)
  await keeper.look()
  assert.equal(context(), undefined)
  use(own)
  await keeper.look()
  assert.ok(context() !== undefined)
  assert.equal(context('other.example'), undefined)
  rmSync(join(hosts, 'plant.example.pem'))
  rmSync(join(hosts, 'plant.example.key'))
  await keeper.look()
  await keeper.look()
  assert.equal(context(), undefined)
  assert.deepEqual(log, ['hostCertificateServed plant.example', 'hostCertificateRemoved plant.example'])
})

test('a pair that is replaced by removing it first is served until the new one is there', async (t) => {
  const { hosts, own, second, keeper, log, use, context } = setUp(t)
  use(own)
  await keeper.look()
  const first = context()
  for (const pair of [second, own]) {
    rmSync(join(hosts, 'plant.example.pem'))
    rmSync(join(hosts, 'plant.example.key'))
    await keeper.look()
    assert.ok(context() !== undefined)
    use(pair)
    await keeper.look()
  }
  assert.notEqual(context(), first)
  assert.deepEqual(new Set(log), new Set(['hostCertificateServed plant.example']))
})

test('files that are replaced are served anew; files that are the same are not read again', async (t) => {
  const { own, second, keeper, log, use, context } = setUp(t)
  use(own)
  await keeper.look()
  const first = context()
  await keeper.look()
  assert.equal(context(), first)
  use(second)
  await keeper.look()
  assert.notEqual(context(), first)
  assert.equal(log.length, 2)
})

test('a pair that does not match keeps the one before and says so once, until it matches', async (t) => {
  const { hosts, own, second, keeper, log, reasons, use, context } = setUp(t)
  use(own)
  await keeper.look()
  const first = context()
  // The certificate has come, its key not yet.
  copyFileSync(second.certificateFile, join(hosts, 'plant.example.pem'))
  await keeper.look()
  await keeper.look()
  assert.equal(context(), first)
  assert.deepEqual(log, ['hostCertificateServed plant.example', 'hostCertificateNotServed plant.example'])
  assert.match(reasons[0] ?? '', /plant\.example\.key is not the key of the first certificate/)
  copyFileSync(second.keyFile, join(hosts, 'plant.example.key'))
  await keeper.look()
  assert.notEqual(context(), first)
  assert.equal(log.at(-1), 'hostCertificateServed plant.example')
})

test('what cannot be used stops neither the broker nor other hosts: junk, a missing key, a key that everyone can read', async (t) => {
  const { hosts, own, keeper, log, reasons, use, context } = setUp(t)
  writeFileSync(join(hosts, 'junk.example.pem'), 'junk')
  writeFileSync(join(hosts, 'junk.example.key'), 'junk', { mode: 0o600 })
  use(own, 'keyless.example')
  rmSync(join(hosts, 'keyless.example.key'))
  use(own, 'open.example')
  chmodSync(join(hosts, 'open.example.key'), 0o644)
  use(own, 'pipe.example')
  rmSync(join(hosts, 'pipe.example.pem'))
  execFileSync('mkfifo', [join(hosts, 'pipe.example.pem')])
  use(own, 'huge.example')
  truncateSync(join(hosts, 'huge.example.key'), 2_000_000)
  writeFileSync(join(hosts, 'Not A Host.pem'), 'x')
  use(own)
  await keeper.look()
  assert.deepEqual(log.toSorted(), [
    'hostCertificateIgnored Not A Host.pem',
    'hostCertificateNotServed huge.example',
    'hostCertificateNotServed junk.example',
    'hostCertificateNotServed keyless.example',
    'hostCertificateNotServed open.example',
    'hostCertificateNotServed pipe.example',
    'hostCertificateServed plant.example',
  ])
  assert.ok(reasons.every((reason) => !reason.includes(own.key.slice(40, 80))))
  assert.ok(context() !== undefined)
  assert.equal(context('open.example'), undefined)
})

test('hosts that are links to one pair share what is made of it', async (t) => {
  const { hosts, own, keeper, context, use } = setUp(t)
  use(own, 'a.example')
  for (const ending of ['pem', 'key']) {
    symlinkSync(join(hosts, `a.example.${ending}`), join(hosts, `b.example.${ending}`))
  }
  await keeper.look()
  assert.ok(context('a.example') !== undefined)
  assert.equal(context('b.example'), context('a.example'))
})

test('a certificate that is about to expire is told once', async (t) => {
  const { own, keeper, log, use } = setUp(t, Date.now() + 20 * 86_400_000)
  use(own)
  await keeper.look()
  await keeper.look()
  assert.deepEqual(log, ['hostCertificateServed plant.example', 'hostCertificateExpires plant.example'])
})

test('a directory that is not there means that no host has its own', async (t) => {
  const { hosts, keeper, log } = setUp(t)
  rmSync(hosts, { recursive: true })
  await keeper.look()
  assert.deepEqual(log, [])
})
