import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/cli/load-config.ts'
import { parseEndpoint, readConfig } from '../../src/cli/read-config.ts'
import { type Config, environmentVariableOf, flagOf, type Mode, settingNames, settings } from '../../src/config.ts'
import { temporaryDirectory } from '../listeners/door.ts'

interface Given {
  readonly flags?: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string>>
  readonly file?: unknown
}

function read(given: Given, mode: Mode = 'serve') {
  return readConfig(mode, {
    flags: given.flags ?? {},
    environment: given.environment ?? {},
    file: given.file === undefined ? null : { path: 'sealgate.yaml', content: given.file },
    workingDirectory: '/start',
  })
}

function config(given: Given, mode: Mode = 'serve'): Config {
  const result = read(given, mode)
  assert.ok(result.ok, result.ok ? '' : result.error.join('\n'))
  return result.value
}

function problems(given: Given, mode: Mode = 'serve'): readonly string[] {
  const result = read(given, mode)
  assert.ok(!result.ok, 'accepted')
  return result.error
}

test('the defaults of dev are on loopback, those of serve on all interfaces', () => {
  assert.deepEqual(config({}, 'dev').mqtts, { host: '127.0.0.1', port: 8883 })
  assert.deepEqual(config({}, 'serve').mqtts, { host: '::', port: 8883 })
  assert.deepEqual(config({}, 'serve').https, { host: '::', port: 8443 })
  assert.deepEqual(config({}, 'serve').wss, { host: '::', port: 8444 })
  assert.equal(config({}).mqttTcp, null)
})

test('a flag wins over the environment, the environment over the file, the file over the default', () => {
  const file = { resourceGroup: 'from-file' }
  const environment = { SEALGATE_RESOURCE_GROUP: 'from-environment' }
  const flags = { resourceGroup: 'from-flag' }
  assert.equal(config({ file, environment, flags }).resourceGroup, 'from-flag')
  assert.equal(config({ file, environment }).resourceGroup, 'from-environment')
  assert.equal(config({ file }).resourceGroup, 'from-file')
  assert.equal(config({}).resourceGroup, 'local')
})

test('every setting has a flag and a variable of its own', () => {
  assert.equal(new Set(settingNames.map(flagOf)).size, settingNames.length)
  assert.equal(flagOf('mqttTcpIdentity'), '--mqtt-tcp-identity')
  assert.equal(environmentVariableOf('mqttTcpIdentity'), 'SEALGATE_MQTT_TCP_IDENTITY')
  for (const name of settingNames) assert.match(settings[name].description, /\.$/, name)
})

test('paths start at the working directory; lists come as repeated flags, comma-separated text or a list', () => {
  assert.equal(config({ flags: { dataDir: 'state' } }).dataDir, '/start/state')
  assert.equal(config({}, 'dev').dataDir, '/start/.sealgate')
  assert.deepEqual(config({ flags: { apply: ['a.json', '/b.json'] } }).apply, ['/start/a.json', '/b.json'])
  assert.deepEqual(config({ environment: { SEALGATE_APPLY: 'a.json, b.json' } }).apply, [
    '/start/a.json',
    '/start/b.json',
  ])
  assert.deepEqual(config({ file: { serverName: ['a.example', 'b.example'] } }).serverName, ['a.example', 'b.example'])
})

for (const [text, endpoint] of [
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:8883', { host: '::1', port: 8883 }],
  [':8883', { host: '::', port: 8883 }],
  ['*:8883', { host: '::', port: 8883 }],
  ['broker.example:65535', { host: 'broker.example', port: 65_535 }],
  ['off', null],
  ['8883', undefined],
  ['::1:8883', undefined],
  ['host:65536', undefined],
  ['host:-1', undefined],
  ['host:', undefined],
  ['ho st:1', undefined],
  ['', undefined],
] as const) {
  test(`the address ${JSON.stringify(text)} reads ${JSON.stringify(endpoint)}`, () =>
    assert.deepEqual(parseEndpoint(text), endpoint))
}

