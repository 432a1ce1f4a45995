import assert from 'node:assert/strict'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig } from '../../src/cli/read-config.ts'
import { clientVariables } from '../../src/cli/rest/connection-options.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import { createCertificateAuthority } from '../../src/x509/issue.ts'
import { valid } from '../x509/kit.ts'
import { sealgate, temporaryPlace } from './run.ts'
import { placeWithData, sendJson, stubServer } from './server.ts'

const subscription = '00000000-0000-0000-0000-000000000000'
const collection = `/subscriptions/${subscription}/providers/Microsoft.EventGrid/namespaces`
const list = ['namespace', 'list', '--subscription', subscription]

function namespace(name: string) {
  const id = `/subscriptions/${subscription}/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/${name}`
  return { id, name, type: 'Microsoft.EventGrid/namespaces', properties: {} }
}

test('the data directory tells address, CA and token', async (t) => {
  const stub = await stubServer(t, (_, response) => sendJson(response, 200, { value: [namespace('plant')] }))
  const place = placeWithData(t, { port: stub.port, ca: stub.ca, token: 'T'.repeat(43) })
  const ran = await sealgate(place, ...list, '-o', 'json')
  assert.equal(ran.code, 0, ran.err)
  assert.equal(JSON.parse(ran.out)[0].name, 'plant')
  assert.equal(stub.requests[0]?.authorization, `Bearer ${'T'.repeat(43)}`)
  assert.match(stub.requests[0]?.line ?? '', /api-version=2026-06-15-preview/)
})

test('a server elsewhere is named by flags or variables', async (t) => {
  const stub = await stubServer(t, (_, response) => sendJson(response, 200, { value: [] }))
  const place = temporaryPlace(t)
  const file = (name: string, content: string) => {
    writeFileSync(join(place.directory, name), content, { mode: 0o600 })
    return name
  }
  const [token, ca] = [file('token', 'flag-token'), file('ca.pem', stub.ca)]
  const url = `https://127.0.0.1:${stub.port}/`
  const byFlags = await sealgate(place, ...list, '--server', url, '--token-file', token, '--ca-file', ca)
  assert.equal(byFlags.code, 0, byFlags.err)
  const environment = { SEALGATE_SERVER: url, SEALGATE_TOKEN: 'variable-token', SEALGATE_CA_FILE: ca }
  const byVariables = await sealgate({ ...place, environment }, ...list)
  assert.equal(byVariables.code, 0, byVariables.err)
  assert.deepEqual(
    stub.requests.map(({ authorization }) => authorization),
    ['Bearer flag-token', 'Bearer variable-token'],
  )
})

test('S65: a token file that others can read is refused before anything is sent', {
  skip: process.platform === 'win32',
}, async (t) => {
  const stub = await stubServer(t, (_, response) => sendJson(response, 200, { value: [] }))
  const place = placeWithData(t, stub)
  for (const mode of [0o640, 0o604]) {
    chmodSync(join(place.directory, 'data', 'admin.token'), mode)
    const ran = await sealgate(place, ...list)
    assert.equal(ran.code, 1)
    assert.match(ran.err, /admin\.token: other users can read this token \(mode 6\d\d\), so it was not used/)
  }
  assert.equal(stub.requests.length, 0)
})

test('S65: a server that the CA did not sign, or signed for another name, gets no request', async (t) => {
  const other = createCertificateAuthority({ subject: nameOfCommonName('Stub CA'), ...valid })
  const answer = (_: unknown, response: Parameters<typeof sendJson>[0]) => sendJson(response, 200, { value: [] })
  const impostor = await stubServer(t, answer, ['127.0.0.1'], other)
  const trusted = await stubServer(t, answer)
  const place = placeWithData(t, { port: impostor.port, ca: trusted.ca })
  const refused = await sealgate(place, ...list)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /has a certificate that the CA of .*ca\.pem has not signed; nothing was sent/)

  const misnamed = await stubServer(t, answer, ['elsewhere.example'])
  const named = await sealgate(placeWithData(t, { port: misnamed.port, ca: misnamed.ca }), ...list)
  assert.equal(named.code, 1)
  assert.match(named.err, /the certificate of the server is for other names; nothing was sent/)
  assert.deepEqual([impostor.requests, misnamed.requests], [[], []])
})

test('S65: the very certificate of the data directory is the server, by whatever name it was reached', async (t) => {
  const stub = await stubServer(t, (_, response) => sendJson(response, 200, { value: [] }), ['broker.example'])
  const ran = await sealgate(placeWithData(t, { ...stub, server: stub.certificate }), ...list)
  assert.equal(ran.code, 0, ran.err)
})

test('S65: no redirect is followed', async (t) => {
  const elsewhere = await stubServer(t, (_, response) => sendJson(response, 200, { value: [] }))
  const stub = await stubServer(t, (_, response) => {
    response.writeHead(307, { location: `https://127.0.0.1:${elsewhere.port}/` }).end()
  })
  const ran = await sealgate(placeWithData(t, stub), ...list)
  assert.equal(ran.code, 1)
  assert.match(ran.err, /sends us elsewhere; the token is for this server alone/)
  assert.deepEqual(elsewhere.requests, [])
})

