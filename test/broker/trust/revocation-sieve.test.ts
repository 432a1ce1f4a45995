import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PathVerdicts } from '../../../src/auth/path-verdicts.ts'
import type { Core } from '../../../src/broker/core/core.ts'
import type { Namespace } from '../../../src/broker/namespace/namespace.ts'
import type { OnlineSession } from '../../../src/broker/namespace/session.ts'
import { RevocationSieve } from '../../../src/broker/trust/revocation-sieve.ts'
import { denyKeysOf } from '../../../src/x509/deny.ts'
import { DenyList } from '../../../src/x509/deny-list.ts'
import { Revocation } from '../../../src/x509/revocation.ts'
import { authority, forge, now, parse } from '../../x509/kit.ts'

test('S46: entries that come one after the other without end hold up nobody’s turn to be looked at', () => {
  const der = forge({ issuer: authority('CN=root') })
  const denyList = new DenyList()
  denyList.set('lost-7', denyKeysOf(parse(der)))
  const evidence = { peerChain: [der], listener: 'mqtts', refusedOrigin: null }
  const sessions = Array.from({ length: 1_000 }, () => ({ evidence }) as unknown as OnlineSession)
  const view = { caCertificates: () => [], revocation: new Revocation({ denyList, lists: [], refuseStale: false }) }
  const namespace = { view, sessions: { online: () => sessions } } as unknown as Namespace
  const core = { turn: { now: now * 1_000, resumeLater() {} }, verdicts: new PathVerdicts() } as unknown as Core
  const found = new Set<OnlineSession>()
  const sieve = new RevocationSieve(core, (concerned) => {
    for (const session of concerned) found.add(session)
  })
  for (let turns = 0; turns < 10; turns++) {
    sieve.start(namespace)
    sieve.resume()
  }
  assert.equal(found.size, sessions.length)
})
