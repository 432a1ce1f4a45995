import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientSettings } from '../../src/registry/types/client.ts'
import { canonicalKey, formatDistinguishedName, parseDistinguishedName } from '../../src/x509/distinguished-name.ts'
import { parseIpAddress } from '../../src/x509/ip-address.ts'
import { authority, pemOf } from './certificates.ts'
import {
  author,
  briefly,
  failure,
  later,
  must,
  namespaceBody,
  ns,
  plain,
  plantRegistry,
  problems,
  propertiesOf,
  put,
} from './support.ts'

const sha256 = (digit: string) => digit.repeat(64)
const sha1 = 'A1'.repeat(20)
const scheme = (validationScheme: string, allowedThumbprints?: readonly unknown[]) => ({
  clientCertificateAuthentication: { validationScheme, ...(allowedThumbprints && { allowedThumbprints }) },
})

test('EG 2.4 a client of nothing has the defaults: its own name, Enabled, the subject scheme, no attributes', async () => {
  const registry = await plantRegistry()
  for (const [name, body] of [
    ['a', {}],
    ['b', { properties: {} }],
    ['c', { location: 'sent by az', properties: null }],
    [
      'd',
      { properties: { state: null, attributes: null, clientCertificateAuthentication: { validationScheme: null } } },
    ],
  ] as const) {
    const changed = must(await registry.put(ns('plant', 'clients', name), body, author))
    assert.deepEqual(plain(propertiesOf(changed)), {
      authenticationName: name,
      clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
      state: 'Enabled',
      attributes: {},
      provisioningState: 'Succeeded',
    })
  }
})

test('EG 2.1 client names: 1 to 128 of letters, digits and - : . _', async () => {
  const registry = await plantRegistry()
  for (const name of ['a', 'A:b.c_d-1', 'x'.repeat(128)]) assert.ok((await put(registry, 'clients', name, {})).ok, name)
  for (const name of ['', 'x'.repeat(129), 'a b', 'ä', '$all', 'a/b', 'a\u0000']) {
    assert.deepEqual(briefly(await put(registry, 'clients', name, {})), ['name InvalidName'], JSON.stringify(name))
  }
})

test('EG 2.4 the authentication name is fixed at creation; leaving it out keeps it', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clients', 'a', { authenticationName: 'Press.1' }))
  assert.equal(
    propertiesOf(must(await put(registry, 'clients', 'a', { description: 'x' })))['authenticationName'],
    'Press.1',
  )
  for (const authenticationName of ['other', 'press.1', 'a']) {
    assert.deepEqual(briefly(await put(registry, 'clients', 'a', { authenticationName })), [
      'properties.authenticationName Immutable',
    ])
  }
})

test('EG 2.4 the authentication name is unique ignoring case, in the spelling that was stored', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clients', 'a', { authenticationName: 'Präss' }))
  for (const authenticationName of ['präss', 'PRÄSS', 'PRA\u0308SS'.normalize('NFD')]) {
    const taken = failure(await put(registry, 'clients', 'b', { authenticationName }))
    assert.equal(taken.kind, 'nameTaken')
    assert.equal(taken.kind === 'nameTaken' && taken.target, 'properties.authenticationName')
    assert.match(taken.message, /"a"/)
  }
  assert.equal(registry.view.namespaceByName('plant')?.clientByAuthenticationName('PRÄSS')?.authenticationName, 'Präss')
  must(await registry.delete(ns('plant', 'clients', 'a'), author))
  const again = must(await put(registry, 'clients', 'b', { authenticationName: 'PRÄSS' }))
  assert.equal(again.change, 'created')
})

test('S2 an authentication name has 1 to 128 code points and nothing invisible in it', async () => {
  const registry = await plantRegistry()
  assert.ok((await put(registry, 'clients', 'long', { authenticationName: '😀'.repeat(128) })).ok)
  const bad = [
    '',
    '😀'.repeat(129),
    'a\u202eb',
    'a\u200bb',
    'a\u0000',
    'a\u0085b',
    'a\u2028b',
    'a\ufdd0b',
    'a\u007fb',
    '\ufeffa',
  ]
  for (const authenticationName of bad) {
    assert.deepEqual(
      briefly(await put(registry, 'clients', 'b', { authenticationName })),
      ['properties.authenticationName InvalidAuthenticationName'],
      JSON.stringify(authenticationName),
    )
  }
  for (const authenticationName of ['\ud800', 'a\udc01']) {
    assert.deepEqual(briefly(await put(registry, 'clients', 'b', { authenticationName })), [
      'properties.authenticationName InvalidJson',
    ])
  }
  assert.ok((await put(registry, 'clients', 'space', { authenticationName: 'a b' })).ok)
})

