import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixMillis } from '../../src/base/time.ts'
import { refusalText } from '../../src/cli/refusal-text.ts'

const refusal: Parameters<typeof refusalText>[0] = {
  id: '0'.repeat(32),
  at: unixMillis(0),
  action: 'connect',
  outcome: 'refused',
  code: 'nameMismatch',
  remedy: 'Issue a certificate that carries the name.',
  namespaceName: 'local',
  listener: 'mqtts',
  remoteAddress: '192.0.2.1',
  serverName: null,
  protocol: 'MQTT5',
  clientId: 'c',
  username: 'press-7',
  authenticationName: 'press-7',
  nameSource: 'UserName',
  method: null,
  certificateFingerprint: 'ab'.repeat(32),
  steps: [
    { step: 'client', outcome: 'passed', expected: 'press-7', presented: null, detail: null },
    {
      step: 'nameMatch',
      outcome: 'failed',
      expected: 'subject press-7',
      presented: 'CN=press-8',
      detail: 'SubjectMatchesAuthenticationName',
    },
  ],
}

test('a refusal is its code, what was compared, and the remedy', () => {
  assert.deepEqual(refusalText(refusal), [
    '',
    'refused: nameMismatch  (client press-7, connect from 192.0.2.1)',
    '  name match: SubjectMatchesAuthenticationName',
    '    expected   subject press-7',
    '    presented  CN=press-8',
    '  remedy: Issue a certificate that carries the name.',
    '  read more: docs/codes/nameMismatch.md',
    '',
  ])
})

test('a field that is not there is said to be so, instead of nothing at all', () => {
  const steps = [{ ...refusal.steps[1]!, presented: '' }]
  assert.ok(refusalText({ ...refusal, steps }).includes('    presented  (nothing)'))
})

test('a peer without a name is told by its certificate, its Client Identifier, or not at all', () => {
  const nameless = { ...refusal, authenticationName: null, username: null }
  assert.match(refusalText(nameless)[1] ?? '', /certificate abababababababab…/)
  assert.match(refusalText({ ...nameless, certificateFingerprint: null })[1] ?? '', /Client Identifier c/)
  assert.match(refusalText({ ...nameless, certificateFingerprint: null, clientId: null })[1] ?? '', /\(a peer/)
})

test('S63: nothing of it can steer a terminal', () => {
  const presented = 'CN=\u001b]0;x\u0007\u202e\u2028\u009b'
  const text = refusalText({ ...refusal, steps: [{ ...refusal.steps[1]!, presented }] }).join('\n')
  assert.doesNotMatch(text, /[\u001b\u0007\u202e\u2028\u009b]/)
  assert.match(text, /CN=\\u\{1b\}\]0;x\\u\{7\}\\u\{202e\}\\u\{2028\}\\u\{9b\}/)
})
