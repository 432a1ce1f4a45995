import { nodeClock } from '../../src/adapters/node/clock.ts'
import { toUnixSeconds, unixSeconds } from '../../src/base/time.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import { createSelfSigned, privateKeyPem } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import type { Server } from './server.ts'

const now = toUnixSeconds(nodeClock().now())

/** One certificate for the whole fleet: who a device is says its Username. */
const { certificate, privateKey } = createSelfSigned({
  subject: nameOfCommonName('fleet'),
  notBefore: unixSeconds(now - 3_600),
  notAfter: unixSeconds(now + 86_400),
})
const { sha256 } = thumbprintsOf(certificate.der)
export const leaf = certificate.der
export const credentials = { cert: toPem('CERTIFICATE', leaf), key: privateKeyPem(privateKey) }

export const halls = 50

export function nameOf(number: number): string {
  return `press-${String(number).padStart(7, '0')}`
}

export function authenticationNameOf(number: number): string {
  return `${nameOf(number)}.plant.example`
}

function resource(type: string, name: string, properties: unknown, more: object = {}) {
  return { type: `Microsoft.EventGrid/namespaces${type}`, apiVersion: '2025-07-15-preview', name, properties, ...more }
}

function client(namespace: string, number: number) {
  return resource(`/clients`, `${namespace}/${nameOf(number)}`, {
    authenticationName: authenticationNameOf(number),
    clientCertificateAuthentication: { validationScheme: 'ThumbprintMatch', allowedThumbprints: [sha256] },
    attributes: { role: 'press', hall: number % halls, signals: ['temperature', 'force'] },
  })
}

export const inHalls = (operator: '<' | '<=', hall: number) => ({ query: `attributes.hall ${operator} ${hall}` })

export async function makeNamespace(server: Server, namespace: string): Promise<void> {
  const path = `Microsoft.EventGrid/namespaces/${namespace}`
  await server.must('PUT', path, {
    location: 'local',
    properties: { topicSpacesConfiguration: { state: 'Enabled' } },
  })
  const binding = (permission: string) => ({ clientGroupName: 'presses', topicSpaceName: 'halls', permission })
  const children = {
    'clientGroups/presses': inHalls('<', halls),
    'topicSpaces/halls': { topicTemplates: ['halls/#'] },
    'permissionBindings/presses-pub': binding('Publisher'),
    'permissionBindings/presses-sub': binding('Subscriber'),
  }
  for (const [child, properties] of Object.entries(children))
    await server.must('PUT', `${path}/${child}`, { properties })
}

export async function deploy(server: Server, namespace: string, from: number, to: number): Promise<void> {
  const resources = Array.from({ length: to - from }, (_, i) => client(namespace, from + i))
  const body = { properties: { mode: 'Incremental', template: { resources } } }
  await server.must('PUT', `Microsoft.Resources/deployments/${namespace}`, body)
}

/** In slices, each a transaction of its own, as `sealgate apply` sends a large template. */
export async function importFleet(server: Server, namespace: string, count: number, slice: number): Promise<number> {
  await makeNamespace(server, namespace)
  const begun = performance.now()
  for (let from = 0; from < count; from += slice) {
    await deploy(server, namespace, from, Math.min(count, from + slice))
    const done = Math.min(count, from + slice)
    const seconds = (performance.now() - begun) / 1_000
    if (done === count || Math.floor((20 * done) / count) > Math.floor((20 * (done - slice)) / count)) {
      const anonymous = server.anonymousMegabytes().toFixed(0)
      console.error(`${namespace}: ${done} of ${count} clients, ${seconds.toFixed(0)} s, ${anonymous} MB anonymous`)
    }
  }
  return (performance.now() - begun) / 1_000
}
