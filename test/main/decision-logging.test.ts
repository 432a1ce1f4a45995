import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { unixMillis } from '../../src/base/time.ts'
import { type DecisionLogging, logDecisions } from '../../src/main/decision-logging.ts'
import type { DecisionFacts } from '../../src/ports/events.ts'
import type { LogLevel } from '../../src/ports/log.ts'

function setUp(options: DecisionLogging = { acceptedToo: false }) {
  const entries: { level: LogLevel; event: string; facts: Readonly<Record<string, unknown>> }[] = []
  const events = createEvents()
  const time = fakeClock(unixMillis(0))
  const log = {
    write: (level: LogLevel, event: string, facts: Readonly<Record<string, unknown>>) =>
      void entries.push({ level, event, facts }),
  }
  const stop = logDecisions(events, log, time.clock, options)
  const decide = (facts: Partial<DecisionFacts>) =>
    events.emit({ kind: 'decision', namespace: null, record: { ...refusal, ...facts } })
  return {
    entries,
    time,
    stop,
    decide,
    said: () => entries.map(({ event, facts }) => [event, facts['times'] ?? facts['code']]),
  }
}

const refusal: DecisionFacts = {
  id: '0'.repeat(32),
  at: unixMillis(0),
  action: 'connect',
  outcome: 'refused',
  code: 'clientNotFound',
  remedy: 'Register the client.',
  namespaceName: 'local',
  listener: 'mqtts',
  remoteAddress: '192.0.2.1',
  serverName: null,
  protocol: 'MQTT5',
  clientId: 'c',
  username: 'a',
  authenticationName: 'a',
  nameSource: 'UserName',
  method: null,
  certificateFingerprint: null,
  steps: [],
}

test('a refusal is logged whole once in ten seconds and then counted', () => {
  const { decide, said, time, entries } = setUp()
  decide({})
  decide({})
  decide({})
  assert.deepEqual(said(), [['refused', 'clientNotFound']])
  assert.equal(entries[0]?.level, 'warn')
  assert.equal(entries[0]?.facts['remedy'], 'Register the client.')
  time.advance(10_000)
  assert.deepEqual(said().slice(1), [['refusedAgain', 2]])
  decide({})
  time.advance(10_000)
  assert.deepEqual(said().slice(2), [['refused', 'clientNotFound']])
})

test('other codes, names and namespaces are told apart', () => {
  const { decide, entries } = setUp()
  decide({})
  decide({ code: 'noCertificate' })
  decide({ authenticationName: 'b' })
  decide({ namespaceName: 'other' })
  assert.equal(entries.length, 4)
})

test('a flood of different refusals is bounded, and its rest counted', () => {
  const { decide, said, time } = setUp()
  for (let i = 0; i < 5_000; i++) decide({ authenticationName: `n${i}` })
  assert.equal(said().length, 1_000)
  time.advance(10_000)
  assert.deepEqual(said().slice(1_000), [['refusedOthers', 4_000]])
})

test('acceptances are logged only when asked for, below everything else', () => {
  const quiet = setUp()
  quiet.decide({ outcome: 'accepted', code: null })
  assert.deepEqual(quiet.entries, [])
  const talkative = setUp({ acceptedToo: true })
  talkative.decide({ outcome: 'accepted', code: null })
  assert.deepEqual(
    talkative.entries.map(({ level, event }) => [level, event]),
    [['debug', 'accepted']],
  )
})

test('who is shown a refusal need not read it in the log again', () => {
  const told: (string | null)[] = []
  const tell = (answer: 'enough' | 'logToo') => (refusal: DecisionFacts) => {
    told.push(refusal.code)
    return answer
  }
  const terminal = setUp({ acceptedToo: false, tell: tell('enough') })
  terminal.decide({})
  terminal.decide({})
  assert.deepEqual(terminal.said(), [])
  const pipe = setUp({ acceptedToo: false, tell: tell('logToo') })
  pipe.decide({})
  assert.deepEqual(pipe.said(), [['refused', 'clientNotFound']])
  assert.deepEqual(told, ['clientNotFound', 'clientNotFound'])
})

test('stopping writes what was counted and leaves no timer', () => {
  const { decide, said, time, stop } = setUp()
  decide({})
  decide({})
  stop()
  assert.deepEqual(said(), [
    ['refused', 'clientNotFound'],
    ['refusedAgain', 1],
  ])
  assert.equal(time.pendingTimers, 0)
})
