import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { readPem } from '../../src/x509/pem.ts'
import { deviceAuthority, deviceCertificate, pemOf, type TestApi } from '../api/support.ts'
import { type FakePeer, fakeTransport } from '../support/fake-transport.ts'
import { type Place, sealgate, sealgateProcess } from './run.ts'
import { placeWithData, sendJson, served, stubServer } from './server.ts'

const authority = deviceAuthority('Device CA')
const stranger = deviceAuthority('Stranger CA')

async function fine(place: Place, ...args: readonly string[]): Promise<string> {
  const ran = await sealgate(place, ...args)
  assert.equal(ran.code, 0, `${args.join(' ')}\n${ran.err}`)
  return ran.out
}

/** A namespace `plant` with a CA certificate and a client, and certificates in files. */
async function plant(place: Place): Promise<void> {
  const file = (name: string, content: string) => writeFileSync(join(place.directory, name), content)
  file('ca.pem', pemOf(authority))
  file('press.pem', deviceCertificate(authority, 'press'))
  file('stranger.pem', deviceCertificate(stranger, 'press'))
  await fine(
    place,
    ...['namespace', 'create', 'plant', '--topic-spaces-configuration', 'state=Enabled'],
    'maximum-client-sessions-per-authentication-name=5',
  )
  await fine(place, 'namespace', 'ca-certificate', 'create', 'device-ca', '--certificate', 'ca.pem')
  await fine(place, 'namespace', 'client', 'create', 'press')
}

/** A device that connects, without sockets. Resolves when the broker has answered. */
async function connect(api: TestApi, certificate: string, clientId: string, username = 'press'): Promise<FakePeer> {
  const pem = readPem(certificate)
  assert.ok(pem.ok)
  const { transport, peer } = fakeTransport({ peerChain: pem.value.certificates, remoteAddress: '192.0.2.7' })
  api.broker.accept(transport)
  const answered = Promise.withResolvers<void>()
  peer.onReceive = answered.resolve
  peer.send(
    encodePacket(
      {
        type: 'CONNECT',
        protocolVersion: 5,
        cleanStart: true,
        keepAliveSeconds: 0,
        clientId,
        username,
        password: null,
        will: null,
        properties: { sessionExpiryIntervalSeconds: 600 },
      },
      5,
    ),
  )
  await answered.promise
  return peer
}

