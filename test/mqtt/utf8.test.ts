import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeUtf8, isUtf8Payload, scanUtf8, Utf8 } from '../../src/mqtt/utf8.ts'
import { bytesOf } from './golden.ts'

test('[MQTT-1.5.4-1] ill-formed UTF-8 is refused: overlong, surrogate, too high, cut, stray', () => {
  const rows = [
    '80',
    'bf',
    'c0 80',
    'c1 bf',
    'c2',
    'c2 41',
    'c2 c2',
    'e0 80 80',
    'e0 9f bf',
    'ed a0 80',
    'ed bf bf',
    'ed a0 80 ed b0 80',
    'e2 82',
    'e2 82 41',
    'f0 80 80 80',
    'f0 8f bf bf',
    'f4 90 80 80',
    'f5 80 80 80',
    'f8 88 80 80 80',
    'ff',
    'fe',
    'f0 9f 98',
  ]
  for (const hex of rows) {
    const bytes = bytesOf(hex)
    assert.equal(scanUtf8(bytes, 0, bytes.length), Utf8.IllFormed, hex)
    assert.equal(decodeUtf8(bytes, 0, bytes.length), null, hex)
  }
})

test('[MQTT-1.5.4-2] U+0000 is refused wherever it stands', () => {
  for (const hex of ['00', '61 00', 'c3 bc 00 61', '00 61']) {
    const bytes = bytesOf(hex)
    assert.equal(scanUtf8(bytes, 0, bytes.length), Utf8.NullCharacter, hex)
    assert.equal(decodeUtf8(bytes, 0, bytes.length), null, hex)
  }
})

test('[MQTT-1.5.4-3] U+FEFF is kept, and the ends of every range are text', () => {
  for (const text of [
    '\ufeff',
    '\ufeffa',
    '\x01',
    '\x7f',
    '\u0080',
    '\u07ff',
    '\u0800',
    '\ud7ff',
    '\ue000',
    '\uffff',
  ]) {
    const bytes = Buffer.from(text)
    assert.equal(decodeUtf8(bytes, 0, bytes.length), text)
  }
  for (const text of ['\u{10000}', '\u{10ffff}', 'añ\u{1f600}z']) {
    const bytes = new Uint8Array(Buffer.from(text))
    assert.equal(decodeUtf8(bytes, 0, bytes.length), text)
  }
})

test('every sequence of up to three bytes is judged as the platform judges it', () => {
  const bytes = new Uint8Array(3)
  const interesting = [
    0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xff,
  ]
  for (let lead = 1; lead < 256; lead++) {
    for (let second = 1; second < 256; second++) {
      bytes[0] = lead
      bytes[1] = second
      const two = bytes.subarray(0, 2)
      if (isUtf8(two) !== scanUtf8(two, 0, 2) < Utf8.IllFormed) assert.fail(two.join(' '))
      for (const third of interesting) {
        bytes[2] = third
        if (isUtf8(bytes) !== scanUtf8(bytes, 0, 3) < Utf8.IllFormed) assert.fail(bytes.join(' '))
      }
    }
  }
})

test('any bytes are judged as the platform judges them, and only within the range', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 4 }).map((text) => new Uint8Array(Buffer.from(text))),
  )
  fc.assert(
    fc.property(piece, piece, piece, (before, inside, after) => {
      const all = new Uint8Array([...before, ...inside, ...after])
      const end = before.length + inside.length
      const verdict = scanUtf8(all, before.length, end)
      assert.equal(verdict === Utf8.Ascii || verdict === Utf8.WellFormed, isUtf8(inside) && !inside.includes(0))
      assert.equal(isUtf8Payload(all, before.length, end), isUtf8(inside))
      assert.equal(
        verdict === Utf8.Ascii,
        inside.every((byte) => byte > 0 && byte < 0x80),
      )
    }),
    { numRuns: 2000 },
  )
})
