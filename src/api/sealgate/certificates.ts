import { unixSeconds } from '../../base/time.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import { childId } from '../../registry/resource-id.ts'
import type { SeenCertificate } from '../../registry/seen/seen-certificate.ts'
import type { NamespaceView } from '../../registry/view.ts'
import { armError, failed } from '../arm/error.ts'
import { page, pagingParameters, readPage } from '../arm/paging.ts'
import { namespacePath } from '../arm/paths.ts'
import { namespaceOf } from '../arm/resources.ts'
import { type Answer, type Call, json, type Route } from '../route.ts'
import { caUseOf } from './ca-use.ts'

/** What is known of the certificates out there, from those that clients were accepted with. */

const common = { method: 'GET', tag: 'Sealgate', apiVersion: 'optional' } as const

export const certificateRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Sealgate_GetCaCertificateUse',
    path: `${namespacePath}/caCertificates/{caCertificateName}/use`,
    summary:
      'Whether a CA certificate is in use: clients last seen with it, sessions that rest on it now, its last use.',
    access: { action: 'Microsoft.EventGrid/namespaces/caCertificates/use/read' },
    answers: { 200: 'CaCertificateUse' },
    async handle(call) {
      await call.house.parts.certificatesSeen.idle()
      const found = call.house.parts.registry.get(
        childId(namespaceOf(call), 'caCertificates', call.params['caCertificateName'] ?? ''),
      )
      return found.ok ? json(200, caUseOf(call.house, found.value)) : failed(found.error)
    },
  },
  {
    ...common,
    id: 'Sealgate_ListCertificatesOfClient',
    path: `${namespacePath}/clients/{clientName}/certificates`,
    summary: 'The last certificates that a client was accepted with, the one in use first.',
    access: { action: 'Microsoft.EventGrid/namespaces/clients/certificates/read' },
    answers: { 200: 'SeenCertificateList' },
    handle: listCertificatesOfClient,
  },
  {
    ...common,
    id: 'Sealgate_ListExpiringClients',
    path: `${namespacePath}/expiringClients`,
    summary: 'Clients whose certificate in use expires soon, in order of expiry.',
    access: { action: 'Microsoft.EventGrid/namespaces/clients/read' },
    query: [
      { name: 'within', description: 'From now on so long: `30d` (the default), `12h`.' },
      { name: 'expired', description: '`true`: also those whose certificate has expired.' },
      ...pagingParameters,
    ],
    answers: { 200: 'ExpiringClientList' },
    handle: listExpiringClients,
  },
]

async function listCertificatesOfClient(call: Call): Promise<Answer> {
  const { registry, certificatesSeen } = call.house.parts
  await certificatesSeen.idle()
  const found = registry.get(childId(namespaceOf(call), 'clients', call.params['clientName'] ?? ''))
  if (!found.ok) return failed(found.error)
  const view = registry.view.namespaceByName(found.value.id.namespace)
  const client = view?.clientByUid(found.value.uid)
  if (view === undefined || client === undefined) return json(200, { value: [] })
  const seen = certificatesSeen.ofClient(view.id, client.uid)
  return json(200, {
    value: seen.map((certificate) => ({
      ...documentOf(view, certificate),
      thumbprint: thumbprintOf(certificate, client.allowedThumbprints),
    })),
  })
}

/** Which of the client's thumbprints it is; null: it was accepted by its name, or is registered no more. */
function thumbprintOf({ sha256, sha1 }: SeenCertificate, allowed: readonly string[]): 'primary' | 'secondary' | null {
  const at = allowed.findIndex((thumbprint) => thumbprint === sha256 || thumbprint === sha1)
  return at < 0 ? null : at === 0 ? 'primary' : 'secondary'
}

async function listExpiringClients(call: Call): Promise<Answer> {
  const { registry, certificatesSeen, clock } = call.house.parts
  await certificatesSeen.idle()
  const found = registry.get(namespaceOf(call))
  if (!found.ok) return failed(found.error)
  const view = registry.view.namespaceById(found.value.uid as NamespaceId)
  const request = readPage(call.query)
  if (!request.ok) return request.error
  const within = secondsOf(call.query.get('within') ?? '30d')
  if (within === null) {
    const message = 'within is a number of days or hours: 30d, 12h.'
    return armError(400, 'InvalidQueryParameter', message, { target: 'within' })
  }
  const expired = call.query.get('expired')?.toLowerCase() ?? 'false'
  if (expired !== 'true' && expired !== 'false') {
    return armError(400, 'InvalidQueryParameter', 'expired is true or false.', { target: 'expired' })
  }
  const path = `${found.value.document.id}/expiringClients`
  if (view === undefined) return json(200, page(call, path, [], null))
  const now = Math.floor(clock.now() / 1_000)
  const { clients, next } = certificatesSeen.expiring(view, {
    from: unixSeconds(expired === 'true' ? 0 : now),
    until: unixSeconds(now + within),
    after: request.value.after,
    limit: request.value.top,
  })
  const shown = clients.map(({ client, certificate }) => ({
    name: client.name,
    authenticationName: client.authenticationName,
    certificate: documentOf(view, certificate),
  }))
  return json(200, page(call, path, shown, next, ['within', 'expired', '$top']))
}

const longestDays = 36_500

function secondsOf(text: string): number | null {
  const match = /^(\d{1,6})([dh])$/i.exec(text)
  if (match === null) return null
  const seconds = Number(match[1]) * (match[2]?.toLowerCase() === 'd' ? 86_400 : 3_600)
  return seconds > longestDays * 86_400 ? null : seconds
}

function documentOf(view: NamespaceView, certificate: SeenCertificate) {
  const { sha256, sha1, subject, serialNumber, notBefore, notAfter, caCertificateUid } = certificate
  const ca = view.caCertificates().find(({ uid }) => uid === caCertificateUid)
  return {
    sha256,
    sha1,
    subject,
    serialNumber,
    notBefore: new Date(notBefore * 1_000).toISOString(),
    notAfter: new Date(notAfter * 1_000).toISOString(),
    caCertificateName: ca?.name ?? null,
    firstSeenAt: new Date(certificate.firstSeenAt).toISOString(),
    lastSeenAt: new Date(certificate.lastSeenAt).toISOString(),
  }
}
