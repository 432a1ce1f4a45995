import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DerReader, Tag } from '../../src/x509/der.ts'
import { element, objectIdentifier, sequence, setOf } from '../../src/x509/der-writer.ts'
import {
  canonicalKey,
  canonicalKeyOfText,
  commonNames,
  type DistinguishedName,
  formatDistinguishedName,
  parseDistinguishedName,
  readDistinguishedName,
} from '../../src/x509/distinguished-name.ts'
import { forge, name, openssl, parse, pem } from './kit.ts'

const CN = '2.5.4.3'
const O = '2.5.4.10'

type Attribute = readonly [oid: string, tag: number, content: string | Uint8Array]

/** A name exactly as described, RDNs in encoding order. */
function encoded(...relativeNames: readonly (readonly Attribute[])[]): DistinguishedName {
  const der = sequence(
    ...relativeNames.map((attributes) =>
      setOf(
        ...attributes.map(([oid, tag, content]) =>
          sequence(objectIdentifier(oid), element(tag, typeof content === 'string' ? Buffer.from(content) : content)),
        ),
      ),
    ),
  )
  return read(der)
}

function read(der: Uint8Array): DistinguishedName {
  const reader = new DerReader(der)
  const made = readDistinguishedName(reader, 'name')
  reader.finish('name')
  assert.equal(reader.failure, null)
  return made
}

const utf8 = Tag.Utf8String

test('RFC 4514 2.1: RDNs are printed in reverse of their encoding order, joined by commas and plus signs', () => {
  const made = encoded(
    [['2.5.4.6', Tag.PrintableString, 'DE']],
    [[O, utf8, 'Acme']],
    [
      [CN, utf8, 'dev 1'],
      ['2.5.4.5', Tag.PrintableString, '42'],
    ],
  )
  assert.equal(formatDistinguishedName(made), 'CN=dev 1+serialNumber=42,O=Acme,C=DE')
})

