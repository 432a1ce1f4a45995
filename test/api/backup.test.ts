import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Backups } from '../../src/api/parts.ts'
import { err, ok } from '../../src/base/result.ts'
import { administratorToken, testApi } from './support.ts'

const path = '/sealgate/backup'

function copies(t: TestContext): { readonly backups: Backups; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-api-backup-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'copy')
  return {
    file,
    backups: async () => {
      writeFileSync(file, 'all of it')
      return ok({ path: file, bytes: 9, dispose: () => rmSync(file) })
    },
  }
}

test('S69 backup: an owner gets the file, it is audited, and nothing of it stays', async (t) => {
  const { backups, file } = copies(t)
  const api = await testApi(t, { backups })
  const reply = await api.call('POST', path)
  assert.deepEqual([reply.status, reply.text, reply.headers['content-length']], [200, 'all of it', '9'])
  assert.equal(reply.headers['content-type'], 'application/octet-stream')
  assert.deepEqual(
    api.audited().map(({ action, outcome }) => [action, outcome]),
    [['Sealgate/backup/action', 'made']],
  )
  while (existsSync(file)) await new Promise((resolve) => setImmediate(resolve))
})

test('S69 backup: nobody else gets it, and it is audited who tried', async (t) => {
  const { backups, file } = copies(t)
  const api = await testApi(t, { backups })
  for (const role of ['reader', 'contributor']) {
    const made = await api.call('POST', '/sealgate/tokens', { body: { name: role, role } })
    const reply = await api.call('POST', path, { token: made.body.token })
    assert.deepEqual([role, reply.status, reply.body.error.code], [role, 403, 'AuthorizationFailed'])
  }
  assert.equal((await api.call('POST', path, { token: null })).status, 401)
  assert.equal(existsSync(file), false)
  const denied = api.audited().filter(({ action }) => action === 'Sealgate/backup/action')
  assert.deepEqual(
    denied.map(({ role, outcome }) => [role, outcome]),
    [
      ['reader', 'denied'],
      ['contributor', 'denied'],
    ],
  )
})

test('backup: one at a time, none without room, none where there is no file', async (t) => {
  for (const [backups, status, code] of [
    [async () => err('underWay' as const), 429, 'TooManyRequests'],
    [async () => err('noRoom' as const), 507, 'InsufficientStorage'],
    [undefined, 501, 'NotImplemented'],
  ] as const) {
    const api = await testApi(t, { backups })
    const reply = await api.call('POST', path)
    assert.deepEqual([reply.status, reply.body.error.code], [status, code])
  }
})

test('S69 backup: whoever takes too little of it is cut, and the copy goes: one reader does not hold it for ever', {
  timeout: 60_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-api-backup-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'copy')
  // Far more than the buffers between the two can take.
  const bytes = 256 * 2 ** 20
  const backups: Backups = async () => {
    writeFileSync(file, '')
    truncateSync(file, bytes)
    return ok({ path: file, bytes, dispose: () => rmSync(file) })
  }
  const api = await testApi(t, { backups, limits: { fileBytesPerLook: 64 * 2 ** 20, fileLookMs: 100 } })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const { hostname, port } = new URL(api.endpoint)
    const headers = { authorization: `Bearer ${administratorToken}` }
    httpsRequest({ method: 'POST', hostname, port, path, headers, rejectUnauthorized: false }, resolve)
      .on('error', reject)
      .end()
  })
  assert.equal(response.statusCode, 200)
  // It reads no more than what is there by now.
  response.on('error', () => {})
  while (existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20))
  response.resume()
  await new Promise((resolve) => response.on('close', resolve))
  assert.equal(response.complete, false)
})
