import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sighting } from '../../src/registry/seen/certificates-seen.ts'
import { issue, newKey } from '../auth/certificates.ts'
import { certificate, house } from './support.ts'

function watched() {
  const seen: Sighting[] = []
  const home = house({ certificatesSeen: { saw: (sighting) => void seen.push(sighting) } })
  return { home, seen }
}

test('the certificate that a client is accepted with is noted, that of a refused one is not', async () => {
  const { home, seen } = watched()
  await home.connect({ name: 'alpha' })
  const refused = home.open({ name: 'beta', peerChain: [issue({ subject: 'device', serial: 7 }).der] })
  await refused.connect()
  const unknown = home.open({ name: 'nobody' })
  await unknown.connect()
  assert.deepEqual(
    seen.map(({ clientUid, leaf, caCertificateName, at }) => ({ clientUid, leaf, caCertificateName, at })),
    [{ clientUid: 'uid-alpha', leaf: certificate.der, caCertificateName: null, at: home.clock.clock.now() }],
  )
  assert.match(seen[0]?.fingerprint ?? '', /^[0-9a-f]{64}$/)
})

test('the CA certificate of the path is noted, and the other one when a session goes over to it', async () => {
  const { home, seen } = watched()
  const key = newKey()
  const [one, two] = [1, 2].map((serial) => issue({ subject: 'plant CA', ca: true, key, serial }))
  const leaf = issue({ subject: 'gamma', issuer: one!, extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] })
  home.namespace.change('gamma', { validationScheme: 'SubjectMatchesAuthenticationName', allowedThumbprints: [] })
  home.namespace.ca('one', one!.der)
  home.changed({ type: 'caCertificates', name: 'one', change: 'created' })
  const gamma = await home.connect({ name: 'gamma', peerChain: [leaf.der] })
  home.namespace.ca('two', two!.der)
  home.changed({ type: 'caCertificates', name: 'two', change: 'created' })
  home.namespace.removeCa('one')
  home.changed({ type: 'caCertificates', name: 'one', change: 'deleted' })
  await home.settle()
  assert.equal(gamma.peer.ended, null)
  assert.deepEqual(
    seen.map(({ caCertificateName }) => caCertificateName),
    ['one', 'two'],
  )
})