test('explain shows each step, what was compared, the remedy and the page of the code', async (t) => {
  const { place } = await served(t)
  await plant(place)
  const refused = await fine(place, 'explain', '--cert', 'stranger.pem', '--username', 'press')
  assert.match(refused, /^refused: issuerNotRegistered {2}\(press, named by UserName, namespace plant\)\n/)
  assert.match(refused, /\n {2}ok {7}client: client resource press\n/)
  assert.match(refused, /\n {2}FAILED {3}certification path: .*\n {13}expected {3}.*\n {13}presented {2}/)
  assert.match(refused, /\n {2}What to do: Register the CA certificate that signed this certificate/)
  const [, page = ''] = /Read more: {2}(.*)\n/.exec(refused) ?? []
  assert.match(readFileSync(page, 'utf8'), /^# `issuerNotRegistered`/)
  assert.match(refused, /Nobody has proved to hold the key: a live connection also needs it\.\n$/)

  const accepted = await fine(place, 'explain', '--cert', 'press.pem', '--username', 'press', '--check')
  assert.match(accepted, /^accepted {2}\(press, named by UserName, namespace plant\)\n/)
  assert.match(accepted, /Accepted as CACertificate, below the CA certificate device-ca, until /)
})

test('S62 explain judges as the listener does', async (t) => {
  const api = await served(t)
  const { place } = api
  await plant(place)
  const cases: readonly (readonly [certificate: string, username: string])[] = [
    ['press.pem', 'press'],
    ['stranger.pem', 'press'],
    ['press.pem', 'nobody'],
  ]
  for (const [file, username] of cases) {
    await connect(api, readFileSync(join(place.directory, file), 'utf8'), 'c-1', username)
    const [live] = JSON.parse(await fine(place, 'decisions', '-o', 'json'))
    const explained = JSON.parse(
      await fine(place, 'explain', '--cert', file, '--username', username, '--client-id', 'c-1', '-o', 'json'),
    )
    assert.deepEqual([explained.outcome, explained.code, explained.keyProven], [live.outcome, live.code, false])
    const stepsOf = ({ steps }: { steps: { step: string }[] }) => steps.map(({ step }) => step)
    if (live.outcome === 'refused') assert.deepEqual(stepsOf(explained), stepsOf(live))
  }
})

test('an authentication method is part of the question', async (t) => {
  const { place } = await served(t)
  await plant(place)
  const args = ['--cert', 'press.pem', '--username', 'press', '--authentication-method', 'SCRAM']
  assert.match(await fine(place, 'explain', ...args), /^refused: authenticationMethodUnsupported/)
})

test('--check turns a refusal into exit code 1; what is missing is said', async (t) => {
  const { place } = await served(t)
  await plant(place)
  const refused = await sealgate(place, 'explain', '--username', 'press', '--check')
  assert.deepEqual([refused.code, refused.err], [1, ''])
  assert.match(refused.out, /^refused: noCertificate/)
  assert.match(
    (await sealgate(place, 'explain')).err,
    /--cert FILE is missing\n {2}For example: sealgate explain --cert/,
  )
  assert.equal((await sealgate(place, 'explain')).code, 2)
  assert.match((await sealgate(place, 'explain', '--cert', 'no.pem')).err, /no\.pem: no such file/)
})

test('S21: explain sends certificates only', async (t) => {
  const requests: string[] = []
  const stub = await stubServer(t, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      requests.push(body)
      sendJson(response, 400, { error: { code: 'InvalidRequest', message: 'enough' } })
    })
  })
  const place = placeWithData(t, stub)
  await sealgate(place, 'cert', 'self-signed', 'gauge')
  const read = (name: string) => readFileSync(join(place.directory, name), 'utf8')
  writeFileSync(join(place.directory, 'both.pem'), read('gauge.key') + read('gauge.pem'))
  const args = ['--namespace', 'plant', '-g', 'local', '--subscription', 's']
  await sealgate(place, 'explain', '--cert', 'both.pem', ...args)
  const [body = ''] = requests
  assert.equal(JSON.parse(body).certificate, read('gauge.pem'))
  assert.ok(!body.includes('PRIVATE'))
  const alone = await sealgate(place, 'explain', '--cert', 'gauge.key', ...args)
  assert.equal(alone.code, 1)
  assert.equal(requests.length, 1)
})

test('decisions are a table, or told in full, by code, name and outcome', async (t) => {
  const api = await served(t)
  const { place } = api
  await plant(place)
  assert.equal(await fine(place, 'decisions'), 'There are no such decisions.\n')
  await connect(api, deviceCertificate(authority, 'press'), 'one')
  await connect(api, deviceCertificate(stranger, 'press'), 'two')
  await connect(api, deviceCertificate(authority, 'press'), 'three', 'nobody')
  const shown = (await fine(place, 'decisions')).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T')
  assert.equal(
    shown.replaceAll(/ +/g, ' '),
    `TIME DECISION ACTION WHO FROM TIMES
T clientNotFound connect nobody 192.0.2.7 1
T issuerNotRegistered connect press 192.0.2.7 1
T accepted connect press 192.0.2.7 1
`,
  )
  const codes = async (...args: readonly string[]) =>
    JSON.parse(await fine(place, 'decisions', '-o', 'json', ...args)).map(({ code }: { code: string | null }) => code)
  assert.deepEqual(await codes('--code', 'issuerNotRegistered'), ['issuerNotRegistered'])
  assert.deepEqual(await codes('--name', 'nobody'), ['clientNotFound'])
  assert.deepEqual(await codes('--outcome', 'accepted'), [null])
  assert.deepEqual(await codes('--max-items', '1'), ['clientNotFound'])
  const full = await fine(place, 'decisions', '--details', '--max-items', '1')
  assert.match(
    full,
    /clientNotFound {2}connect of nobody from 192\.0\.2\.7\n[\s\S]* {2}FAILED {3}client: [\s\S]*What to do: /,
  )
  assert.equal(await fine(place, 'decisions', '--stray'), 'There are no such decisions.\n')
})

