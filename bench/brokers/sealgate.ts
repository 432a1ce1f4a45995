import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { caOf, type Driver, type StartOptions, startChild, waitFor } from './driver.ts'

interface Ready {
  readonly mqtts: { readonly host: string; readonly port: number }
  readonly mqttTcp: { readonly host: string; readonly port: number } | null
  readonly https: { readonly port: number }
  readonly tokenFile: string
}

/** Sealgate from a checkout: this one, or another commit to compare with. */
export function sealgateAt(root: string, name = 'Sealgate'): Driver {
  const launcher = join(root, 'bin', 'sealgate.js')
  return {
    name,
    settings: [{ label: 'default', noDelay: true }],
    isCompiled: false,

    async version() {
      if (!existsSync(launcher)) return null
      return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
    },

    async start(options) {
      const { folder, material, nodeOptions } = options
      const readyFile = join(folder, 'ready.json')
      const template = join(folder, 'template.json')
      writeFileSync(template, JSON.stringify(benchTemplate(options), null, 2))
      const anyPort = '127.0.0.1:0'
      const args = ['serve', '--data-dir', join(folder, 'data'), '--ready-file', readyFile, '--apply', template]
      args.push('--mqtts', anyPort, '--wss', anyPort, '--https', anyPort, '--mqtt-tcp', anyPort)
      args.push('--mqtt-tcp-identity', tcpIdentity)
      // All of the load comes from one address, which the default allowance of an address is not made for.
      for (const limit of rateLimits) args.push(limit, '1000000')
      args.push('--tls-cert', material.serverCertificate, '--tls-key', material.serverKey)
      const child = startChild(options, process.execPath, [...nodeOptions, launcher, ...args])
      const ready = await waitFor(child, () =>
        existsSync(readyFile) ? (JSON.parse(readFileSync(readyFile, 'utf8')) as Ready) : null,
      )
      if (ready.mqttTcp === null) throw new Error('the ready file names no plain TCP listener')
      const ports = { tcpPort: ready.mqttTcp.port, tlsPort: ready.mqtts.port }
      const api = { host: '127.0.0.1', port: ready.https.port, tokenFile: ready.tokenFile }
      return { pid: child.pid, ...ports, api, errors: child.errors, stop: child.stop }
    },
  }
}

const rateLimits = [
  '--handshake-rate-per-address',
  '--handshake-burst-per-address',
  '--handshake-rate',
  '--handshake-burst',
]
const tcpIdentity = 'bench-tcp'
const namespaceName = 'bench'

/** Every device may publish and subscribe under `bench/`; each is a registered client, judged by path and subject. */
function benchTemplate(options: StartOptions): unknown {
  const { identities } = options.material.devices[options.devices]
  const resource = (type: string, name: string, properties: unknown) => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    apiVersion: '2025-02-15',
    name: `${namespaceName}/${name}`,
    dependsOn: [`[resourceId('Microsoft.EventGrid/namespaces', '${namespaceName}')]`],
    properties,
  })
  const client = (name: string) =>
    resource('clients', name, {
      authenticationName: name,
      state: 'Enabled',
      attributes: { hall: 1 },
      clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
    })
  const binding = (name: string, permission: string, clientGroupName: string, topicSpaceName: string) =>
    resource('permissionBindings', name, { clientGroupName, topicSpaceName, permission })
  const bothWays = (name: string, clientGroupName: string, topicSpaceName: string) => [
    binding(`${name}-publish`, 'Publisher', clientGroupName, topicSpaceName),
    binding(`${name}-subscribe`, 'Subscriber', clientGroupName, topicSpaceName),
  ]
  const namespace = {
    type: 'Microsoft.EventGrid/namespaces',
    apiVersion: '2025-02-15',
    name: namespaceName,
    location: 'local',
    properties: {
      // All plain connections act as one client.
      topicSpacesConfiguration: { state: 'Enabled', maximumClientSessionsPerAuthenticationName: 20_000 },
    },
  }
  const authority = { encodedCertificate: readFileSync(caOf(options), 'utf8') }
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      namespace,
      resource('caCertificates', 'bench-ca', authority),
      ...identities.map(({ name }) => client(name)),
      client(tcpIdentity),
      ...(options.rights === 'one' ? oneRight() : manyRights()),
    ],
  }

  function oneRight(): unknown[] {
    return [
      resource('topicSpaces', 'everything', { topicTemplates: ['bench/#'] }),
      ...bothWays('may', '$all', 'everything'),
    ]
  }

  /** Ten groups with five templates each; every device is in all groups, and only the very last template fits. */
  function manyRights(): unknown[] {
    return Array.from({ length: 10 }, (_, group) => {
      const topicTemplates = Array.from({ length: 5 }, (_, i) =>
        group === 9 && i === 4 ? 'bench/+/data' : `bench/\${client.authenticationName}/kind${group}-${i}/#`,
      )
      return [
        resource('clientGroups', `group-${group}`, { query: `attributes.hall >= ${group - 9}` }),
        resource('topicSpaces', `space-${group}`, { topicTemplates }),
        ...bothWays(`may-${group}`, `group-${group}`, `space-${group}`),
      ]
    }).flat()
  }
}