test('RFC 4514 2.4: special characters are escaped, unknown types are printed as #hex', () => {
  const print = (value: string) => formatDistinguishedName(encoded([[CN, utf8, value]]))
  assert.equal(print('a,b+c"d\\e<f>g;h'), 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h')
  assert.equal(print(' a '), 'CN=\\ a\\ ')
  assert.equal(print('#a#'), 'CN=\\#a#')
  assert.equal(print(' '), 'CN=\\ ')
  assert.equal(print('a\0b'), 'CN=a\\00b')
  assert.equal(print('a\nCN=admin'), 'CN=a\\0ACN=admin')
  assert.equal(print('Ünit'), 'CN=Ünit')
  assert.equal(print('\u202egnp.exe'), 'CN=\\E2\\80\\AEgnp.exe')
  assert.equal(formatDistinguishedName(encoded([['1.2.3.4', utf8, 'x']])), '1.2.3.4=#0C0178')
  assert.equal(formatDistinguishedName(encoded([[CN, Tag.TeletexString, Uint8Array.of(0xe9)]])), 'CN=#1401E9')
  assert.equal(formatDistinguishedName(encoded()), '')
})

test('the printed name agrees with openssl x509 -nameopt RFC2253', () => {
  for (const made of [
    encoded([[CN, utf8, 'vehicle04']]),
    encoded(
      [['2.5.4.6', Tag.PrintableString, 'DE']],
      [['2.5.4.8', utf8, 'BY']],
      [['2.5.4.7', utf8, 'M']],
      [[O, utf8, 'A, B & Co']],
      [['2.5.4.11', utf8, 'x+y']],
      [[CN, utf8, 'a"b\\c']],
    ),
    encoded(
      [[O, utf8, 'Acme']],
      [
        [CN, utf8, 'dev'],
        ['2.5.4.5', Tag.PrintableString, '42'],
      ],
    ),
    encoded([[CN, utf8, 'one']], [[CN, utf8, 'two']]),
    encoded([[CN, utf8, ' #lead and trail ']]),
    encoded([[CN, utf8, '#x']]),
    encoded([[CN, utf8, '<tag>;']]),
    encoded(
      [['0.9.2342.19200300.100.1.25', Tag.Ia5String, 'org']],
      [['0.9.2342.19200300.100.1.25', Tag.Ia5String, 'acme']],
      [['0.9.2342.19200300.100.1.1', utf8, 'u1']],
    ),
    encoded([['1.2.840.113549.1.9.1', Tag.Ia5String, 'e@x.example']]),
    encoded([['1.2.3.4', utf8, 'x']], [[CN, Tag.PrintableString, 'p']]),
  ]) {
    const file = pem(forge({ subject: made }))
    const { output } = openssl(['x509', '-in', 'a.pem', '-noout', '-subject', '-nameopt', 'RFC2253'], { 'a.pem': file })
    assert.equal(`subject=${formatDistinguishedName(made)}`, output.replace(/\n$/, ''))
  }
})

test('S3: text is a distinguished name only when it parses whole with known attribute types', () => {
  for (const text of [
    'CN=a',
    'cn=a,o=b',
    'UID=u+CN=a,DC=example,DC=org',
    'serialNumber=42',
    'emailAddress=e@x',
    '1.2.3.4=x',
    'CN=',
    'CN=a, O=b',
    'CN = a + O = b',
    'CN=\\#a',
    'CN=a\\2cb',
    'CN=a=b',
    'CN=#0c0161',
  ]) {
    assert.ok(parseDistinguishedName(text).ok, text)
  }
  for (const text of [
    'a',
    'vehicle04',
    '/CN=a',
    'CN',
    '=a',
    'XY=a',
    'CN=a,',
    ',CN=a',
    'CN=a+',
    'CN=a;O=b',
    'CN="a"',
    'CN=a<b',
    'CN=a\\',
    'CN=a\\x',
    'CN=a\\e9',
    'CN=#',
    'CN=#0c',
    'CN=#0c0161x',
    'CN=a,b',
    '1.2.03=x',
    '3.1=x',
    '1.40.1=x',
    'E=a@b',
    `CN=${'a'.repeat(5000)}`,
    'CN=\ud800',
  ]) {
    assert.ok(!parseDistinguishedName(text).ok, text)
  }
})

test('names come back from their printed form, whatever text they hold', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(' ', '#', ',', '+', '\\', '"', 'a', '=', '<', ';', '\0', 'é'), maxLength: 8 }),
  )
  const attribute = fc.tuple(fc.constantFrom(CN, O, '2.5.4.11', '1.2.3.4'), fc.constant(utf8), value)
  fc.assert(
    fc.property(fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { maxLength: 4 }), (relativeNames) => {
      const made = encoded(...relativeNames)
      const again = parseDistinguishedName(formatDistinguishedName(made))
      assert.ok(again.ok)
      assert.equal(canonicalKey(again.value), canonicalKey(made))
      assert.equal(canonicalKey(read(again.value.der)), canonicalKey(made))
    }),
  )
})

test('parseDistinguishedName is total', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom('C', 'N', '=', ',', '+', '\\', '#', '0', 'c', ' ', '1', '.', '"', 'ü'),
        maxLength: 30,
      }),
      (text) => {
        const parsed = parseDistinguishedName(text)
        if (parsed.ok) read(parsed.value.der)
      },
    ),
    { numRuns: 2000 },
  )
})

test('two names are one without regard to case, string type, order within an RDN and width of white space', () => {
  const key = canonicalKey(
    encoded(
      [[O, utf8, 'Acme  Corp']],
      [
        [CN, utf8, 'Dev'],
        ['2.5.4.5', Tag.PrintableString, '42'],
      ],
    ),
  )
  assert.equal(
    canonicalKey(
      encoded(
        [[O, Tag.PrintableString, ' acme corp ']],
        [
          ['2.5.4.5', utf8, '42'],
          [CN, Tag.BmpString, Buffer.from('DEV', 'utf16le').swap16()],
        ],
      ),
    ),
    key,
  )
  assert.equal(canonicalKeyOfText('serialNumber=42+cn=dEV, O=ACME corp'), key)
  for (const other of [
    'O=Acme Corp,CN=Dev+serialNumber=42',
    'CN=Dev,serialNumber=42,O=Acme Corp',
    'CN=Dev+serialNumber=42',
    'CN=Dev+serialNumber=42,O=AcmeCorp',
    'CN=Dev+serialNumber=42,O=Acme Corp,O=Acme Corp',
    'OU=Dev+serialNumber=42,O=Acme Corp',
  ]) {
    assert.notEqual(canonicalKeyOfText(other), key, other)
  }
})