test('--follow shows what was decided meanwhile, each once, and ends when it is told to', async (t) => {
  const api = await served(t)
  await plant(api.place)
  await connect(api, deviceCertificate(authority, 'press'), 'before')
  const ended = new AbortController()
  const waits: number[] = []
  const ran = await sealgate(
    {
      ...api.place,
      interrupted: ended.signal,
      async onWait(milliseconds) {
        waits.push(milliseconds)
        if (waits.length === 2) await connect(api, deviceCertificate(stranger, 'press'), 'meanwhile')
        if (waits.length === 4) await connect(api, deviceCertificate(stranger, 'press'), 'again')
        if (waits.length === 6) ended.abort()
      },
    },
    ...['decisions', '--follow', '-o', 'json'],
  )
  assert.equal(ran.code, 0, ran.err)
  const lines = ran.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ code, count }) => [code, count]),
    [
      [null, 1],
      ['issuerNotRegistered', 1],
      // Equal refusals without a proven path are one entry that is counted.
      ['issuerNotRegistered', lines.at(-1).count],
    ],
  )
  assert.deepEqual([...new Set(waits)], [1_000])
})

test('S63: what a peer sent is escaped on its way to the terminal', async (t) => {
  const evil = '\u001b]0;x\u0007\u202eexe'
  const decision = {
    id: 'd',
    at: '2027-01-01T00:00:00.000Z',
    action: 'connect',
    outcome: 'refused',
    code: evil,
    remedy: evil,
    namespaceName: evil,
    protocol: 'MQTT5',
    remoteAddress: evil,
    clientId: evil,
    username: evil,
    authenticationName: null,
    nameSource: evil,
    method: null,
    certificateFingerprint: null,
    steps: [{ step: evil, outcome: 'failed', expected: evil, presented: evil, detail: evil }],
  }
  const session = {
    clientId: evil,
    authenticationName: evil,
    online: true,
    connectedAt: evil,
    expiresAt: null,
    subscriptions: [],
    queued: { messages: 0, bytes: 0 },
  }
  const stub = await stubServer(t, (request, response) => {
    if (request.url?.includes('/explain'))
      sendJson(response, 200, { ...decision, keyProven: false, caCertificateName: null })
    else sendJson(response, 200, { value: [request.url?.includes('/sessions') ? session : decision] })
  })
  const place = placeWithData(t, stub)
  const scope = ['--namespace', 'plant', '-g', 'local', '--subscription', 's']
  for (const command of [
    ['decisions'],
    ['decisions', '--details'],
    ['explain', '--username', 'x'],
    ['sessions', 'list'],
  ]) {
    for (const form of ['table', 'json', 'yaml']) {
      const ran = await sealgate(place, ...command, ...scope, '-o', form)
      assert.equal(ran.code, 0, ran.err)
      assert.doesNotMatch(ran.out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, command.join(' '))
      assert.match(ran.out, /exe/)
    }
  }
})