test('every mistake is told, each in a line that names where it stands', () => {
  assert.deepEqual(
    problems({
      flags: { mqtts: 'nonsense', handshakeTimeout: '0' },
      environment: { SEALGATE_LOG_LEVEL: 'loud', SEALGATE_DATADIR: '/x' },
      file: { subscriptionId: 'x', color: 'red' },
    }),
    [
      'sealgate.yaml: unknown key "color"',
      '--mqtts: expected HOST:PORT, [IPV6]:PORT or off',
      'SEALGATE_LOG_LEVEL: expected one of debug, info, warn, error',
      'sealgate.yaml: subscriptionId: not a valid UUID',
      '--handshake-timeout: expected a whole number of seconds, 1 to 60',
      'SEALGATE_DATADIR: no such setting',
    ],
  )
})

test('a setting of the other command is refused', () => {
  assert.deepEqual(problems({ file: { reset: true } }, 'serve'), ['sealgate.yaml: reset: only sealgate dev takes it'])
})

test('a config file is a map, and __proto__ in it is an unknown key', () => {
  assert.deepEqual(problems({ file: ['x'] }), ['sealgate.yaml: expected keys with values'])
  assert.deepEqual(problems({ file: JSON.parse('{"__proto__": {"reset": true}}') }), [
    'sealgate.yaml: unknown key "__proto__"',
  ])
  assert.deepEqual(config({ file: null }).apply, [])
})

test('S53: the plain listener needs an identity, and loopback unless told otherwise', () => {
  assert.match(problems({ flags: { mqttTcp: '127.0.0.1:0' } })[0] ?? '', /--mqtt-tcp-identity/)
  const open = { mqttTcp: '0.0.0.0:1883', mqttTcpIdentity: 'sensor' }
  assert.match(problems({ flags: open })[0] ?? '', /--mqtt-tcp-unsafe/)
  assert.equal(config({ flags: { ...open, mqttTcpUnsafe: true } }).mqttTcp?.port, 1883)
  assert.equal(config({ flags: { ...open, mqttTcp: '[::1]:0' } }).mqttTcp?.host, '::1')
})

test('settings that contradict each other are told', () => {
  assert.match(problems({ flags: { tlsCert: 'c.pem' } })[0] ?? '', /belong together/)
  assert.match(problems({ flags: { wss: ':8883' } })[0] ?? '', /two listeners/)
  assert.match(problems({ flags: { wss: 'off', https: 'off', mqtts: 'off' } })[0] ?? '', /every listener is off/)
})

test('a config file may be YAML or JSON; what is wrong with it is one line', async (t) => {
  const directory = temporaryDirectory(t)
  const load = async (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return loadConfig('serve', { flags: { config: name }, environment: {}, workingDirectory: directory })
  }
  const yaml = await load('a.yaml', 'mqtts: 127.0.0.1:1\napply:\n  - t.json\n')
  assert.ok(yaml.ok)
  assert.equal(yaml.value.mqtts?.port, 1)
  assert.deepEqual(yaml.value.apply, [join(directory, 't.json')])
  const json = await load('a.json', '{"handshakeTimeout": 5, "mqttTcp": false}')
  assert.ok(json.ok)
  assert.equal(json.value.handshakeTimeout, 5)
  for (const [name, text] of [
    ['twice.yaml', 'mqtts: off\nmqtts: off\n'],
    ['broken.json', '{"a":'],
  ] as const) {
    const result = await load(name, text)
    assert.ok(!result.ok)
    assert.equal(result.error.length, 1)
  }
  const missing = await loadConfig('serve', { flags: { config: 'none' }, environment: {}, workingDirectory: directory })
  assert.ok(!missing.ok)
  assert.match(missing.error[0] ?? '', /^--config .*none: ENOENT/)
})