test('S2 a name of mixed scripts is created with a warning', async () => {
  const registry = await plantRegistry()
  const mixed = must(await put(registry, 'clients', 'a', { authenticationName: 'p\u0430ypal' }))
  assert.deepEqual(
    mixed.warnings.map(({ code }) => code),
    ['MixedScripts'],
  )
  assert.deepEqual(must(await put(registry, 'clients', 'b', { authenticationName: 'Präss-7' })).warnings, [])
  assert.deepEqual(must(await put(registry, 'clients', 'c', { authenticationName: 'пресс' })).warnings, [])
})

test('S4 two spellings of one distinguished name are one name, whatever the scheme', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clients', 'a', { authenticationName: 'CN=a,O=b' }))
  for (const authenticationName of ['cn=A,o=B', 'CN=a, O=b', '2.5.4.3=a,O=b']) {
    for (const properties of [{}, scheme('ThumbprintMatch', [sha256('a')])]) {
      const refused = failure(await put(registry, 'clients', 'b', { authenticationName, ...properties }))
      assert.equal(refused.kind, 'nameTaken', authenticationName)
    }
  }
  must(await put(registry, 'clients', 'c', { authenticationName: 'O=b,CN=a' }))
  const view = registry.view.namespaceByName('plant')
  const name = parseDistinguishedName('cn = A , o = B')
  assert.ok(name.ok, 'the test needs a name')
  assert.equal(view?.clientBySubjectKey(canonicalKey(name.value))?.name, 'a')
  assert.equal(view?.clientByAuthenticationName(formatDistinguishedName(name.value))?.name, 'a')
  assert.equal(view?.clientByAuthenticationName('O=B,CN=A')?.name, 'c')
})

test('S4, S7 two spellings of one IP address are one name', async () => {
  const registry = await plantRegistry()
  must(
    await put(registry, 'clients', 'a', {
      authenticationName: '2001:DB8::1',
      ...scheme('IpMatchesAuthenticationName'),
    }),
  )
  const again = { authenticationName: '2001:db8:0:0:0:0:0:1', ...scheme('IpMatchesAuthenticationName') }
  assert.equal(failure(await put(registry, 'clients', 'b', again)).kind, 'nameTaken')
  const view = registry.view.namespaceByName('plant')
  assert.equal(view?.clientByIpAddress(parseIpAddress('2001:db8::1') ?? new Uint8Array())?.name, 'a')
  assert.equal(view?.clientByAuthenticationName('2001:0db8::0001')?.name, 'a')
  must(
    await put(registry, 'clients', 'v4', { authenticationName: '10.0.0.1', ...scheme('IpMatchesAuthenticationName') }),
  )
  must(await put(registry, 'clients', 'v6', { authenticationName: '::ffff:10.0.0.1' }))
  assert.equal(view?.clientByIpAddress(Uint8Array.of(10, 0, 0, 1))?.name, 'v4')
})

test('S7 a name of the IP scheme is an IP address', async () => {
  const registry = await plantRegistry()
  for (const authenticationName of ['fe80::1%eth0', '010.0.0.1', '10.0.0', 'press', '10.0.0.1/32']) {
    const refused = await put(registry, 'clients', 'b', {
      authenticationName,
      ...scheme('IpMatchesAuthenticationName'),
    })
    assert.deepEqual(briefly(refused), ['properties.authenticationName InvalidAuthenticationName'], authenticationName)
  }
})

test('S6 a name of the DNS scheme is ASCII without wildcard; the refusal tells the form to register', async () => {
  const registry = await plantRegistry()
  const dns = scheme('DnsMatchesAuthenticationName')
  const refused = problems(await put(registry, 'clients', 'b', { authenticationName: 'straße.example', ...dns }))
  assert.match(refused[0]?.message ?? '', /"xn--strae-oqa\.example"/)
  for (const authenticationName of ['ａdmin.example', 'ⓐdmin.example', 'a b', '*.example']) {
    assert.equal(problems(await put(registry, 'clients', 'b', { authenticationName, ...dns })).length, 1)
  }
  must(await put(registry, 'clients', 'b', { authenticationName: 'xn--strae-oqa.example', ...dns }))
  // The scheme can change later, and is then held against the name that is there.
  must(await put(registry, 'clients', 'c', { authenticationName: 'straße' }))
  assert.equal(problems(await put(registry, 'clients', 'c', dns)).length, 1)
})

