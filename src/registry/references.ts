import type { RegisteredAuthority } from '../x509/ca-upload.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { readPem } from '../x509/pem.ts'
import type { Fields } from './fields.ts'
import type { ChildType } from './resource-id.ts'
import { allChildren, findChild, type RecordReader } from './stage.ts'
import { nameKey } from './stored.ts'
import type { ClientSettings } from './types/client.ts'
import { allClients } from './types/client-group.ts'
import type { PermissionBindingProperties } from './types/permission-binding.ts'
import { isReservedForPublishing, type TopicSpaceProperties } from './types/topic-space.ts'

/** What resources of one namespace say about each other. */

/** The binding with the names in the spelling of what they name; what does not exist is a problem. */
export function checkReferences(
  reader: RecordReader,
  namespaceUid: string,
  binding: PermissionBindingProperties,
  properties: Fields,
): PermissionBindingProperties {
  const { clientGroupName, topicSpaceName, permission } = binding
  const group =
    clientGroupName === allClients
      ? { name: allClients }
      : findChild(reader, namespaceUid, 'clientGroups', clientGroupName)
  const space = findChild(reader, namespaceUid, 'topicSpaces', topicSpaceName)
  if (group === undefined && clientGroupName !== '') {
    const message = `There is no client group "${clientGroupName}". ${known(reader, namespaceUid, 'clientGroups', [allClients])}`
    properties.fail('clientGroupName', 'UnknownReference', message)
  }
  if (space === undefined && topicSpaceName !== '') {
    const message = `There is no topic space "${topicSpaceName}". ${known(reader, namespaceUid, 'topicSpaces', [])}`
    properties.fail('topicSpaceName', 'UnknownReference', message)
  }
  if (permission === 'Publisher' && space?.properties.topicTemplates.some(isReservedForPublishing)) {
    properties.fail(
      'topicSpaceName',
      'Forbidden',
      'A template of the topic space begins with $SYS: nobody publishes there.',
    )
  }
  return { ...binding, clientGroupName: group?.name ?? clientGroupName, topicSpaceName: space?.name ?? topicSpaceName }
}

function known(
  reader: RecordReader,
  namespaceUid: string,
  type: 'clientGroups' | 'topicSpaces' | 'caCertificates',
  builtIn: readonly string[],
): string {
  const names = [...builtIn, ...allChildren(reader, namespaceUid, type).map(({ name }) => name)]
  if (names.length === 0) return 'Create it first; there is none yet.'
  return `Create it first, or name one of: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}.`
}

/** A topic space that is bound for publishing gets no template below $SYS (S43). */
export function checkReservedTopics(
  reader: RecordReader,
  namespaceUid: string,
  name: string,
  space: TopicSpaceProperties,
  properties: Fields,
): void {
  const index = space.topicTemplates.findIndex(isReservedForPublishing)
  if (index < 0) return
  const publishers = allChildren(reader, namespaceUid, 'permissionBindings').filter(
    ({ properties: { permission, topicSpaceName } }) =>
      permission === 'Publisher' && nameKey('topicSpaces', topicSpaceName) === nameKey('topicSpaces', name),
  )
  if (publishers.length === 0) return
  const by = publishers.map((binding) => binding.name).join(', ')
  const message = `Nobody publishes below $SYS, and ${by} lets clients publish to this topic space.`
  properties.fail(`topicTemplates[${index}]`, 'Forbidden', message)
}

/** The settings with the CA certificates in their own spelling (S11). */
export function checkIssuers(
  reader: RecordReader,
  namespaceUid: string,
  client: ClientSettings,
  settings: Fields,
): ClientSettings {
  if (client.issuers === undefined) return client
  const issuers = client.issuers.map((name, index) => {
    const found = findChild(reader, namespaceUid, 'caCertificates', name)
    if (found === undefined) {
      const message = `There is no CA certificate "${name}". ${known(reader, namespaceUid, 'caCertificates', [])}`
      settings.fail(`issuers[${index}]`, 'UnknownReference', message)
    }
    return found?.name ?? name
  })
  return { issuers: [...new Set(issuers)] }
}

/** Names of bindings that name a client group or a topic space. */
export function bindingsThatName(
  reader: RecordReader,
  namespaceUid: string,
  type: ChildType,
  name: string,
): readonly string[] {
  if (type !== 'clientGroups' && type !== 'topicSpaces') return []
  return allChildren(reader, namespaceUid, 'permissionBindings')
    .filter(
      ({ properties }) => (type === 'clientGroups' ? properties.clientGroupName : properties.topicSpaceName) === name,
    )
    .map((binding) => binding.name)
}

/** Every CA certificate of the namespace, read from what is stored. */
export function registeredAuthorities(reader: RecordReader, namespaceUid: string): readonly RegisteredAuthority[] {
  return allChildren(reader, namespaceUid, 'caCertificates').flatMap(({ name, properties }) => {
    const pem = readPem(properties.encodedCertificate)
    const certificate = pem.ok ? parseCertificate(pem.value.certificates[0]!) : null
    return certificate?.ok ? [{ name, certificate: certificate.value }] : []
  })
}
