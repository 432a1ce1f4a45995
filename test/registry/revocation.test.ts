import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUnixSeconds, unixSeconds } from '../../src/base/time.ts'
import { applyDeployment } from '../../src/registry/deployment/apply.ts'
import { exportTemplate } from '../../src/registry/deployment/export.ts'
import { readTemplate } from '../../src/registry/deployment/template.ts'
import { openRegistry, type Registry } from '../../src/registry/registry.ts'
import {
  encodeSeen,
  SeenIndex,
  seenCertificate,
  seenIndexEntry,
  seenKey,
} from '../../src/registry/seen/seen-certificate.ts'
import { childPrefix } from '../../src/registry/stored.ts'
import type { Certificate } from '../../src/x509/certificate.ts'
import { denyKeysOf } from '../../src/x509/deny.ts'
import { type CertificateAuthority, createRevocationList } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { authority, forge, key, parse, pem } from '../x509/kit.ts'
import {
  author,
  briefly,
  emptyRegistry,
  failure,
  memoryStore,
  must,
  namespaceBody,
  ns,
  parts,
  plantRegistry,
  problems,
  propertiesOf,
  put,
  start,
} from './support.ts'

const at = (offset: number) => unixSeconds(toUnixSeconds(start) + offset)
const validity = { notBefore: at(-86_400), notAfter: at(86_400 * 365) }
const root = authority('CN=root', { key: key(0), ...validity })
const hall = authority('CN=hall', { key: key(1), issuer: root, ...validity })
const leaf = parse(forge({ issuer: root, serialNumber: 0x10n, ...validity }))

function listOf(
  issuer: CertificateAuthority,
  revoked: readonly bigint[],
  { thisUpdate = at(-600), nextUpdate = at(600), crlNumber = 5n } = {},
): Uint8Array {
  const entries = revoked.map((serialNumber) => ({ serialNumber, revokedAt: at(-600) }))
  return createRevocationList({ issuer, thisUpdate, nextUpdate, crlNumber, revoked: entries })
}

async function plant(more: Parameters<typeof plantRegistry>[0] = {}): Promise<Registry> {
  const registry = await plantRegistry(more)
  must(await put(registry, 'caCertificates', 'plant-ca', { encodedCertificate: pem(root.certificate) }))
  return registry
}

const context = { ...ns('plant'), location: 'local' }

const deny = (registry: Registry, name: string, properties: unknown) =>
  put(registry, 'sealgateDenyEntries', name, properties)
const setList = (registry: Registry, name: string, der: Uint8Array, more: object = {}) =>
  put(registry, 'sealgateRevocationLists', name, { encodedRevocationList: toPem('X509 CRL', der), ...more })

function verdictOn(registry: Registry, certificate: Certificate, now = at(0)): string {
  const view = registry.view.namespaceByName('plant')
  assert.ok(view !== undefined)
  return view.revocation.faultOf(certificate, false, now)?.kind ?? 'good'
}

test('S22: a certificate is kept as issuer and serial number, content and key', async () => {
  const registry = await plant()
  const made = must(await deny(registry, 'lost-7', { encodedCertificate: pem(leaf), description: 'stolen' }))
  const { tbsCertificate, publicKey } = denyKeysOf(leaf)
  const { sealgate: _, provisioningState: __, ...properties } = propertiesOf(made) as Record<string, unknown>
  assert.deepEqual(properties, {
    description: 'stolen',
    certificateSubject: 'CN=leaf',
    certificateIssuer: 'CN=root',
    issuerSha256: denyKeysOf(leaf).issuerAndSerialNumber.split(':')[0],
    serialNumber: '0x10',
    tbsCertificateSha256: tbsCertificate,
    publicKeySha256: publicKey,
  })
  assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
  must(await registry.delete(ns('plant', 'sealgateDenyEntries', 'lost-7'), author))
  assert.equal(verdictOn(registry, leaf), 'good')
})