test('EG 2.4 thumbprints go with ThumbprintMatch only, one or two of them, in any spelling', async () => {
  const registry = await plantRegistry()
  const target = 'properties.clientCertificateAuthentication.allowedThumbprints'
  const stored = must(
    await put(
      registry,
      'clients',
      'a',
      scheme('thumbprintmatch', [`SHA256 Fingerprint=${'ab:'.repeat(31)}ab`, sha1.toLowerCase()]),
    ),
  )
  assert.deepEqual(plain(propertiesOf(stored)['clientCertificateAuthentication']), {
    validationScheme: 'ThumbprintMatch',
    allowedThumbprints: ['AB'.repeat(32), sha1],
  })
  const refused: readonly (readonly [object, readonly string[]])[] = [
    [scheme('ThumbprintMatch'), [`${target} Required`]],
    [scheme('ThumbprintMatch', []), [`${target} Required`]],
    [scheme('ThumbprintMatch', [sha256('a'), sha256('b'), sha256('c')]), [`${target} TooMany`]],
    [scheme('ThumbprintMatch', ['abc']), [`${target}[0] InvalidThumbprint`]],
    [scheme('ThumbprintMatch', [sha256('a'), sha256('g')]), [`${target}[1] InvalidThumbprint`]],
    [scheme('ThumbprintMatch', [sha256('a'), sha256('A')]), [`${target}[1] InvalidThumbprint`]],
    [scheme('ThumbprintMatch', [5]), [`${target}[0] InvalidType`, `${target} Required`]],
    [scheme('DnsMatchesAuthenticationName', [sha256('a')]), [`${target} Forbidden`]],
    [{ clientCertificateAuthentication: { allowedThumbprints: [sha256('a')] } }, [`${target} Forbidden`]],
    [scheme('None'), ['properties.clientCertificateAuthentication.validationScheme InvalidValue']],
    [{ clientCertificateAuthentication: 'x' }, ['properties.clientCertificateAuthentication InvalidType']],
  ]
  for (const [properties, expected] of refused) {
    assert.deepEqual(briefly(await put(registry, 'clients', 'b', properties)), expected, JSON.stringify(properties))
  }
  assert.deepEqual(
    plain(propertiesOf(must(await put(registry, 'clients', 'a', {})))['clientCertificateAuthentication']),
    {
      validationScheme: 'SubjectMatchesAuthenticationName',
    },
  )
})

test('S14 without SHA-1 thumbprints new ones are refused and stored ones may stay', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clients', 'a', scheme('ThumbprintMatch', [sha1])))
  must(await registry.patch(ns('plant'), { properties: { sealgate: { allowSha1Thumbprints: false } } }, author))
  assert.match(
    problems(await put(registry, 'clients', 'b', scheme('ThumbprintMatch', [sha1])))[0]?.message ?? '',
    /SHA-1/,
  )
  assert.ok((await put(registry, 'clients', 'a', { ...scheme('ThumbprintMatch', [sha1]), description: 'x' })).ok)
  assert.equal(registry.view.namespaceByName('plant')?.limits.allowSha1Thumbprints, false)
})

test('EG 2.4 attributes: integers, texts and lists of texts under keys of letters, digits and underscores', async () => {
  const registry = await plantRegistry()
  const attributes = {
    floor: -3,
    Room_1: 'hall',
    caps: ['temp', ''],
    none: [],
    big: Number.MAX_SAFE_INTEGER,
    empty: '',
  }
  const stored = must(await put(registry, 'clients', 'a', { attributes }))
  assert.deepEqual(plain(propertiesOf(stored)['attributes']), attributes)
  const bad = { 'a-b': 1, b: true, c: 1.5, d: {}, e: ['a', 1], f: 2 ** 53, ä: 1, '': 1 }
  const found = briefly(await put(registry, 'clients', 'b', { attributes: bad }))
  assert.deepEqual(
    found,
    ['a-b', 'b', 'c', 'd', 'e', 'f', 'ä', ''].map((key) => `properties.attributes.${key} InvalidAttribute`),
  )
  assert.match(problems(await put(registry, 'clients', 'b', { attributes: { b: true } }))[0]?.message ?? '', /"true"/)
  const absent = must(await put(registry, 'clients', 'c', { attributes: { a: null, b: 1 } }))
  assert.deepEqual(plain(propertiesOf(absent)['attributes']), { b: 1 })
})

