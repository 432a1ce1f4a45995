import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { unixMillis } from '../../src/base/time.ts'
import { openDataDirectory } from '../../src/main/data-directory.ts'
import { openServerCertificate } from '../../src/main/server-certificate.ts'
import { openssl, selfSigned } from '../e2e/openssl.ts'
import { temporaryDirectory } from '../listeners/door.ts'

const now = Date.UTC(2027, 0, 1)
const day = 86_400_000

interface Options {
  readonly serverName?: readonly string[]
  readonly domain?: string | null
  readonly tlsCert?: string | null
  readonly tlsKey?: string | null
}

function setUp(t: TestContext) {
  const dataDir = join(temporaryDirectory(t), 'data')
  const directory = openDataDirectory({ mode: 'serve', dataDir, reset: false, adoptDevData: false })
  let seed = 0
  return {
    directory,
    open: (options: Options = {}, at = now) =>
      openServerCertificate(
        { tlsCert: null, tlsKey: null, serverName: ['localhost', '127.0.0.1'], domain: null, ...options },
        directory,
        seededRandom(seed++),
        unixMillis(at),
      ),
  }
}

function serialOf(pem: string): string {
  return new X509Certificate(pem).serialNumber
}

test('the made certificate carries the names, is verified by the CA file, and both keys are for the owner alone', (t) => {
  const { directory, open } = setUp(t)
  const { current, caFile } = open({ serverName: ['localhost', '127.0.0.1', '::1'], domain: 'mqtt.example' })
  assert.equal(caFile, directory.file('tls', 'ca.pem'))
  const leaf = new X509Certificate(current.certificate)
  assert.equal(
    leaf.subjectAltName,
    'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:*.mqtt.example',
  )
  assert.equal(leaf.ca, false)
  assert.ok(leaf.verify(new X509Certificate(readFileSync(caFile ?? '')).publicKey))
  for (const key of ['ca.key', 'server.key']) assert.equal(statSync(directory.file('tls', key)).mode & 0o777, 0o600)
  const said = openssl(
    directory.path,
    ...['verify', '-attime', String(now / 1000), '-purpose', 'sslserver', '-x509_strict', '-verify_ip', '127.0.0.1'],
    ...['-CAfile', 'tls/ca.pem', 'tls/server.pem'],
  )
  assert.match(said, /OK/)
})

test('a restart keeps CA and certificate', (t) => {
  const { open, directory } = setUp(t)
  const first = open()
  const ca = readFileSync(directory.file('tls', 'ca.pem'), 'utf8')
  assert.deepEqual(open().current, first.current)
  assert.equal(readFileSync(directory.file('tls', 'ca.pem'), 'utf8'), ca)
})

test('other names make a new certificate from the same CA', (t) => {
  const { open, directory } = setUp(t)
  const first = open()
  const ca = readFileSync(directory.file('tls', 'ca.pem'), 'utf8')
  const second = open({ serverName: ['broker.example'] })
  assert.notEqual(serialOf(second.current.certificate), serialOf(first.current.certificate))
  assert.equal(readFileSync(directory.file('tls', 'ca.pem'), 'utf8'), ca)
})

test('a certificate with less than thirty days to live is made anew, at start and while running', (t) => {
  const { open } = setUp(t)
  const running = open()
  assert.equal(running.renew(unixMillis(now + 366 * day)), null)
  const renewed = running.renew(unixMillis(now + 368 * day))
  assert.ok(renewed !== null)
  assert.equal(running.current, renewed)
  assert.deepEqual(open({}, now + 369 * day).current, renewed)
  assert.notDeepEqual(open({}, now + 800 * day).current, renewed)
})

test('a CA whose key is gone is not replaced behind the clients back', (t) => {
  const { open, directory } = setUp(t)
  open()
  rmSync(directory.file('tls', 'ca.key'))
  assert.throws(() => open(), /ca\.key is not the key of .*ca\.pem; put it back, or remove both/)
})

test('a CA key that others can read stops the start', (t) => {
  const { open, directory } = setUp(t)
  open()
  chmodSync(directory.file('tls', 'ca.key'), 0o644)
  assert.throws(() => open(), /other users can read it/)
})

test('the operator may bring a certificate; what does not fit is told in one line', (t) => {
  const { open, directory } = setUp(t)
  const own = selfSigned(directory.path, 'own', '/CN=own')
  const other = selfSigned(directory.path, 'other', '/CN=other')
  const files = { tlsCert: own.certificateFile, tlsKey: own.keyFile }
  const opened = open(files)
  assert.deepEqual(opened.current, { certificate: own.certificate, privateKey: own.key })
  assert.equal(opened.caFile, null)
  assert.equal(opened.renew(unixMillis(now + 10_000 * day)), null)
  assert.throws(() => open({ ...files, tlsKey: other.keyFile }), /is not the key of the first certificate/)
  assert.throws(() => open({ ...files, tlsKey: own.certificateFile }), /other users can read it|no PEM private key/)
  assert.throws(() => open({ ...files, tlsCert: own.keyFile }), /no PEM certificate/)
  assert.throws(() => open({ ...files, tlsCert: 'nowhere.pem' }), /^StartError: --tls-cert nowhere\.pem: ENOENT/)
  chmodSync(own.keyFile, 0o644)
  assert.throws(() => open(files), /other users can read it/)
  chmodSync(own.keyFile, 0o640)
  open(files)
})

test('a server name that no certificate can carry stops the start', (t) => {
  const { open } = setUp(t)
  assert.throws(() => open({ serverName: ['straße.example'] }), /--server-name "straße\.example"/)
})

test('a broken certificate file is made anew', (t) => {
  const { open, directory } = setUp(t)
  open()
  writeFileSync(directory.file('tls', 'server.pem'), 'half a certif')
  assert.match(open().current.certificate, /BEGIN CERTIFICATE/)
})
