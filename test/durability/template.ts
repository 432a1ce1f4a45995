export const namespaceName = 'crash'

/** One device that may do everything; all plain connections are this device. */
export function crashTemplate(limits: Readonly<Record<string, number>> = {}): unknown {
  const resource = (type: string, name: string, properties: unknown) => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    apiVersion: '2025-02-15',
    name: `${namespaceName}/${name}`,
    dependsOn: [`[resourceId('Microsoft.EventGrid/namespaces', '${namespaceName}')]`],
    properties,
  })
  const binding = (name: string, permission: string) =>
    resource('permissionBindings', name, { clientGroupName: '$all', topicSpaceName: 'everything', permission })
  const namespace = {
    type: 'Microsoft.EventGrid/namespaces',
    apiVersion: '2025-02-15',
    name: namespaceName,
    location: 'local',
    properties: {
      topicSpacesConfiguration: {
        state: 'Enabled',
        maximumClientSessionsPerAuthenticationName: 100_000,
        maximumSessionExpiryInHours: 24,
      },
      sealgate: {
        limits: { maximumQueuedMessages: 10_000_000, maximumQueuedBytes: 20_000_000_000, ...limits },
      },
    },
  }
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      namespace,
      resource('clients', 'device', {
        authenticationName: 'device',
        state: 'Enabled',
        clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
      }),
      resource('topicSpaces', 'everything', { topicTemplates: ['#'] }),
      binding('may-publish', 'Publisher'),
      binding('may-subscribe', 'Subscriber'),
    ],
  }
}
