import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeLog } from '../../src/adapters/node/log.ts'
import { prettyLine } from '../../src/adapters/node/pretty-line.ts'
import type { LogLevel } from '../../src/ports/log.ts'

function collect(form: 'json' | 'pretty', level: LogLevel = 'info') {
  const lines: string[] = []
  const log = nodeLog({ level, form, destination: { write: (text: string) => void lines.push(text) } })
  return { log, lines, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

test('an entry is one JSON object on one line, with level, time and event', () => {
  const { log, lines, entries } = collect('json')
  log.write('warn', 'queueFull', { clientId: 'a\nb', dropped: 3 })
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.indexOf('\n'), (lines[0]?.length ?? 0) - 1)
  const entry = entries()[0]
  assert.equal(entry?.['level'], 'warn')
  assert.equal(entry?.['event'], 'queueFull')
  assert.equal(entry?.['clientId'], 'a\nb')
  assert.equal(entry?.['dropped'], 3)
  assert.ok(!Number.isNaN(Date.parse(String(entry?.['time']))))
})

test('entries below the level are not written', () => {
  for (const form of ['json', 'pretty'] as const) {
    const { log, lines } = collect(form, 'warn')
    log.write('info', 'a', {})
    log.write('debug', 'b', {})
    assert.equal(lines.length, 0)
    log.write('error', 'c', {})
    assert.equal(lines.length, 1)
  }
})

test('facts cannot replace level, time or event', () => {
  const { log, entries } = collect('json')
  log.write('info', 'real', { event: 'forged', level: 'error', time: 'never' })
  assert.equal(entries()[0]?.['event'], 'real')
  assert.equal(entries()[0]?.['level'], 'info')
  assert.equal(entries()[0]?.['event_'], 'forged')
})

test('S60 a secret that slips in under its usual name is hidden, at any depth and in both forms', () => {
  for (const form of ['json', 'pretty'] as const) {
    const { log, lines } = collect(form)
    log.write('info', 'x', {
      password: 'hunter2',
      inner: { token: 'hunter2', list: [{ privateKey: 'hunter2' }] },
      authenticationData: new Uint8Array([104, 117, 110, 116, 101, 114, 50]),
      payload: 'hunter2',
    })
    assert.ok(!lines.join('').includes('hunter2'))
    assert.ok(lines.join('').includes('[hidden]'))
  }
})

test('S60 bytes are never printed, only counted', () => {
  const { log, entries } = collect('json')
  log.write('info', 'x', { chunk: new Uint8Array([1, 2, 3]) })
  assert.equal(entries()[0]?.['chunk'], '[3 bytes]')
})

test('facts of any shape are written: circles, errors, big numbers, depth and length have an end', () => {
  const circle: Record<string, unknown> = { name: 'c' }
  circle['self'] = circle
  let deep: unknown = 'end'
  for (let i = 0; i < 100; i++) deep = { deep }
  const failure = new Error('outer', { cause: new Error('inner') })
  const facts = {
    circle,
    deep,
    failure,
    big: 2n ** 70n,
    nan: Number.NaN,
    long: 'x'.repeat(1_000_000),
    many: Array.from({ length: 10_000 }, (_, i) => i),
    nothing: undefined,
    call: () => 1,
  }
  for (const form of ['json', 'pretty'] as const) {
    const { log, lines } = collect(form)
    log.write('error', 'x', facts)
    const text = lines.join('')
    assert.ok(text.length < 20_000, `${form}: ${text.length}`)
    assert.ok(text.includes('outer'))
    assert.ok(text.includes('1180591620717411303424'))
  }
  const { log, entries } = collect('json')
  log.write('error', 'x', facts)
  const written = entries()[0]?.['failure'] as { message: string; stack: string; cause: { message: string } }
  assert.equal(written.message, 'outer')
  assert.ok(written.stack.includes('log.test.ts'))
  assert.equal(written.cause.message, 'inner')
})

test('S63 the pretty form escapes what could move the cursor, hide or reverse text', () => {
  const evil = 'a\u001b]0;x\u0007\r\n\u0085\u009b31m\u202eb\u2028c\u2066d\u200be\ufefff\ud800g\u{e0041}'
  const line = prettyLine(new Date(0), 'info', evil, { [evil]: evil, nested: { deeper: [evil] } }, { colour: false })
  assert.ok(line.endsWith('\n'))
  assert.ok(!/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(line.slice(0, -1)), JSON.stringify(line))
  assert.ok(line.includes('\\u{1b}]0;x\\u{7}'))
  assert.ok(line.includes('\\u{202e}b\\u{2028}c'))
})

test('the pretty form is one line per entry that a person can read', () => {
  const line = prettyLine(
    new Date(Date.UTC(2026, 0, 1, 8, 21, 0, 123)),
    'info',
    'sessionOpened',
    { clientId: 'pump 7', present: false, n: 3 },
    { colour: false },
  )
  assert.equal(line, '08:21:00.123 info  sessionOpened clientId="pump 7" present=false n=3\n')
})

test('the pretty form prints the stack of an error below its entry', () => {
  const { log, lines } = collect('pretty')
  log.write('error', 'bug', { error: new Error('broken') })
  const text = lines.join('')
  assert.match(text.split('\n')[0] ?? '', /error=broken$/)
  assert.match(text.split('\n')[1] ?? '', /^ {4}at /)
})