test('EG 2.4 all attributes of a client together have at most 4 KB', async () => {
  const registry = await plantRegistry()
  const size = (length: number) => ({ attributes: { a: 'x'.repeat(length - '{"a":""}'.length) } })
  assert.ok((await put(registry, 'clients', 'a', size(4096))).ok)
  assert.deepEqual(briefly(await put(registry, 'clients', 'b', size(4097))), ['properties.attributes TooLong'])
  const wide = { attributes: { a: 'ä'.repeat(2048) } }
  assert.deepEqual(briefly(await put(registry, 'clients', 'b', wide)), ['properties.attributes TooLong'])
})

test('S47 __proto__ and deep nesting are refused and make nobody a member of anything', async () => {
  const registry = await plantRegistry()
  const attributes = JSON.parse('{"__proto__":{"role":"admin"},"a":"b"}')
  assert.deepEqual(briefly(await put(registry, 'clients', 'a', { attributes })), [
    'properties.attributes.__proto__ InvalidJson',
  ])
  let deep: unknown = 1
  for (let level = 0; level < 40; level++) deep = [deep]
  assert.match(problems(await put(registry, 'clients', 'a', { attributes: { a: deep } }))[0]?.message ?? '', /32 deep/)
  assert.equal((attributes as { role?: string }).role, undefined)
  assert.equal(({} as { role?: string }).role, undefined)
})

test('every problem of a document is told at once', async () => {
  const registry = await plantRegistry()
  const found = briefly(
    await put(registry, 'clients', 'a', {
      authenticationName: 'a\u200b',
      description: 5,
      state: 'off',
      ...scheme('ThumbprintMatch', ['x']),
      attributes: { 'b c': 1 },
      sealgate: { issuer: ['x'] },
    }),
  )
  assert.deepEqual([...found].sort(), [
    'properties.attributes.b c InvalidAttribute',
    'properties.authenticationName InvalidAuthenticationName',
    'properties.clientCertificateAuthentication.allowedThumbprints[0] InvalidThumbprint',
    'properties.description InvalidType',
    'properties.sealgate.issuer UnknownProperty',
    'properties.state InvalidValue',
  ])
  for (const body of ['text', 5, [], true]) {
    assert.deepEqual(briefly(await registry.put(ns('plant', 'clients', 'a'), body, author)), [' InvalidType'])
  }
})

test('S11, S66 issuers name CA certificates, in their spelling; a PUT without them keeps them, null resets', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'caCertificates', 'Works-CA', { encodedCertificate: pemOf(authority('CN=Works CA')) }))
  const settings = async () =>
    registry.view.namespaceByName('plant')?.clientByResourceName('a')?.issuers as ClientSettings['issuers'] | null
  must(await put(registry, 'clients', 'a', { sealgate: { issuers: ['works-ca', 'WORKS-CA'] } }))
  assert.deepEqual(await settings(), ['Works-CA'])
  must(await put(registry, 'clients', 'a', { description: 'routine' }))
  assert.deepEqual(await settings(), ['Works-CA'])
  must(await put(registry, 'clients', 'a', { sealgate: {} }))
  assert.deepEqual(await settings(), ['Works-CA'])
  assert.deepEqual(briefly(await put(registry, 'clients', 'a', { sealgate: { issuers: ['nope'] } })), [
    'properties.sealgate.issuers[0] UnknownReference',
  ])
  assert.deepEqual(briefly(await put(registry, 'clients', 'a', { sealgate: { issuers: [] } })), [
    'properties.sealgate.issuers InvalidValue',
  ])
  must(await put(registry, 'clients', 'a', { sealgate: { issuers: null } }))
  assert.equal(await settings(), null)
  must(await put(registry, 'clients', 'a', { sealgate: { issuers: ['works-ca'] } }))
  must(await put(registry, 'clients', 'a', { sealgate: null }))
  assert.equal(await settings(), null)
})