test('S22 S24: issuer and serial number deny whatever the spelling; two readings are asked for again', async () => {
  const registry = await plant()
  for (const serialNumber of ['0x10', '00:10', '0X0010', ' 0x10 ']) {
    must(await deny(registry, 'lost-7', { caCertificateName: 'PLANT-CA', serialNumber }))
    assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
    must(await registry.delete(ns('plant', 'sealgateDenyEntries', 'lost-7'), author))
  }
  must(await deny(registry, 'lost-7', { encodedIssuerCertificate: pem(root.certificate), serialNumber: '0x10' }))
  assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
  const [problem] = problems(await deny(registry, 'lost-8', { caCertificateName: 'plant-ca', serialNumber: '10' }))
  assert.match(problem?.message ?? '', /^10 may be meant as hexadecimal or as decimal\. Write 0x10 for .* 0xa for/)
  const bad = [
    {},
    { serialNumber: '0x10' },
    { caCertificateName: 'plant-ca' },
    { caCertificateName: 'nobody', serialNumber: '0x10' },
    { publicKeySha256: 'ab' },
    { encodedCertificate: pem(leaf) + pem(leaf) },
    { encodedCertificate: 'hello' },
    { caCertificateName: 'plant-ca', issuerSha256: '0'.repeat(64), serialNumber: '0x10' },
  ]
  for (const properties of bad) assert.ok(problems(await deny(registry, 'lost-9', properties)).length > 0)
})

test('S22: what stands beside a certificate must be of it, as what GET shows is', async () => {
  const registry = await plant()
  const negative = parse(forge({ issuer: root, serialNumber: -5n, ...validity }))
  for (const certificate of [leaf, negative]) {
    const made = must(await deny(registry, 'lost-7', { encodedCertificate: pem(certificate) }))
    const { sealgate: _, provisioningState: __, ...shown } = propertiesOf(made) as Record<string, unknown>
    const again = must(await deny(registry, 'lost-7', shown))
    assert.deepEqual(propertiesOf(again), propertiesOf(made))
    must(await deny(registry, 'lost-7', { ...shown, encodedCertificate: pem(certificate) }))
    assert.equal(verdictOn(registry, certificate), 'certificateRevoked')
  }
  const strangers = {
    serialNumber: '0x11',
    publicKeySha256: 'ab'.repeat(32),
    caCertificateName: 'plant-ca',
    encodedIssuerCertificate: pem(root.certificate),
  }
  for (const [name, value] of Object.entries(strangers)) {
    const found = problems(await deny(registry, 'lost-8', { encodedCertificate: pem(leaf), [name]: value }))
    assert.deepEqual(
      found.map(({ target }) => target),
      [`properties.${name}`],
    )
  }
})

test('S22: a bare fingerprint is that of a certificate that was seen, or is refused with advice', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  must(await registry.put(ns('plant'), namespaceBody, author))
  const namespace = registry.view.namespaceByName('plant')?.id ?? ''
  const key = seenKey(namespace, 'client-uid')
  const value = encodeSeen({ format: 1, certificates: [seenCertificate(leaf, null, start)] })
  const claim = [{ index: SeenIndex, value: seenIndexEntry(namespace, leaf.sha256), owner: key }]
  await store.write({ put: [{ key, value }], remove: [], claim, release: [] })
  const [problem] = problems(await deny(registry, 'lost-8', { certificateFingerprint: '0'.repeat(64) }))
  assert.match(problem?.message ?? '', /encodedCertificate/)
  const made = must(await deny(registry, 'lost-7', { certificateFingerprint: leaf.sha256.toUpperCase() }))
  const whole = must(await deny(registry, 'lost-6', { encodedCertificate: pem(leaf) }))
  assert.deepEqual(propertiesOf(made), propertiesOf(whole), 'the same as of the certificate itself')
  must(await registry.delete(ns('plant', 'sealgateDenyEntries', 'lost-6'), author))
  assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
})

