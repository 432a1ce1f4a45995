import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatIpAddress, parseIpAddress } from '../../src/x509/ip-address.ts'

function hex(text: string): string | null {
  const octets = parseIpAddress(text)
  return octets === null ? null : Buffer.from(octets).toString('hex')
}

test('S7: an address is four plain decimals or RFC 4291 text, every spelling of one address gives the same octets', () => {
  const same = '20010db8000000000000000000000001'
  for (const text of [
    '2001:db8::1',
    '2001:DB8::1',
    '2001:db8:0:0:0:0:0:1',
    '2001:0db8:0000:0000:0000:0000:0000:0001',
    '2001:db8::0:1',
    '2001:db8:0:0:0:0:0.0.0.1',
  ]) {
    assert.equal(hex(text), same, text)
  }
  assert.equal(hex('10.0.0.7'), '0a000007')
  assert.equal(hex('255.255.255.255'), 'ffffffff')
  assert.equal(hex('::'), '0'.repeat(32))
  assert.equal(hex('::1'), `${'0'.repeat(31)}1`)
  assert.equal(hex('1::'), `0001${'0'.repeat(28)}`)
  assert.equal(hex('1:2:3:4:5:6:7::'), '00010002000300040005000600070000')
  assert.equal(hex('::ffff:10.0.0.7'), '00000000000000000000ffff0a000007')
})

test('S7: zones, leading zeros, other radixes and half addresses are no address', () => {
  for (const text of [
    '',
    '10.0.0',
    '10.0.0.7.1',
    '10.0.0.256',
    '010.0.0.7',
    '10.0.0.07',
    '0x0a.0.0.7',
    '10.0.0.-1',
    '10.0.0.7 ',
    ' 10.0.0.7',
    '10.0.0.7/32',
    '167772167',
    'fe80::1%eth0',
    'fe80::1%1',
    '[::1]',
    ':',
    ':::',
    '1:',
    ':1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7:8::',
    '1::2:3:4:5:6:7:8',
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::01.2.3.4',
    '１０.0.0.7',
    `${'0'.repeat(50)}::1`,
  ]) {
    assert.equal(hex(text), null, JSON.stringify(text))
  }
})

test('an IPv4 address and the IPv6 address that maps it are two names', () => {
  assert.notEqual(hex('10.0.0.7'), hex('::ffff:10.0.0.7'))
})

test('RFC 5952: addresses are printed in their one recommended form', () => {
  for (const [text, canonical] of [
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::ffff:10.0.0.7', '::ffff:10.0.0.7'],
    ['10.0.0.7', '10.0.0.7'],
  ] as const) {
    assert.equal(formatIpAddress(parseIpAddress(text)!), canonical)
  }
})

test('what is printed reads back as the same octets, and every address we read is one to Node as well', () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((list) => Uint8Array.from(list)),
  )
  fc.assert(
    fc.property(octets, (bytes) => {
      const text = formatIpAddress(bytes)
      assert.deepEqual(parseIpAddress(text), bytes)
      assert.equal(isIP(text), bytes.length === 4 ? 4 : 6)
    }),
  )
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9a-f:.]{1,20}$/), (text) => {
      if (parseIpAddress(text) !== null) assert.notEqual(isIP(text), 0)
    }),
  )
})
