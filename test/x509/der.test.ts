import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DerReader, firstGeneralizedTime, objectIdentifierText, Tag } from '../../src/x509/der.ts'
import { element, integer, integerContent, namedBits, objectIdentifier, time } from '../../src/x509/der-writer.ts'

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

/** Reads the whole of the bytes as one element; the reason of the fault, or null. */
function fault(hex: string, read: (reader: DerReader) => unknown = (reader) => reader.raw('value')): string | null {
  const reader = new DerReader(bytes(hex))
  read(reader)
  reader.finish('value')
  return reader.failure?.reason ?? null
}

test('X.690 10.1: only definite lengths in their shortest form are read', () => {
  assert.equal(fault('30 00'), null)
  assert.equal(fault(`04 81 80 ${'00'.repeat(128)}`), null)
  assert.equal(fault(`04 82 01 00 ${'00'.repeat(256)}`), null)
  assert.match(fault('30 80 00 00')!, /indefinite/)
  assert.match(fault('04 81 01 00')!, /shortest/)
  assert.match(fault(`04 81 7f ${'00'.repeat(127)}`)!, /shortest/)
  assert.match(fault(`04 82 00 80 ${'00'.repeat(128)}`)!, /shortest/)
  assert.match(fault('04 85 00 00 00 00 01 00')!, /out of range/)
  assert.match(fault('04 ff')!, /out of range/)
})

test('a value that is cut off, too long or followed by bytes is a fault, at every length', () => {
  const whole = bytes('30 0a 02 01 05 04 05 68 65 6c 6c 6f')
  const read = (data: Uint8Array) => {
    const reader = new DerReader(data)
    const inner = reader.sequence('outer')
    inner.integer('number')
    inner.content(Tag.OctetString, 'octets')
    inner.finish('outer')
    reader.finish('outer')
    return reader.failure
  }
  assert.equal(read(whole), null)
  for (let length = 0; length < whole.length; length++) assert.notEqual(read(whole.subarray(0, length)), null)
  assert.notEqual(read(Uint8Array.from([...whole, 0])), null)
})

test('high tag numbers are refused', () => {
  assert.match(fault('1f 81 01 00')!, /high tag/)
  assert.match(fault('bf 1f 00')!, /high tag/)
})

test('X.690 8.3.2: an INTEGER in its shortest form only', () => {
  const read = (hex: string) => fault(hex, (reader) => reader.integer('number'))
  assert.equal(read('02 01 00'), null)
  assert.equal(read('02 02 00 80'), null)
  assert.match(read('02 00')!, /empty/)
  assert.match(read('02 02 00 7f')!, /shortest/)
  assert.match(read('02 02 ff 80')!, /shortest/)
})

test('INTEGER values come back as they were written', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(1n << 200n), max: 1n << 200n }), (value) => {
      const reader = new DerReader(integer(value))
      assert.equal(reader.integer('number'), value)
      assert.equal(reader.failure, null)
    }),
  )
  assert.deepEqual(integerContent(-128n), Uint8Array.of(0x80))
  assert.deepEqual(integerContent(128n), Uint8Array.of(0x00, 0x80))
})

test('a small INTEGER is neither negative nor wider than four octets', () => {
  const read = (hex: string) => fault(hex, (reader) => reader.smallInteger('number'))
  assert.equal(read('02 04 7f ff ff ff'), null)
  assert.match(read('02 01 ff')!, /range/)
  assert.match(read('02 05 00 ff ff ff ff')!, /range/)
})

test('X.690 11.1: TRUE is ff', () => {
  const read = (hex: string) => fault(hex, (reader) => reader.boolean('flag'))
  assert.equal(read('01 01 ff'), null)
  assert.equal(read('01 01 00'), null)
  assert.match(read('01 01 01')!, /BOOLEAN/)
  assert.match(read('01 02 ff ff')!, /BOOLEAN/)
  assert.match(read('01 00')!, /BOOLEAN/)
})