test('S21: an entry that holds a private key is refused and nothing of it is told', async () => {
  const registry = await plant()
  const text = '-----BEGIN PRIVATE KEY-----\nMIIEsecret\n-----END PRIVATE KEY-----\n'
  for (const done of [
    await deny(registry, 'lost-7', { encodedCertificate: text }),
    await put(registry, 'sealgateRevocationLists', 'plant-ca', { encodedRevocationList: text }),
  ]) {
    assert.match(briefly(done).join(), /PrivateKeyRefused/)
    assert.doesNotMatch(JSON.stringify(problems(done)), /secret/)
  }
})

test('S23: entries outlive the CA and the clients, and a start', async () => {
  const store = memoryStore()
  const first = await openRegistry(parts(store))
  must(await first.put(ns('plant'), namespaceBody, author))
  must(await put(first, 'caCertificates', 'plant-ca', { encodedCertificate: pem(root.certificate) }))
  must(await deny(first, 'lost-7', { encodedCertificate: pem(leaf) }))
  must(await setList(first, 'plant-ca', listOf(root, [0x11n])))
  must(await first.delete(ns('plant', 'caCertificates', 'plant-ca'), author))
  const other = parse(forge({ issuer: root, serialNumber: 0x11n, ...validity }))
  for (const registry of [first, await openRegistry(parts(store))]) {
    assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
    assert.equal(verdictOn(registry, other), 'certificateRevoked')
  }
})

test('denying a registered CA certificate succeeds with a warning', async () => {
  const registry = await plant()
  const { warnings } = must(await deny(registry, 'all', { publicKeySha256: denyKeysOf(root.certificate).publicKey }))
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['CaCertificateDenied'],
  )
})

test('S25: a list is stored with what it says of itself, and revokes what it lists', async () => {
  const registry = await plant()
  const der = listOf(root, [0x10n, 0x11n])
  const made = must(await setList(registry, 'plant-ca', der, { description: 'weekly' }))
  const { encodedIssuerCertificate, sha256, ...rest } = propertiesOf(made) as Record<string, unknown>
  assert.equal(encodedIssuerCertificate, pem(root.certificate))
  assert.match(String(sha256), /^[0-9a-f]{64}$/)
  const { provisioningState: _, ...facts } = rest
  assert.deepEqual(facts, {
    description: 'weekly',
    issuer: 'CN=root',
    thisUpdateInUtc: '2026-11-21T23:50:00Z',
    nextUpdateInUtc: '2026-11-22T00:10:00Z',
    crlNumber: '0x5',
    revokedCertificates: 2,
    octets: der.length,
  })
  assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
  assert.deepEqual(
    Buffer.from(must(registry.listContent(ns('plant', 'sealgateRevocationLists', 'plant-ca')))),
    Buffer.from(der),
  )
  const again = must(await setList(registry, 'plant-ca', der, { description: 'weekly' }))
  assert.equal(again.change, 'unchanged')
  const described = must(await put(registry, 'sealgateRevocationLists', 'plant-ca', { description: 'daily' }))
  assert.equal(described.change, 'updated')
  assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
  must(await registry.delete(ns('plant', 'sealgateRevocationLists', 'plant-ca'), author))
  assert.equal(verdictOn(registry, leaf), 'good')
})

test('S25: a list that does not count keeps the old one and says why', async () => {
  const registry = await plant()
  must(await setList(registry, 'plant-ca', listOf(root, [0x10n])))
  const stranger = authority('CN=root', { key: key(4), ...validity })
  const foreign = authority('CN=foreign', { key: key(4), ...validity })
  const current = listOf(root, [])
  const refused: readonly [Uint8Array, RegExp][] = [
    [listOf(stranger, []), /was not signed with its key/],
    [listOf(foreign, []), /one of CN=foreign, and no CA certificate of that name is registered/],
    [listOf(root, [], { crlNumber: 4n }), /The list in use is newer: of .* with number 0x5; .* Set allowOlder/],
    [listOf(root, [], { thisUpdate: at(-601), crlNumber: 6n }), /The list in use is newer/],
    [listOf(root, [], { thisUpdate: at(400), crlNumber: 6n }), /in the future/],
    [current.subarray(0, current.length - 1), /cannot be read/],
  ]
  for (const [der, sentence] of refused) {
    const [problem] = problems(await setList(registry, 'plant-ca', der))
    assert.match(problem?.message ?? '', sentence)
    assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
  }
  const cut = toPem('X509 CRL', current).slice(0, 150)
  const [problem] = problems(await put(registry, 'sealgateRevocationLists', 'plant-ca', { encodedRevocationList: cut }))
  assert.match(problem?.message ?? '', /cut off/)
  must(await setList(registry, 'plant-ca', listOf(root, [], { crlNumber: 4n }), { allowOlder: true }))
  assert.equal(verdictOn(registry, leaf), 'good')
})

