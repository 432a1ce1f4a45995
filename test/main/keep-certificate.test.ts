import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, copyFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { unixMillis } from '../../src/base/time.ts'
import { TlsContexts } from '../../src/listeners/tls-context.ts'
import { openDataDirectory } from '../../src/main/data-directory.ts'
import { keepCertificateCurrent, lookEveryMs } from '../../src/main/keep-certificate.ts'
import { openServerCertificate } from '../../src/main/server-certificate.ts'
import { openssl, selfSigned } from '../e2e/openssl.ts'
import { temporaryDirectory } from '../listeners/door.ts'

const day = 86_400_000

/** A keeper of the certificate in `server.pem` and `server.key`; `first` is there, `second` is ready. */
function setUp(t: TestContext, at = Date.now()) {
  const directory = temporaryDirectory(t)
  const [first, second] = ['first', 'second'].map((name) => selfSigned(directory, name, `/CN=${name}`))
  const tlsCert = join(directory, 'server.pem')
  const tlsKey = join(directory, 'server.key')
  copyFileSync(first!.certificateFile, tlsCert)
  copyFileSync(first!.keyFile, tlsKey)
  const { clock, run } = fakeClock(unixMillis(at))
  const data = openDataDirectory({ mode: 'serve', dataDir: join(directory, 'data'), reset: false, adoptDevData: false })
  const config = { tlsCert, tlsKey, serverName: ['localhost'], domain: null }
  const source = openServerCertificate(config, data, seededRandom(1), clock.now())
  const contexts = new TlsContexts(source.current)
  const log: { event: string; facts: Readonly<Record<string, unknown>> }[] = []
  const keeper = keepCertificateCurrent(source, contexts, clock, {
    write: (_level, event, facts) => void log.push({ event, facts }),
  })
  t.after(() => keeper.stop())
  const served = (): string => new X509Certificate(contexts.fallbackOptions.cert as string).subject
  return { directory, second: second!, tlsCert, tlsKey, run, keeper, log, served }
}

test('a certificate and key that are replaced are served within ten seconds', async (t) => {
  const { second, tlsCert, tlsKey, run, served, log } = setUp(t)
  assert.equal(served(), 'CN=first')
  copyFileSync(second.keyFile, tlsKey)
  copyFileSync(second.certificateFile, tlsCert)
  await run(lookEveryMs)
  assert.equal(served(), 'CN=second')
  assert.deepEqual(
    log.map(({ event }) => event),
    ['serverCertificateReplaced'],
  )
})

test('a look that is asked for does not wait, and a change behind symlinks is one', (t) => {
  const { directory, second, tlsCert, tlsKey, keeper, served } = setUp(t)
  for (const [file, target] of [
    [tlsCert, second.certificateFile],
    [tlsKey, second.keyFile],
  ] as const) {
    const link = join(directory, 'link')
    symlinkSync(target, link)
    renameSync(link, file)
  }
  keeper.look()
  assert.equal(served(), 'CN=second')
})

test('half a pair is told once and leaves what is served; the other half completes it', async (t) => {
  const { second, tlsCert, tlsKey, run, served, log } = setUp(t)
  copyFileSync(second.certificateFile, tlsCert)
  await run(3 * lookEveryMs)
  assert.equal(served(), 'CN=first')
  assert.equal(log.length, 1)
  assert.equal(log[0]?.event, 'serverCertificateNotReplaced')
  assert.match(String(log[0]?.facts['reason']), /is not the key of the first certificate/)
  copyFileSync(second.keyFile, tlsKey)
  await run(lookEveryMs)
  assert.equal(served(), 'CN=second')
})

for (const [what, spoil, reason] of [
  ['rubbish', ({ tlsCert }: Files) => writeFileSync(tlsCert, 'x'), /no PEM certificate/],
  ['a missing file', ({ tlsKey }: Files) => renameSync(tlsKey, `${tlsKey}.away`), /ENOENT/],
  [
    'a key that everybody can read',
    ({ tlsCert, tlsKey, directory }: Files) => {
      copyFileSync(join(directory, 'second.pem'), tlsCert)
      copyFileSync(join(directory, 'second.key'), tlsKey)
      chmodSync(tlsKey, 0o644)
    },
    /chmod 600/,
  ],
  [
    'a key that TLS finds too short',
    ({ tlsCert, tlsKey, directory }: Files) => {
      openssl(
        directory,
        ...['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-subj', '/CN=weak'],
        '-keyout',
        tlsKey,
        '-out',
        tlsCert,
      )
      chmodSync(tlsKey, 0o600)
    },
    /TLS cannot use it: .*key too small/,
  ],
] as const) {
  test(`${what} is told and leaves what is served`, async (t) => {
    const kept = setUp(t)
    spoil(kept)
    await kept.run(2 * lookEveryMs)
    assert.equal(kept.served(), 'CN=first')
    assert.deepEqual(
      kept.log.map(({ event }) => event),
      ['serverCertificateNotReplaced'],
    )
    assert.match(String(kept.log[0]?.facts['reason']), reason)
  })
}

test('a certificate that is about to expire is warned of once', async (t) => {
  // It is valid for 30 days.
  const { run, log } = setUp(t, Date.now() + 16 * day - 300_000)
  assert.equal(log.length, 0)
  await run(600_000)
  assert.deepEqual(
    log.map(({ event }) => event),
    ['serverCertificateExpires'],
  )
})

type Files = Pick<ReturnType<typeof setUp>, 'directory' | 'tlsCert' | 'tlsKey'>