test('the old preview spelling is read where it means one thing, and refused with the new words where not', async () => {
  const registry = await plantRegistry()
  const authentication = (value: unknown, more = {}) =>
    put(registry, 'clients', 'a', { authentication: value, ...more })
  for (const bad of [
    {},
    { certificateSubject: { commonName: 'x', organization: 'o' } },
    { certificateSubject: {} },
    { certificateSubject: { commonName: 'x' }, certificateThumbprint: { primary: sha256('a') } },
  ]) {
    const [problem] = problems(await authentication(bad))
    assert.deepEqual([problem?.target, problem?.code], ['properties.authentication', 'Unsupported'])
    assert.match(problem?.message ?? '', /clientCertificateAuthentication/)
  }
  assert.equal(
    problems(await authentication({ certificateSubject: { commonName: 'x' } }, { authenticationName: 'y' })).length,
    1,
  )
  assert.equal(
    problems(await authentication({ certificateSubject: { commonName: 'x' } }, scheme('ThumbprintMatch', [sha1])))
      .length,
    1,
  )
  const subject = must(await authentication({ certificateSubject: { commonName: 'press-7', organization: null } }))
  assert.equal(propertiesOf(subject)['authenticationName'], 'press-7')
  const byPrint = { certificateThumbprint: { primary: sha256('a'), secondary: sha1 } }
  const thumbprint = must(await put(registry, 'clients', 'b', { authentication: byPrint }))
  assert.deepEqual(plain(propertiesOf(thumbprint)['clientCertificateAuthentication']), {
    validationScheme: 'ThumbprintMatch',
    allowedThumbprints: [sha256('A'), sha1],
  })
  const wrong = await put(registry, 'clients', 'c', { authentication: { certificateThumbprint: { primary: 'x' } } })
  assert.deepEqual(briefly(wrong), ['properties.authentication.certificateThumbprint.primary InvalidThumbprint'])
})

test('EG 9 the number of clients is limited, and room comes back with a deletion', async () => {
  const registry = await plantRegistry()
  must(await registry.patch(ns('plant'), { properties: { sealgate: { limits: { maximumClients: 2 } } } }, author))
  const [, , third] = await Promise.all(['a', 'b', 'c'].map((name) => put(registry, 'clients', name, {})))
  assert.ok(third)
  const refused = failure(third)
  assert.deepEqual(
    [refused.kind, refused.kind === 'quotaExceeded' && refused.limit],
    ['quotaExceeded', 'maximumClients'],
  )
  assert.ok((await put(registry, 'clients', 'a', { description: 'x' })).ok)
  must(await registry.delete(ns('plant', 'clients', 'a'), author))
  assert.ok((await put(registry, 'clients', 'c', {})).ok)
})

test('a client is judged by what its namespace says now, and by nothing of one that had its name', async () => {
  const registry = await plantRegistry()
  const limited = (maximumAttributesBytes: number) =>
    registry.patch(ns('plant'), { properties: { sealgate: { limits: { maximumAttributesBytes } } } }, author)
  const write = (text: string) => put(registry, 'clients', 'a', { attributes: { text } })
  assert.ok((await write('long enough')).ok)
  must(await limited(16))
  assert.deepEqual(briefly(await write('long enough, too')), ['properties.attributes TooLong'])
  // Both in one write of the store: the second is judged by what the first staged.
  const [, staged] = await Promise.all([limited(64), write('longer than it was')])
  assert.ok(staged.ok)
  const uid = must(registry.get(ns('plant'))).uid
  must(await registry.delete(ns('plant'), author))
  must(await registry.put(ns('plant'), namespaceBody, author))
  assert.notEqual(must(registry.get(ns('plant'))).uid, uid)
  assert.equal(must(await write('new')).change, 'created')
})

test('PATCH merges into a client, keeps what it does not name, and clears with null', async () => {
  const registry = await plantRegistry()
  must(await put(registry, 'clients', 'a', { description: 'd', attributes: { a: 1, b: 2 }, state: 'Disabled' }))
  const patch = { properties: { attributes: { b: null, c: 3 }, description: null } }
  const changed = must(await registry.patch(ns('plant', 'clients', 'a'), patch, later))
  assert.deepEqual(plain(propertiesOf(changed)), {
    authenticationName: 'a',
    clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
    state: 'Disabled',
    attributes: { a: 1, c: 3 },
    provisioningState: 'Succeeded',
  })
  assert.equal(failure(await registry.patch(ns('plant', 'clients', 'x'), {}, author)).kind, 'notFound')
})