test('S25: a list of another CA does not take the place of one: nobody is acquitted by it', async () => {
  const registry = await plant()
  must(await put(registry, 'caCertificates', 'hall', { encodedCertificate: pem(hall.certificate) }))
  must(await setList(registry, 'plant-ca', listOf(root, [0x10n])))
  const stranger = authority('CN=stranger', { key: key(4), ...validity })
  for (const [der, more] of [
    [listOf(hall, []), {}],
    [listOf(hall, []), { allowOlder: true }],
    [listOf(stranger, []), { encodedIssuerCertificate: pem(stranger.certificate) }],
  ] as const) {
    const [problem] = problems(await setList(registry, 'plant-ca', der, more))
    assert.match(problem?.message ?? '', /the one in its place is of another CA/)
    assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
  }
  must(await setList(registry, 'hall', listOf(hall, [])))
})

test('S15: what is judged while a write is stored but not told yet is not remembered as judged by it', async () => {
  const under = memoryStore()
  const told: (() => void)[] = []
  let holds = false
  const store = {
    get: under.get.bind(under),
    lookup: under.lookup.bind(under),
    range: under.range.bind(under),
    write: under.write.bind(under),
    revision: under.revision.bind(under),
    watch: (callback: Parameters<typeof under.watch>[0]) =>
      under.watch((changes) => (holds ? void told.push(() => callback(changes)) : callback(changes))),
  }
  const registry = await openRegistry(parts(store))
  must(await registry.put(ns('plant'), namespaceBody, author))
  const view = registry.view.namespaceByName('plant')
  assert.equal(verdictOn(registry, leaf), 'good')
  must(await put(registry, 'clientGroups', 'others', { query: "attributes.a = '1'" }))
  holds = true
  must(await deny(registry, 'lost-7', { encodedCertificate: pem(leaf) }))
  must(await put(registry, 'clientGroups', 'more', { query: "attributes.a = '1'" }))
  const judgedUnder = [view?.trustRevision, view?.rightsRevision]
  assert.equal(verdictOn(registry, leaf), 'good', 'nobody was answered yet')
  for (const tell of told) tell()
  assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
  assert.notEqual(view?.trustRevision, judgedUnder[0])
  assert.notEqual(view?.rightsRevision, judgedUnder[1])
  holds = false
})

test('entries of one write are counted once, and the limit holds within it', async () => {
  const under = memoryStore()
  const [word = ''] = childPrefix('sealgateDenyEntries', '').split(' ')
  let counted = 0
  const range = under.range.bind(under)
  under.range = (prefix, after, limit) => {
    if (prefix.startsWith(word)) counted++
    return range(prefix, after, limit)
  }
  const registry = await openRegistry(parts(under))
  const few = { ...namespaceBody.properties, sealgate: { limits: { maximumDenyEntries: 200 } } }
  must(await registry.put(ns('plant'), { ...namespaceBody, properties: few }, author))
  const entry = (i: number) => ({
    kind: 'put' as const,
    id: ns('plant', 'sealgateDenyEntries', `lost-${i}`),
    body: { properties: { publicKeySha256: String(i).padStart(64, '0') } },
  })
  const entries = (from: number, count: number) => Array.from({ length: count }, (_, i) => entry(from + i))
  const limit = registry.view.namespaceByName('plant')?.limits.maximumDenyEntries ?? 0
  must(await registry.transact(entries(0, limit - 2), author))
  assert.ok(counted < 20, `counted ${counted} times`)
  assert.match(briefly(await registry.transact(entries(limit - 2, 3), author)).join(), /QuotaExceeded/)
  const swap = [entry(limit - 2), entry(limit - 1), { kind: 'delete' as const, id: entry(0).id }, entry(limit)]
  must(await registry.transact(swap, author))
  assert.equal(failure(await registry.transact(entries(limit + 1, 1), author)).kind, 'quotaExceeded')
})

