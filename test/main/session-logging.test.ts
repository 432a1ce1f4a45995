import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { unixMillis } from '../../src/base/time.ts'
import { logSessionEnds } from '../../src/main/session-logging.ts'
import type { BrokerEvent, DisconnectionReason } from '../../src/ports/events.ts'
import type { NamespaceId } from '../../src/ports/identity.ts'

function ended(reason: DisconnectionReason, detail: string | null): BrokerEvent {
  return {
    kind: 'sessionEnded',
    namespace: '00' as NamespaceId,
    at: unixMillis(0),
    authenticationName: 'press-12',
    clientId: 'press-12-a',
    sequenceNumber: 1,
    reason,
    reasonCode: 0x9b,
    detail,
  }
}

function listen() {
  const lines: { level: string; event: string; facts: Readonly<Record<string, unknown>> }[] = []
  const log = {
    write: (level: string, event: string, facts: Readonly<Record<string, unknown>>) =>
      void lines.push({ level, event, facts }),
  }
  const { clock, advance } = fakeClock(unixMillis(0))
  const events = createEvents({ onFailure: (error: unknown) => assert.fail(String(error)) })
  const stop = logSessionEnds(events, log, clock)
  return { lines, events, advance, stop }
}

test('a session that we end is told with its reason and where it stands', () => {
  const { lines, events, stop } = listen()
  events.emit(ended('ClientError', '[MQTT-3.2.2-11] QoS above Maximum QoS'))
  events.emit(ended('ClientInitiatedDisconnect', null))
  assert.deepEqual(
    lines.map(({ level, event, facts }) => [level, event, facts['detail']]),
    [
      ['warn', 'sessionEnded', '[MQTT-3.2.2-11] QoS above Maximum QoS'],
      ['debug', 'sessionEnded', null],
    ],
  )
  stop()
})

test('a peer that is ended over and over does not fill the log', () => {
  const { lines, events, advance, stop } = listen()
  for (let i = 0; i < 1_000; i++) events.emit(ended('ClientError', 'again'))
  assert.equal(lines.length, 100)
  advance(10_000)
  assert.deepEqual(lines.at(-1), { level: 'warn', event: 'sessionsEnded', facts: { times: 900 } })
  stop()
})
