import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryObjects } from 'node:v8'
import { OnlineSession } from '../../src/broker/namespace/session.ts'
import { ExactlyOnce } from '../../src/broker/packets/exactly-once.ts'
import { house } from './support.ts'

type Class = abstract new (...args: never[]) => object

function countOf(of: Class): number {
  return queryObjects(of as Parameters<typeof queryObjects>[0], { format: 'count' })
}

/**
 * Most connections of a fleet are idle most of the time, so what a client has not used yet it does not pay for (bench:
 * mtls-idle). Counted over the whole process, the clients' own ends included: those hold none of these either.
 */
test('a client that is connected and does nothing has no map, no typed array and nothing for QoS 2 of its own', async () => {
  const names = Array.from({ length: 11 }, (_, i) => `device-${i}`)
  const home = house({ clients: names })
  const clients = []
  // What is made once is made for the first.
  clients.push(await home.connect({ name: names[0]! }))
  await home.settle()
  const classes: readonly Class[] = [OnlineSession, ExactlyOnce, Map, Uint8Array, Set]
  const before = classes.map(countOf)
  for (const name of names.slice(1)) clients.push(await home.connect({ name }))
  await home.settle()
  const added = classes.map((of, i) => (countOf(of) - before[i]!) / 10)
  assert.equal(clients.length, 11)
  // The one set holds the sessions of its client, in the index that finds them when the client changes.
  assert.deepEqual(added, [1, 0, 0, 0, 1])
})
