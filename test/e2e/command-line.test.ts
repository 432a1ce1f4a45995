import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import mqtt from 'mqtt'
import { type Ran, sealgateProcess } from '../cli/run.ts'
import { type SealgateProcess, serve } from './sealgate.ts'

/** An operator with nothing but the program: from an empty directory to a message, and to a reason why not. */

const directory = mkdtempSync(join(tmpdir(), 'sealgate-operator-'))
let server: SealgateProcess
let mqtts: { readonly host: string; readonly port: number }
let caFile: string

function run(...args: readonly string[]): Promise<Ran> {
  // The data directory is here, and tells the rest.
  return sealgateProcess({ directory }, ...args)
}

async function fine(...args: readonly string[]): Promise<string> {
  const ran = await run(...args)
  assert.equal(ran.code, 0, `${args.join(' ')}\n${ran.err}`)
  return ran.out
}

before(async () => {
  const started = await serve(directory)
  server = started.sealgate
  mqtts = started.ready.mqtts
  caFile = started.ready.caFile
})

after(async () => {
  assert.equal(await server?.stop(), 0)
  rmSync(directory, { recursive: true, force: true })
})

async function connect(certificate: string, username: string): Promise<string> {
  const client = mqtt.connect({
    protocol: 'mqtts',
    ...mqtts,
    protocolVersion: 5,
    clientId: `${username}-1`,
    username,
    reconnectPeriod: 0,
    ca: readFileSync(caFile),
    cert: readFileSync(join(directory, `${certificate}.pem`)),
    key: readFileSync(join(directory, `${certificate}.key`)),
  })
  const outcome = await new Promise<string>((resolve) => {
    client.once('connect', () => resolve('connected'))
    client.once('error', (error) => resolve(error.message))
  })
  await client.endAsync(true)
  return outcome
}

test('from an empty directory to a client that connects, with the commands that each command names next', async () => {
  assert.match(
    await fine('cert', 'ca', 'Plant CA'),
    /namespace ca-certificate create --name Plant-CA --certificate ca\.pem/,
  )
  assert.match(await fine('cert', 'issue', 'press-7'), /namespace client create --name press-7/)
  await fine('namespace', 'create', 'plant', '--topic-spaces-configuration', '{state:Enabled}')
  await fine('namespace', 'ca-certificate', 'create', '--name', 'Plant-CA', '--certificate', 'ca.pem')
  await fine(
    ...['namespace', 'client', 'create', '--name', 'press-7', '--authentication-name', 'press-7'],
    ...['--client-certificate-authentication', '{validationScheme:SubjectMatchesAuthenticationName}'],
  )
  assert.match(await fine('explain', '--cert', 'press-7.pem', '--username', 'press-7', '--check'), /^accepted /)
  assert.equal(await connect('press-7', 'press-7'), 'connected')
  assert.match(await fine('decisions'), /accepted +connect +press-7 +127\.0\.0\.1/)
})

test('a refusal is explained live and in advance by the same code, and its remedy helps', async () => {
  await fine('cert', 'ca', 'Other CA', '--out', 'other.pem')
  await fine('cert', 'issue', 'press-8', '--ca', 'other.pem')
  await fine('namespace', 'client', 'create', 'press-8')
  assert.match(await connect('press-8', 'press-8'), /Not authorized/)
  const [live] = JSON.parse(await fine('decisions', '--name', 'press-8', '-o', 'json'))
  const foretold = JSON.parse(await fine('explain', '--cert', 'press-8.pem', '--username', 'press-8', '-o', 'json'))
  assert.equal(live.code, 'issuerNotRegistered')
  assert.equal(foretold.code, live.code)
  assert.match(live.remedy, /Register the CA certificate that signed this certificate/)
  await fine('namespace', 'ca-certificate', 'create', 'Other-CA', '--certificate', 'other.pem')
  assert.equal(await connect('press-8', 'press-8'), 'connected')
})

test('what stands is exported, and applied elsewhere it is the same', async () => {
  await fine('export', '--namespace', 'plant', '-o', 'yaml', '--out', 'plant.yaml')
  assert.match(await fine('apply', '-f', 'plant.yaml'), /^Nothing to change/)
  writeFileSync(join(directory, 'broken.yaml'), 'resources: [')
  assert.equal((await run('apply', '-f', 'broken.yaml')).code, 1)
})