test('S65: of the link to a next page only path and query are used, and only for the same list', async (t) => {
  const elsewhere = await stubServer(t, (_, response) => sendJson(response, 200, { value: [] }))
  let link = `https://127.0.0.1:${elsewhere.port}${collection}?%24skiptoken=abc`
  const stub = await stubServer(t, (request, response) => {
    const isFirst = request.url?.includes('skiptoken') !== true
    sendJson(response, 200, { value: [namespace(isFirst ? 'one' : 'two')], ...(isFirst ? { nextLink: link } : {}) })
  })
  const place = placeWithData(t, stub)
  const pages = await sealgate(place, ...list, '-o', 'json')
  assert.equal(pages.code, 0, pages.err)
  assert.deepEqual(
    JSON.parse(pages.out).map(({ name }: { name: string }) => name),
    ['one', 'two'],
  )
  link = `https://127.0.0.1:${elsewhere.port}/sealgate/tokens?x=1`
  const refused = await sealgate(place, ...list)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /the link to the next page leads elsewhere; it was not followed/)
  assert.deepEqual(elsewhere.requests, [])
})

test('a busy server is asked again when it says so', async (t) => {
  let tries = 0
  const stub = await stubServer(t, (_, response) => {
    tries++
    if (tries === 1)
      sendJson(response, 429, { error: { code: 'TooManyRequests', message: 'Slowly.' } }, { 'retry-after': '0' })
    else sendJson(response, 200, { value: [] })
  })
  const ran = await sealgate(placeWithData(t, stub), ...list)
  assert.deepEqual([ran.code, tries], [0, 2])
})

test('what the server says is escaped, and each refusal says what to do', async (t) => {
  const answers = new Map<string, (response: Parameters<typeof sendJson>[0]) => void>([
    [
      'stale',
      (response) =>
        sendJson(response, 401, { error: { code: 'InvalidAuthenticationToken', message: 'No \u001b[31mtoken.' } }),
    ],
    ['html', (response) => response.writeHead(502).end('<html>')],
    [
      'many',
      (response) =>
        sendJson(response, 400, {
          error: {
            code: 'InvalidRequest',
            message: 'Two.',
            details: [
              { code: 'Required', target: 'properties.a', message: 'Write a.' },
              { code: 'Required', target: 'properties.b', message: 'Write b.' },
            ],
          },
        }),
    ],
  ])
  let kind = ''
  const stub = await stubServer(t, (_, response) => answers.get(kind)?.(response))
  const place = placeWithData(t, stub)
  const said = async (one: string) => {
    kind = one
    const ran = await sealgate(place, ...list)
    assert.deepEqual([ran.code, ran.out], [1, ''])
    return ran.err
  }
  assert.match(
    await said('stale'),
    /^sealgate namespace list: No \\u\{1b\}\[31mtoken\.\n {2}The token of .*admin\.token was made by another/,
  )
  assert.match(
    await said('html'),
    /answered GET \/subscriptions\/.* with status 502 and no explanation\n {2}Is this the management API/,
  )
  assert.equal(
    await said('many'),
    'sealgate namespace list: 2 problems\n  properties.a: Write a.\n  properties.b: Write b.\n',
  )
})

test('no server, no directory and wrong addresses are told apart', async (t) => {
  const empty = temporaryPlace(t)
  const nothing = await sealgate(empty, ...list)
  assert.equal(nothing.code, 1)
  assert.match(nothing.err, /no server to talk to: there is no data directory here\n {2}sealgate dev starts one/)
  assert.match((await sealgate(empty, ...list, '--server', 'https://127.0.0.1:1')).err, /no access token/)
  const insecure = await sealgate(empty, ...list, '--server', 'http://127.0.0.1', '--token-file', 'x')
  assert.equal(insecure.code, 1)

  const stub = await stubServer(t, (_, response) => sendJson(response, 200, { value: [] }))
  const place = placeWithData(t, { ...stub, port: 1 })
  const refused = await sealgate(place, ...list)
  assert.equal(refused.code, 1)
  assert.match(
    refused.err,
    /nothing answers at https:\/\/127\.0\.0\.1:1\n {2}Is the server of data running\? sealgate serve --data-dir data starts it/,
  )
  rmSync(join(place.directory, 'data', 'admin.token'))
  assert.match((await sealgate(place, ...list, '--data-dir', 'data')).err, /admin\.token: no such file/)
  assert.ok(readFileSync(join(place.directory, 'data', 'tls', 'ca.pem')).length > 0)
})

test('variables of the commands do not keep a server from starting, mistyped ones do', () => {
  const read = (name: string) =>
    readConfig('serve', { flags: {}, environment: { [name]: 'x' }, file: null, workingDirectory: '/' })
  for (const name of clientVariables) assert.ok(read(name).ok, name)
  assert.ok(!read('SEALGATE_SERVERS').ok)
})
