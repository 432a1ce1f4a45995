import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ChainRule } from '../../src/x509/path-failure.ts'
import { serve } from '../e2e/sealgate.ts'
import { temporaryDirectory } from '../listeners/door.ts'

const root = join(import.meta.dirname, '..', '..')

/** The commands of a page, in order. */
function commandsOf(path: string): readonly string[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'))
}

async function place(t: TestContext) {
  const directory = temporaryDirectory(t)
  const template = join(directory, 'plant.json')
  const namespace = 'Microsoft.EventGrid/namespaces'
  const child = (type: string, name: string, properties: unknown) => ({
    type: `${namespace}/${type}`,
    apiVersion: '2025-02-15',
    name: `plant/${name}`,
    dependsOn: [`[resourceId('${namespace}', 'plant')]`],
    properties,
  })
  writeFileSync(
    template,
    JSON.stringify({
      $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
      contentVersion: '1.0.0.0',
      resources: [
        {
          type: namespace,
          apiVersion: '2025-02-15',
          name: 'plant',
          location: 'local',
          properties: { topicSpacesConfiguration: { state: 'Enabled' } },
        },
        child('topicSpaces', 'machines', { topicTemplates: ['machines/#'] }),
        child('permissionBindings', 'everybody', {
          clientGroupName: '$all',
          topicSpaceName: 'machines',
          permission: 'Publisher',
        }),
      ],
    }),
  )
  const { sealgate, ready } = await serve(directory, ['--apply', template])
  t.after(() => sealgate.stop())
  copyFileSync(ready.caFile, join(directory, 'server-ca.pem'))
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  const program = join(bin, 'sealgate')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin', 'sealgate.js')}' "$@"\n`)
  chmodSync(program, 0o755)
  return { directory, port: ready.mqtts.port, path: `${bin}:${process.env['PATH']}` }
}

test('the commands of docs/certificates.md work one after the other', async (t) => {
  const commands = commandsOf('docs/certificates.md')
  assert.ok(commands.length > 30)
  const { directory, port, path } = await place(t)
  const said = new Map<string, string>()
  for (const command of commands) {
    const line = command.replace('-p 8883', `-p ${port}`)
    const { status, stdout, stderr } = spawnSync('bash', ['-c', line], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: path, HOME: directory, SEALGATE_DATA_DIR: 'data' },
    })
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`)
    said.set(command, stdout)
  }
  assert.match(said.get('sealgate namespace deny-entry list') ?? '', /press-7-lost .*CN=press-7/)
  const revoked = said.get('sealgate explain --cert press-7.pem --username press-7 --output json')
  assert.match(revoked ?? '', /"code": ?"certificateRevoked"/)
  assert.match(revoked ?? '', /revocation list plant-ca-2 of/)
  assert.match(
    said.get('sealgate explain --cert press-7.pem --username press-7') ?? '',
    /^refused: certificateRevoked /,
  )
  assert.match(said.get('sealgate explain --cert forged.pem --username press-7') ?? '', /^refused: issuerNotAllowed /)
})

/** Complete, or it does not compile. */
const rules: Readonly<Record<ChainRule, true>> = {
  signature: true,
  authorityKeyIdentifier: true,
  unknownCriticalExtension: true,
  serialNumber: true,
  emptyIssuer: true,
  emptySubject: true,
  leafIsCertificateAuthority: true,
  leafKeyUsage: true,
  leafNameConstraints: true,
  issuerNotYetValid: true,
  issuerIsNoCertificateAuthority: true,
  issuerKeyUsage: true,
  pathLenConstraint: true,
  nameConstraints: true,
  pathTooLong: true,
  searchLimit: true,
}

test('every rule behind chainInvalid is explained on its page', () => {
  const text = readFileSync(join(root, 'docs/codes/chainInvalid.md'), 'utf8')
  const explained = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, rule]) => rule)
  assert.deepEqual(explained.toSorted(), Object.keys(rules).toSorted())
})