test('X.690 11.2: named bits without padding bits and without trailing zero bits', () => {
  const read = (hex: string) => fault(hex, (reader) => reader.namedBits('bits'))
  assert.equal(read('03 02 07 80'), null)
  assert.equal(read('03 01 00'), null)
  assert.match(read('03 02 07 c0')!, /padding/)
  assert.match(read('03 02 00 80')!, /trailing/)
  assert.match(read('03 02 08 80')!, /BIT STRING/)
  assert.match(read('03 01 01')!, /BIT STRING/)
  assert.match(read('03 00')!, /BIT STRING/)
  for (const bits of [[], [0], [8], [0, 5, 6], [1, 2, 3, 4, 5, 6, 7, 8]]) {
    assert.deepEqual(new DerReader(namedBits(bits)).namedBits('bits'), bits)
  }
})

test('OBJECT IDENTIFIERs of every width are read, malformed ones are not', () => {
  for (const text of [
    '0.0',
    '0.39',
    '1.2.840.113549.1.1.11',
    '2.5.4.3',
    '2.999.1',
    '2.25.340282366920938463463374607431768211455',
    '1.3.6.1.4.1.9007199254740993',
  ]) {
    assert.equal(objectIdentifierText(objectIdentifier(text).subarray(2)), text)
  }
  for (const hex of ['', '80 01', '2a 80 01', '2a 86', `${'81'.repeat(64)} 01`]) {
    assert.equal(objectIdentifierText(bytes(hex)), null, hex)
  }
})

test('RFC 5280 4.1.2.5: UTCTime through 2049 and GeneralizedTime from 2050 on, with seconds and Z', () => {
  const read = (tag: number, text: string) => {
    const reader = new DerReader(element(tag, Buffer.from(text)))
    const seconds = reader.time('time')
    return reader.failure === null ? seconds : null
  }
  assert.equal(read(Tag.UtcTime, '700101000000Z'), 0)
  assert.equal(read(Tag.UtcTime, '491231235959Z'), firstGeneralizedTime - 1)
  assert.equal(read(Tag.UtcTime, '500101000000Z'), Date.UTC(1950, 0, 1) / 1000)
  assert.equal(read(Tag.GeneralizedTime, '20500101000000Z'), firstGeneralizedTime)
  assert.equal(read(Tag.GeneralizedTime, '99991231235959Z'), 253_402_300_799)
  assert.equal(read(Tag.UtcTime, '240229000000Z'), Date.UTC(2024, 1, 29) / 1000)
  for (const [tag, text] of [
    [Tag.GeneralizedTime, '20491231235959Z'],
    [Tag.UtcTime, '2401010000Z'],
    [Tag.UtcTime, '240101000000+0000'],
    [Tag.UtcTime, '240101000000'],
    [Tag.UtcTime, '230229000000Z'],
    [Tag.UtcTime, '241301000000Z'],
    [Tag.UtcTime, '240100000000Z'],
    [Tag.UtcTime, '240101240000Z'],
    [Tag.UtcTime, '240101006000Z'],
    [Tag.UtcTime, '240101000060Z'],
    [Tag.UtcTime, '24010100000aZ'],
    [Tag.GeneralizedTime, '20500101000000.5Z'],
    [Tag.GeneralizedTime, '00000000000000Z'],
  ] as const) {
    assert.equal(read(tag, text), null, text)
  }
})

test('times come back as they were written', () => {
  const year1950 = Date.UTC(1950, 0, 1) / 1000
  fc.assert(
    fc.property(fc.integer({ min: year1950, max: 253_402_300_799 }), (seconds) => {
      const reader = new DerReader(time(seconds))
      assert.equal(reader.time('time'), seconds)
      assert.equal(reader.failure, null)
    }),
  )
})

test('after the first fault nothing more is read and the first reason stays', () => {
  const reader = new DerReader(bytes('30 03 02 01 05 30 03 02 01 06'))
  const inner = reader.sequence('first')
  inner.content(Tag.OctetString, 'wrong')
  assert.match(reader.failure!.reason, /wrong/)
  assert.equal(reader.sequence('second').integer('number'), 0n)
  assert.equal(reader.more(), false)
  assert.match(reader.failure!.reason, /wrong/)
  assert.equal(reader.failure!.offset, 2)
})