test('S25: the list of a CA that is not registered comes with its certificate, and one CA has one list', async () => {
  const registry = await plant()
  const below = parse(forge({ issuer: hall, serialNumber: 0x20n, ...validity }))
  assert.match(briefly(await setList(registry, 'hall', listOf(hall, [0x20n]))).join(), /InvalidRevocationList/)
  const encodedIssuerCertificate = pem(hall.certificate)
  must(await setList(registry, 'hall', listOf(hall, [0x20n]), { encodedIssuerCertificate }))
  assert.equal(verdictOn(registry, below), 'certificateRevoked')
  must(await setList(registry, 'hall', listOf(hall, [0x20n], { crlNumber: 6n })))
  const second = await setList(registry, 'hall-2', listOf(hall, [], { crlNumber: 7n }), { encodedIssuerCertificate })
  assert.match(problems(second)[0]?.message ?? '', /hall is of the same CA/)
  const device = await setList(registry, 'leaf', listOf(hall, []), { encodedIssuerCertificate: pem(leaf) })
  assert.match(problems(device)[0]?.message ?? '', /no CA certificate/)
})

test('S56: all lists of a namespace together have so many bytes; a list that takes the place of one counts once', async () => {
  const registry = await plant()
  must(await put(registry, 'caCertificates', 'hall-ca', { encodedCertificate: pem(hall.certificate) }))
  const limits = (maximumRevocationListBytes: number) =>
    registry.patch(ns('plant'), { properties: { sealgate: { limits: { maximumRevocationListBytes } } } }, author)
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => BigInt(i + 1))
  const [first, next, other] = [
    listOf(root, numbers(100)),
    listOf(root, numbers(100), { crlNumber: 6n }),
    listOf(hall, numbers(20)),
  ]
  // Signatures are not all of one length.
  const most = Math.max(first.length, next.length)
  must(await limits(most))
  must(await setList(registry, 'root', first))
  must(await setList(registry, 'Root', next))
  const refused = failure(await setList(registry, 'hall', other))
  assert.equal(refused.kind === 'quotaExceeded' && refused.limit, 'maximumRevocationListBytes')
  must(await limits(next.length + other.length - 1))
  assert.equal(failure(await setList(registry, 'hall', other)).kind, 'quotaExceeded')
  must(await limits(next.length + other.length))
  must(await setList(registry, 'hall', other))
})

test('S25: however many lists one write brings, none is read again when it is first asked', async () => {
  const store = memoryStore()
  let pieces = 0
  const get: typeof store.get = (record) => {
    if (record.startsWith('crlPiece')) pieces++
    return store.get(record)
  }
  const registry = await openRegistry(parts({ ...store, get }))
  must(await registry.put(ns('plant'), namespaceBody, author))
  const authorities = Array.from({ length: 7 }, (_, i) => authority(`CN=ca ${i}`, { key: key(i % 2), ...validity }))
  const changes = authorities.map((issuer, i) => ({
    kind: 'put' as const,
    id: ns('plant', 'sealgateRevocationLists', `list-${i}`),
    label: `list-${i}`,
    body: {
      properties: {
        encodedRevocationList: toPem('X509 CRL', listOf(issuer, [BigInt(i + 1)])),
        encodedIssuerCertificate: pem(issuer.certificate),
      },
    },
  }))
  must(await registry.transact(changes, author))
  assert.ok(pieces > 0, 'the store was asked')
  pieces = 0
  for (const [i, issuer] of authorities.entries()) {
    assert.equal(
      verdictOn(registry, parse(forge({ issuer, serialNumber: BigInt(i + 1), ...validity }))),
      'certificateRevoked',
    )
  }
  assert.equal(pieces, 0)
  registry.close()
})

