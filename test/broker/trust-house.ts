import assert from 'node:assert/strict'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { type FakeClock, fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { type UnixSeconds, unixMillis } from '../../src/base/time.ts'
import { createBroker } from '../../src/broker/broker.ts'
import { defaultSettings } from '../../src/broker/core/settings.ts'
import type { Engine } from '../../src/ports/engine.ts'
import type { BrokerEvent } from '../../src/ports/events.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import type { Author } from '../../src/registry/change.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import { type ChildType, childId, namespaceId } from '../../src/registry/resource-id.ts'
import type { NamespaceView } from '../../src/registry/view.ts'
import { type CertificateAuthority, createCertificateAuthority, issueCertificate } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { general, key, name, now, valid } from '../x509/kit.ts'
import { type ClientOptions, TestClient } from './support.ts'

/** A broker over a real registry, memory adapters, a fake clock and fake transports: for what changes under sessions. */

export const address = { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'local' }
const author: Author = { name: 'ops', type: 'User', at: unixMillis(now * 1_000) }

export interface TrustHouse {
  readonly registry: Registry
  readonly clock: FakeClock
  readonly engine: Engine
  readonly broker: ReturnType<typeof createBroker>
  readonly events: readonly BrokerEvent[]
  /** Of the namespace `plant`. */
  readonly view: NamespaceView
  /** Writes a child of the namespace; false: it was refused. */
  put(type: ChildType, name: string, properties: unknown): Promise<boolean>
  delete(type: ChildType, name: string): Promise<boolean>
  patchNamespace(properties: unknown): Promise<boolean>
  open(options?: ClientOptions): TestClient
  connect(options?: ClientOptions): Promise<TestClient>
  settle(): Promise<void>
  pass(ms: number): Promise<void>
}

export async function trustHouse(): Promise<TrustHouse> {
  const clock = fakeClock(unixMillis(now * 1_000))
  const engine = createMemoryWorld().engine('n1' as NodeId, clock.clock)
  const random = seededRandom(7)
  const registry = await openRegistry({ store: engine.registry, random, clock: clock.clock, defaultProfile: 'full' })
  const topicSpacesConfiguration = { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 10 }
  const made = await registry.put(
    namespaceId({ ...address, namespace: 'plant' }),
    { location: 'local', properties: { topicSpacesConfiguration } },
    author,
  )
  assert.ok(made.ok)
  const events = createEvents()
  const seen: BrokerEvent[] = []
  events.on(['decision', 'sessionOpened', 'sessionEnded', 'bug'], (event) => {
    seen.push(event)
  })
  const settings = { ...defaultSettings, nodeId: 'n1' as NodeId, refusalDelayMs: 0 }
  const world = { engine, registry, clock: clock.clock, random, log: { write: () => {} }, events }
  const broker = createBroker({ settings, ...world })
  const settle = async (): Promise<void> => {
    await clock.settle()
    const bug = seen.find((event) => event.kind === 'bug')
    if (bug !== undefined) throw bug.error
  }
  const child = (type: ChildType, name: string) => childId({ ...address, namespace: 'plant' }, type, name)
  const house: TrustHouse = {
    registry,
    clock,
    engine,
    broker,
    events: seen,
    get view() {
      const view = registry.view.namespaceByName('plant')
      assert.ok(view !== undefined)
      return view
    },
    put: async (type, name, properties) => (await registry.put(child(type, name), { properties }, author)).ok,
    delete: async (type, name) => (await registry.delete(child(type, name), author)).ok,
    patchNamespace: async (properties) =>
      (await registry.patch(namespaceId({ ...address, namespace: 'plant' }), { properties }, author)).ok,
    open: (options = {}) => new TestClient(house, options),
    async connect(options = {}) {
      const client = house.open(options)
      const { reasonCode } = await client.connect()
      assert.equal(reasonCode, 0, JSON.stringify(seen.at(-1)))
      return client
    },
    settle,
    async pass(ms) {
      await clock.run(ms)
      await settle()
    },
  }
  return house
}

export function authority(
  subject: string,
  index: number,
  fields: { notAfter?: UnixSeconds; issuer?: CertificateAuthority } = {},
): CertificateAuthority {
  return createCertificateAuthority({ subject: name(subject), ...valid, key: key(index), ...fields })
}

/** The certificates that a device sends, leaf first. */
export function chainOf(
  commonName: string,
  issuer: CertificateAuthority,
  { sent = [], notAfter = valid.notAfter }: { sent?: readonly CertificateAuthority[]; notAfter?: UnixSeconds } = {},
): readonly Uint8Array[] {
  const { certificate } = issueCertificate({
    ...valid,
    notAfter,
    issuer,
    subject: name(`CN=${commonName}`),
    subjectAltNames: [general('dNSName', commonName)],
    key: key(9),
  })
  return [certificate.der, ...sent.map((ca) => ca.certificate.der)]
}

export function caProperties({ certificate }: CertificateAuthority): unknown {
  return { encodedCertificate: toPem('CERTIFICATE', certificate.der) }
}

export interface ClientFields {
  readonly scheme?: 'Subject' | 'Dns' | 'Email'
  readonly thumbprints?: readonly string[]
  readonly state?: 'Enabled' | 'Disabled'
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly issuers?: readonly string[] | null
}

export function clientProperties(fields: ClientFields = {}): unknown {
  const { scheme = 'Subject', thumbprints, state = 'Enabled', attributes = {}, issuers = null } = fields
  const clientCertificateAuthentication =
    thumbprints === undefined
      ? { validationScheme: `${scheme}MatchesAuthenticationName` }
      : { validationScheme: 'ThumbprintMatch', allowedThumbprints: thumbprints }
  return { state, attributes, clientCertificateAuthentication, sealgate: { issuers } }
}