test('S3: the CN value CN=admin,O=Acme is not the subject CN=admin,O=Acme', () => {
  const trick = encoded([[O, utf8, 'Devices']], [[CN, utf8, 'CN=admin,O=Acme']])
  const real = encoded([[O, utf8, 'Acme']], [[CN, utf8, 'admin']])
  assert.equal(canonicalKey(real), canonicalKeyOfText('CN=admin,O=Acme'))
  assert.notEqual(canonicalKey(trick), canonicalKeyOfText('CN=admin,O=Acme'))
})

test('S5: values of every string type that a name may use are read, others never match', () => {
  const values = (...attributes: readonly Attribute[]) =>
    commonNames(encoded(...attributes.map((attribute) => [attribute])))
  assert.deepEqual(values([CN, utf8, 'Alpha ü']), ['Alpha ü'])
  assert.deepEqual(values([CN, Tag.PrintableString, 'Alpha']), ['Alpha'])
  assert.deepEqual(values([CN, Tag.Ia5String, 'a@b']), ['a@b'])
  assert.deepEqual(values([CN, Tag.TeletexString, 'Alpha']), ['Alpha'])
  assert.deepEqual(values([CN, Tag.BmpString, Uint8Array.of(0, 0x41, 0x20, 0xac)]), ['A€'])
  assert.deepEqual(values([CN, Tag.UniversalString, Uint8Array.of(0, 1, 0xf6, 0)]), ['😀'])
  for (const [tag, content] of [
    [Tag.TeletexString, Uint8Array.of(0x41, 0xe9)],
    [Tag.PrintableString, Uint8Array.of(0xe9)],
    [Tag.Ia5String, Uint8Array.of(0x80)],
    [utf8, Uint8Array.of(0xc0, 0xaf)],
    [utf8, Uint8Array.of(0xed, 0xa0, 0x80)],
    [utf8, Uint8Array.of(0xff)],
    [Tag.BmpString, Uint8Array.of(0, 0x41, 0)],
    [Tag.BmpString, Uint8Array.of(0xd8, 0x00)],
    [Tag.UniversalString, Uint8Array.of(0, 0, 0xd8, 0)],
    [Tag.UniversalString, Uint8Array.of(0, 0x11, 0, 0)],
    [Tag.NumericString, '42'],
    [Tag.VisibleString, 'Alpha'],
    [Tag.OctetString, 'Alpha'],
    [utf8, 'Alpha\0'],
    [utf8, 'Alpha\nCN=admin'],
    [utf8, 'Al\u200bpha'],
    [utf8, 'Alpha\u202e'],
    [utf8, '\ufeffAlpha'],
    [utf8, 'Alpha\u{1fffe}'],
    [utf8, '\u2028'],
    [utf8, '\u0085'],
  ] as const) {
    assert.deepEqual(values([CN, tag, content]), [null], `tag ${tag}, ${JSON.stringify(content)}`)
  }
})

test('every CN is counted, those in multi-valued RDNs too', () => {
  assert.deepEqual(commonNames(encoded([[CN, utf8, 'x']], [[CN, utf8, 'Alpha']])), ['x', 'Alpha'])
  assert.equal(
    commonNames(
      encoded([
        [CN, utf8, 'x'],
        [CN, utf8, 'Alpha'],
      ]),
    ).length,
    2,
  )
  assert.deepEqual(commonNames(encoded([[O, utf8, 'x']])), [])
})

test('a value that never matches has a key that no text can have', () => {
  const odd = encoded([[CN, utf8, 'a\0b']])
  assert.equal(canonicalKeyOfText(formatDistinguishedName(odd)), null)
  assert.equal(canonicalKeyOfText('CN=#1401e9'), null)
  assert.equal(canonicalKeyOfText(''), null)
  assert.equal(canonicalKeyOfText('vehicle04'), null)
  assert.equal(canonicalKeyOfText('CN=#0c0161'), canonicalKeyOfText('CN=A'))
})

test('RFC 5280 4.1.2.4: an RDN is a set of one or more attributes', () => {
  for (const der of [
    sequence(element(Tag.Set)),
    sequence(setOf(sequence(objectIdentifier(CN)))),
    sequence(sequence()),
  ]) {
    const reader = new DerReader(der)
    readDistinguishedName(reader, 'name')
    assert.notEqual(reader.failure, null)
  }
})

test('subject strings written by openssl are read', () => {
  const made = name('CN=dev,O=Acme\\, Inc.,C=DE')
  assert.deepEqual(parse(forge({ subject: made })).subject.der, made.der)
})