test('sessions are listed and closed by their client id, whatever it holds', async (t) => {
  const api = await served(t)
  const { place } = api
  await plant(place)
  const odd = 'a/b c%?ü'
  const certificate = deviceCertificate(authority, 'press')
  const peer = await connect(api, certificate, odd)
  await connect(api, certificate, 'x')
  const shown = (await fine(place, 'sessions', 'list')).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T')
  assert.equal(
    shown.replaceAll(/ {2,}/g, ' | '),
    `CLIENT ID | AUTHENTICATION NAME | STATE | SINCE | EXPIRES | SUBSCRIPTIONS | QUEUED
${odd} | press | online | T | - | 0 | 0
x | press | online | T | - | 0 | 0
`,
  )
  assert.deepEqual(
    JSON.parse(await fine(place, 'sessions', 'list', '-o', 'json')).map(
      ({ clientId }: { clientId: string }) => clientId,
    ),
    [odd, 'x'],
  )
  assert.equal(await fine(place, 'sessions', 'list', '--authentication-name', 'nobody'), 'There are no sessions.\n')
  assert.equal(await fine(place, 'sessions', 'close', odd), `Closed the session ${odd}; its name is free\n`)
  assert.notEqual(peer.ended, null)
  const gone = await sealgate(place, 'sessions', 'close', 'y')
  assert.deepEqual(
    [gone.code, gone.err],
    [1, 'sealgate sessions close: there is no session with the client id y in namespace plant\n  Did you mean x?\n'],
  )
})

test('S65: a token is shown once or goes into a file of mode 0600, works, and is revoked', async (t) => {
  const { place } = await served(t)
  await plant(place)
  const made = await fine(place, 'token', 'create', 'ci', '--role', 'reader', '--namespace', 'plant', '--days', '5')
  const [, secret = ''] = made.trimEnd().split('\n')
  assert.match(secret, /^sgt_[0-9a-f]{32}_/)
  const out = await fine(place, 'token', 'create', 'robot', '--role', 'contributor', '--out', 'robot.token')
  assert.match(out, /^Created the token robot \(contributor\); it is in robot\.token, readable by you only\n/)
  const file = join(place.directory, 'robot.token')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!out.includes(readFileSync(file, 'utf8').trim()))
  assert.equal((await sealgate(place, 'token', 'create', 'robot2', '--role', 'reader', '--out', 'robot.token')).code, 1)

  const list = await fine(place, 'token', 'list')
  assert.match(list, /^ci +token +reader +\S+ +namespace plant +[0-9a-f]{32}$/m)
  assert.ok(!list.includes('robot2'), 'a token was made that nobody can have')
  assert.ok(!list.includes(secret))
  const asReader = { ...place, environment: { SEALGATE_TOKEN: secret } }
  assert.match(await fine(asReader, 'namespace', 'client', 'list'), /press/)
  assert.match((await sealgate(asReader, 'namespace', 'client', 'create', 'other')).err, /does not have authorization/)
  assert.equal(await fine(place, 'token', 'revoke', 'CI'), 'Revoked ci; it is of no use any more\n')
  assert.match(
    (await sealgate(asReader, 'namespace', 'list')).err,
    /The token of SEALGATE_TOKEN was made by another server, or was revoked/,
  )
  assert.match(
    (await sealgate(place, 'token', 'revoke', 'robo')).err,
    /there is no token robo\n {2}Did you mean robot\?/,
  )
  const principal = JSON.parse(
    await fine(
      place,
      'token',
      'create',
      'az',
      '--role',
      'owner',
      '--service-principal',
      '--days',
      'never',
      '-o',
      'json',
    ),
  )
  assert.equal(principal.expiresAt, null)
  assert.equal(typeof principal.clientSecret, 'string')
  assert.equal((await sealgate(place, 'token', 'create', 'x', '--role', 'king')).code, 2)
})

test('the program itself answers the same', async (t) => {
  const { place } = await served(t)
  await plant(place)
  const explained = await sealgateProcess(place, 'explain', '--cert', 'stranger.pem', '--username', 'press', '--check')
  assert.equal(explained.code, 1)
  assert.match(explained.out, /^refused: issuerNotRegistered/)
  assert.equal((await sealgateProcess(place, 'decisions', '--code')).code, 2)
})
