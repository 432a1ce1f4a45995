import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Runs the Azure CLI, as it is, against a Sealgate of its own: `node scripts/az-conformance.ts`. It needs `az` (Debian 12:
 * `apt-get install --no-install-recommends azure-cli`, 700 MB), so it is no part of `npm test`. Exit code 0: every step
 * printed what is expected.
 */

const directory = mkdtempSync(join(tmpdir(), 'sealgate-az-'))
const data = join(directory, 'data')
const readyFile = join(directory, 'ready.json')
const subscription = '00000000-0000-0000-0000-000000000000'
const namespaceId = `/subscriptions/${subscription}/resourceGroups/plant7/providers/Microsoft.EventGrid/namespaces/plant7-mqtt`
const clientId = `${namespaceId}/clients/press-01`
let failures = 0

function start(): ChildProcess {
  const launcher = join(import.meta.dirname, '..', 'bin', 'sealgate.js')
  const doors = ['--mqtts', '127.0.0.1:0', '--wss', 'off', '--https', '127.0.0.1:0', '--domain', 'mqtt.example']
  return spawn(process.execPath, [launcher, 'serve', '--data-dir', data, '--ready-file', readyFile, ...doors], {
    stdio: ['ignore', 'ignore', 'ignore'],
  })
}

async function ready(server: ChildProcess): Promise<number> {
  while (!existsSync(readyFile)) {
    if (server.exitCode !== null) throw new Error(`sealgate serve ended with ${server.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { https } = JSON.parse(readFileSync(readyFile, 'utf8')) as { readonly https: { readonly port: number } }
  return https.port
}

/** A service principal, made with the administrator's token. */
function makePrincipal(port: number, token: string): Promise<string> {
  const body = JSON.stringify({ name: 'ops', kind: 'servicePrincipal', role: 'contributor' })
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port,
        host: 'localhost',
        method: 'POST',
        path: '/sealgate/tokens',
        ca: readFileSync(join(data, 'tls', 'ca.pem')),
        headers: { authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve((JSON.parse(text) as { clientSecret: string }).clientSecret))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** @param expected what the output has to match; null: nothing to be printed */
function az(words: readonly string[], expected: RegExp | null, exitCode = 0): void {
  const ran = spawnSync('az', words, {
    encoding: 'utf8',
    env: {
      ...process.env,
      AZURE_CONFIG_DIR: join(directory, 'az'),
      AZURE_CORE_COLLECT_TELEMETRY: 'no',
      REQUESTS_CA_BUNDLE: join(data, 'tls', 'ca.pem'),
    },
  })
  const output = `${ran.stdout}${ran.stderr}`
  const isExpected = ran.status === exitCode && (expected === null ? ran.stdout === '' : expected.test(output))
  const shown = words.map((word) => (word.length > 60 ? `${word.slice(0, 57)}…` : word)).join(' ')
  console.log(`${isExpected ? 'ok  ' : 'FAIL'} az ${shown.replace(/(-p|Bearer) \S+/, '$1 …')}`)
  if (isExpected) return
  failures++
  console.log(`     exit code ${ran.status}, expected ${exitCode} and ${expected}\n${output}`)
}

const template = `{
  // az sends this text as it is
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": { "ns": { "type": "string" } },
  "resources": [
    { "type": "Microsoft.EventGrid/namespaces", "apiVersion": "2025-07-15-preview", "name": "[parameters('ns')]",
      "location": "onprem", "properties": { "topicSpacesConfiguration": { "state": "Enabled" } } },
    { "type": "Microsoft.EventGrid/namespaces/clients", "apiVersion": "2025-07-15-preview",
      "name": "[format('{0}/{1}', parameters('ns'), 'press-01')]",
      "dependsOn": [ "[resourceId('Microsoft.EventGrid/namespaces', parameters('ns'))]" ], "properties": {} }
  ]
}`

function steps(endpoint: string, secret: string, token: string): void {
  const file = join(directory, 'template.json')
  writeFileSync(file, template)
  const deployment = ['-g', 'plant7', '-n', 'first', '--template-file', file, '--parameters', 'ns=plant9']
  const client = ['--id', clientId]
  az(['cloud', 'register', '-n', 'sealgate', '--endpoint-resource-manager', endpoint], null)
  az(['cloud', 'set', '-n', 'sealgate'], /Switched active cloud/)
  az(['login', '--service-principal', '-u', 'ops', '-p', secret, '--tenant', 'adfs'], /"name": "Sealgate"/)
  az(['group', 'create', '-n', 'plant7', '-l', 'onprem'], /"Succeeded"/)
  az(['group', 'list', '--query', '[].name', '-o', 'tsv'], /^local\nplant7$/m)
  const mqtt = '{"topicSpacesConfiguration":{"state":"Enabled"}}'
  az(['resource', 'create', '--id', namespaceId, '--location', 'onprem', '--properties', mqtt], /"plant7-mqtt"/)
  az(['resource', 'create', ...client, '--properties', '{"authenticationName":"press-01"}'], /"authenticationName"/)
  az(['resource', 'show', ...client, '--query', 'properties.state'], /"Enabled"/)
  az(
    ['resource', 'update', ...client, '--set', 'properties.state=Disabled', '--query', 'properties.state'],
    /"Disabled"/,
  )
  az(['resource', 'list', '-g', 'plant7', '-o', 'table'], /plant7-mqtt +plant7 +onprem/)
  az(['resource', 'invoke-action', '--action', 'listKeys', '--ids', namespaceId, '--query', 'length(@)'], /^2$/m)
  az(['resource', 'delete', ...client], null)
  az(['resource', 'show', ...client], /\(ResourceNotFound\)/, 3)
  const headers = ['--skip-authorization-header', '--headers', `Authorization=Bearer ${token}`]
  const url = `${endpoint}${namespaceId}/clients/press-02?api-version=2025-02-15`
  az(['rest', '--method', 'put', '--url', url, '--body', '{}', ...headers, '--query', 'name'], /"press-02"/)
  sampleSteps()
  az(['account', 'list-locations', '--query', '[].name', '-o', 'tsv'], /^local\nonprem$/m)
  az(['provider', 'show', '-n', 'Microsoft.EventGrid', '--query', 'registrationState'], /"Registered"/)
  az(['deployment', 'group', 'create', ...deployment, '--query', 'properties.provisioningState'], /"Succeeded"/)
  az(['deployment', 'group', 'show', '-g', 'plant7', '-n', 'first', '--query', 'name'], /"first"/)
  az(['deployment', 'group', 'what-if', ...deployment], /2 no change/)
  az(['resource', 'delete', '--id', namespaceId], null)
  az(['group', 'delete', '-n', 'plant7', '-y'], null)
  az(['group', 'exists', '-n', 'plant7'], /^false$/m)
}

/** The way in which Microsoft's samples set up a namespace: a namespace in one object, then each child by its id. */
function sampleSteps(): void {
  const id = namespaceId.replace('plant7-mqtt', 'samples')
  const whole = {
    location: 'onprem',
    properties: { isZoneRedundant: true, topicSpacesConfiguration: { state: 'Enabled' } },
  }
  az(['resource', 'create', '--id', id, '--is-full-object', '--properties', JSON.stringify(whole)], /"samples"/)
  const create = (child: string, properties: unknown, expected: RegExp): void =>
    az(['resource', 'create', '--id', `${id}/${child}`, '--properties', JSON.stringify(properties)], expected)
  const launcher = join(import.meta.dirname, '..', 'bin', 'sealgate.js')
  const ca = join(directory, 'intermediate_ca.pem')
  spawnSync(process.execPath, [launcher, 'cert', 'ca', 'MqttAppSamplesCA', '--out', ca])
  // As `tr -d "\n"` leaves it.
  const encodedCertificate = readFileSync(ca, 'utf8').replaceAll('\n', '')
  create('caCertificates/Intermediate01', { encodedCertificate }, /"expiryTimeInUtc"/)
  const clientCertificateAuthentication = { validationScheme: 'SubjectMatchesAuthenticationName' }
  for (const name of ['sample_client', 'vehicle01', 'map-app']) {
    const client = { authenticationName: name, state: 'Enabled', clientCertificateAuthentication }
    create(`clients/${name}`, { ...client, attributes: { type: 'sample' }, description: 'a client' }, /"Succeeded"/)
  }
  create('topicSpaces/samples', { topicTemplates: ['sample/#'] }, /"sample\/#"/)
  for (const permission of ['Publisher', 'Subscriber']) {
    const binding = { clientGroupName: '$all', topicSpaceName: 'samples', permission }
    create(`permissionBindings/samples${permission.slice(0, 3)}`, binding, /"Succeeded"/)
  }
  const hostname = 'properties.topicSpacesConfiguration.hostname'
  az(['resource', 'show', '--ids', id, '--query', hostname, '-o', 'tsv'], /^samples\.mqtt\.example$/m)
  az(['resource', 'delete', '--id', id], null)
}

mkdirSync(join(directory, 'az'))
if (spawnSync('az', ['version'], { stdio: 'ignore' }).status !== 0) {
  console.error('az is not installed')
  process.exit(1)
}
const server = start()
try {
  const port = await ready(server)
  const token = readFileSync(join(data, 'admin.token'), 'utf8').trim()
  steps(`https://localhost:${port}`, await makePrincipal(port, token), token)
} finally {
  server.kill('SIGTERM')
  await new Promise((resolve) => server.once('exit', resolve))
  rmSync(directory, { recursive: true, force: true })
}
process.exit(failures === 0 ? 0 : 1)
