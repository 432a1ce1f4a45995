import { readFileSync } from 'node:fs'
import type { Material } from '../../bench/certificates.ts'

/** A namespace whose devices come with certificates of one CA and may do everything under `bench/`. */
export function fleetTemplate(
  material: Material,
  name: string,
  limits: Readonly<Record<string, number | string | null>>,
): unknown {
  const resource = (type: string, child: string, properties: unknown) => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    apiVersion: '2025-02-15',
    name: `${name}/${child}`,
    dependsOn: [`[resourceId('Microsoft.EventGrid/namespaces', '${name}')]`],
    properties,
  })
  const binding = (child: string, permission: string) =>
    resource('permissionBindings', child, { clientGroupName: '$all', topicSpaceName: 'everything', permission })
  const { caCertificate, identities } = material.devices.p256
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      {
        type: 'Microsoft.EventGrid/namespaces',
        apiVersion: '2025-02-15',
        name,
        location: 'local',
        properties: {
          topicSpacesConfiguration: {
            state: 'Enabled',
            maximumClientSessionsPerAuthenticationName: 20_000,
            maximumSessionExpiryInHours: 24,
          },
          sealgate: { limits },
        },
      },
      resource('caCertificates', 'fleet-ca', { encodedCertificate: readFileSync(caCertificate, 'utf8') }),
      ...identities.map((device) =>
        resource('clients', device.name, {
          authenticationName: device.name,
          state: 'Enabled',
          clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
        }),
      ),
      resource('topicSpaces', 'everything', { topicTemplates: ['bench/#'] }),
      binding('may-publish', 'Publisher'),
      binding('may-subscribe', 'Subscriber'),
    ],
  }
}