test('a list that is handed over as octets is the same list', async () => {
  const registry = await plant()
  const id = ns('plant', 'sealgateRevocationLists', 'plant-ca')
  const content = listOf(root, [0x10n])
  must(await registry.put(id, { properties: {} }, author, { content }))
  assert.equal(verdictOn(registry, leaf), 'certificateRevoked')
})

test('S15: what is denied and revoked counts in the trust revision', async () => {
  const registry = await plant()
  const revision = () => registry.view.namespaceByName('plant')?.trustRevision ?? 0n
  let before = revision()
  const moved = () => {
    const [old, now] = [before, revision()]
    before = now
    return now > old
  }
  must(await deny(registry, 'lost-7', { encodedCertificate: pem(leaf) }))
  assert.ok(moved())
  must(await setList(registry, 'plant-ca', listOf(root, [])))
  assert.ok(moved())
  must(await registry.delete(ns('plant', 'sealgateDenyEntries', 'lost-7'), author))
  assert.ok(moved())
  must(await registry.delete(ns('plant', 'sealgateRevocationLists', 'plant-ca'), author))
  assert.ok(moved())
})

test('a stale list warns, and the policy says what it means', async () => {
  const registry = await plant()
  const stale = listOf(root, [], { thisUpdate: at(-700), nextUpdate: at(-600) })
  const { warnings } = must(await setList(registry, 'plant-ca', stale))
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['StaleRevocationList'],
  )
  assert.equal(verdictOn(registry, leaf), 'good')
  must(await registry.patch(ns('plant'), { properties: { sealgate: { staleRevocationLists: 'refuse' } } }, author))
  assert.equal(verdictOn(registry, leaf), 'revocationUnknown')
})

test('what is exported makes the same entries and lists elsewhere; pruning leaves them alone', async () => {
  const registry = await plant()
  must(await deny(registry, 'lost-7', { encodedCertificate: pem(leaf) }))
  must(await setList(registry, 'plant-ca', listOf(root, [0x11n])))
  const template = must(exportTemplate(registry, ns('plant')))
  const read = await readTemplate(JSON.parse(JSON.stringify(template)), {}, context)
  assert.ok(read.ok, JSON.stringify(read))
  const other = await emptyRegistry()
  must(await applyDeployment(other, read.value, author))
  assert.equal(verdictOn(other, leaf), 'certificateRevoked')
  assert.equal(verdictOn(other, parse(forge({ issuer: root, serialNumber: 0x11n, ...validity }))), 'certificateRevoked')
  assert.deepEqual(must(exportTemplate(other, ns('plant'))).resources, template.resources)
  const bare = { ...template, resources: template.resources.filter(({ type }) => !/sealgate/.test(type)) }
  const pruned = await readTemplate(JSON.parse(JSON.stringify(bare)), {}, context)
  assert.ok(pruned.ok)
  must(await applyDeployment(other, pruned.value, author, { prune: true }))
  assert.equal(verdictOn(other, leaf), 'certificateRevoked')
})

test('S50: the lists of a deleted namespace leave the store', async () => {
  const store = memoryStore()
  const registry = await openRegistry(parts(store))
  must(await registry.put(ns('plant'), namespaceBody, author))
  must(await put(registry, 'caCertificates', 'plant-ca', { encodedCertificate: pem(root.certificate) }))
  must(await setList(registry, 'plant-ca', listOf(root, [])))
  assert.ok(store.range('crlPiece ', null, 1).length > 0)
  must(await registry.delete(ns('plant'), author))
  await registry.idle()
  assert.deepEqual(store.range('crlPiece ', null, 1), [])
  assert.deepEqual(store.range('crl ', null, 1), [])
})
