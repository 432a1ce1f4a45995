import assert from 'node:assert/strict'
import { createMemoryWorld } from '../src/adapters/memory/engine.ts'
import { nodeClock } from '../src/adapters/node/clock.ts'
import { nodeRandom } from '../src/adapters/node/random.ts'
import { authenticate } from '../src/auth/authenticate.ts'
import type { AuthenticationContext } from '../src/auth/context.ts'
import type { ConnectEvidence } from '../src/auth/evidence.ts'
import { PathVerdicts } from '../src/auth/path-verdicts.ts'
import { toUnixSeconds, unixSeconds } from '../src/base/time.ts'
import type { NodeId } from '../src/ports/identity.ts'
import { openRegistry } from '../src/registry/registry.ts'
import type { ResourceId } from '../src/registry/resource-id.ts'
import type { NamespaceView } from '../src/registry/view.ts'
import { nameOfCommonName } from '../src/x509/distinguished-name.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  generatePrivateKey,
  issueCertificate,
  type KeyType,
} from '../src/x509/issue.ts'
import { toPem } from '../src/x509/pem.ts'

/**
 * What one decision about a CONNECT costs, in microseconds of processor time, from the bytes of the certificates to the
 * record: `npm run bench -- decision-cost`. Depth is the number of signatures from the leaf to the registered CA.
 *
 * again: a device comes back, and its path verdict is remembered. fleet: a new device, below intermediates that other
 * devices have sent. alone: nothing is remembered, as for the first device and for `sealgate explain`.
 */

const rounds = 7
const fleet = 100
const clock = nodeClock()
const now = toUnixSeconds(clock.now())
const validity = { notBefore: unixSeconds(now - 3_600), notAfter: unixSeconds(now + 86_400) }
const author = { name: 'bench', type: 'Application' as const, at: clock.now() }

export interface DecisionCost {
  readonly keyType: KeyType
  readonly depth: number
  readonly registered: number
  /** Microseconds of processor time, median of the rounds. */
  readonly again: number
  readonly fleet: number
  readonly alone: number
}

export async function measureDecisionCost(): Promise<readonly DecisionCost[]> {
  const costs: DecisionCost[] = []
  await measure('P-256', 3, 10) // compiles what all of them run
  for (const keyType of ['P-256', 'RSA-2048'] as const) {
    for (const depth of [1, 2, 3]) {
      for (const registered of [1, 10]) costs.push(await measure(keyType, depth, registered))
    }
  }
  return costs
}

export function renderDecisionCost(costs: readonly DecisionCost[]): string {
  const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [
    row(['key', 'depth', 'registered CAs', 'again', 'fleet', 'alone']),
    row(['---', '---:', '---:', '---:', '---:', '---:']),
    ...costs.map(({ keyType, depth, registered, ...micros }) =>
      row([keyType, depth, registered, ...[micros.again, micros.fleet, micros.alone].map((value) => value.toFixed(0))]),
    ),
    '',
    'Microseconds of processor time for one decision, from DER to record.',
  ].join('\n')
}

async function measure(keyType: KeyType, depth: number, registered: number): Promise<DecisionCost> {
  const chain = chainOf(keyType, depth)
  const sent = chain
    .slice(1)
    .map(({ certificate }) => certificate.der)
    .reverse()
  const key = generatePrivateKey(keyType)
  const leaves = Array.from({ length: fleet }, () => {
    const subject = nameOfCommonName('device')
    return issueCertificate({ ...validity, issuer: chain.at(-1)!, subject, key }).certificate.der
  })
  const view = await namespaceWith(chain[0]!, registered)
  const decide = (leaf: Uint8Array, context: Omit<AuthenticationContext, 'now'>) => {
    // As a listener hands them over: bytes that nobody has read before.
    const peerChain = [leaf, ...sent].map((der) => Uint8Array.from(der))
    const judged = authenticate(evidenceOf(peerChain), view, { ...context, now })
    assert.equal(judged.outcome, 'accepted')
  }
  const whole = (context: () => Omit<AuthenticationContext, 'now'>) =>
    perDecision(() => {
      const remembered = context()
      for (const leaf of leaves) decide(leaf, remembered)
    })
  const known = new PathVerdicts()
  return {
    keyType,
    depth,
    registered,
    again: whole(() => ({ verdicts: known })),
    fleet: whole(() => ({ verdicts: new PathVerdicts() })),
    alone: whole(() => ({})),
  }
}

/** From the registered one downwards. */
function chainOf(key: KeyType, depth: number): readonly CertificateAuthority[] {
  const chain: CertificateAuthority[] = []
  for (let i = 0; i < depth; i++) {
    const issuer = chain.at(-1)
    const subject = nameOfCommonName(`CA ${i}`)
    chain.push(createCertificateAuthority({ ...validity, subject, key, ...(issuer === undefined ? {} : { issuer }) }))
  }
  return chain
}

async function namespaceWith(anchor: CertificateAuthority, registered: number): Promise<NamespaceView> {
  const { registry: store } = createMemoryWorld().engine('bench' as NodeId, clock)
  const registry = await openRegistry({ store, random: nodeRandom(), clock })
  const put = async (child: ResourceId['child'], body: unknown) => {
    const id = { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'local', namespace: 'bench' }
    const done = await registry.put({ ...id, child } as ResourceId, body, author)
    assert.ok(done.ok, JSON.stringify(done))
  }
  await put(null, { location: 'local', properties: { topicSpacesConfiguration: { state: 'Enabled' } } })
  const others = Array.from({ length: registered - 1 }, (_, i) =>
    createCertificateAuthority({ ...validity, subject: nameOfCommonName(`Other ${i}`) }),
  )
  for (const [i, { certificate }] of [...others, anchor].entries()) {
    const encodedCertificate = toPem('CERTIFICATE', certificate.der)
    await put({ type: 'caCertificates', name: `ca-${i}` }, { properties: { encodedCertificate } })
  }
  await put({ type: 'clients', name: 'device' }, { properties: {} })
  const view = registry.view.namespaceByName('bench')
  assert.ok(view !== undefined)
  return view
}

function evidenceOf(peerChain: readonly Uint8Array[]): ConnectEvidence {
  return {
    listener: 'mqtts',
    serverName: null,
    remoteAddress: '192.0.2.1',
    protocol: 'MQTT5',
    peerChain,
    username: 'device',
    clientId: 'device',
    authenticationMethod: null,
    hasPassword: false,
    plainIdentity: null,
    token: null,
    webhook: null,
  }
}

/** Median, after one round that also compiles. */
function perDecision(round: () => void): number {
  round()
  const spent = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    round()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / fleet
  })
  return spent.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!
}
