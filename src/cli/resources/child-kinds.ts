import { type Flag, type Kind, nameColumn, properties, property, type ResourceDocument } from './kind.ts'
import { boolean, choice, list, object, text } from './schema.ts'

const description: Flag = {
  flag: '--description',
  placeholder: 'text',
  description: 'what it is for',
  path: properties('description'),
  schema: text,
}

export const childKinds: readonly Kind[] = [
  {
    command: 'ca-certificate',
    type: 'caCertificates',
    one: 'CA certificate',
    many: 'CA certificates',
    example: 'device-ca',
    flags: [
      {
        flag: '--certificate',
        placeholder: 'file',
        description: 'the CA certificate: a PEM or DER file, or its text',
        path: properties('encodedCertificate'),
        schema: text,
        aliases: ['--encoded-certificate'],
        required: true,
        certificate: true,
      },
      description,
      {
        flag: '--allow-expired',
        placeholder: 'bool',
        description: 'store it although it has expired; it accepts nobody all the same',
        path: ['properties', 'sealgate', 'allowExpired'],
        schema: boolean,
      },
    ],
    columns: [
      nameColumn,
      { heading: 'valid until', value: property('expiryTimeInUtc') },
      { heading: 'description', value: property('description') },
    ],
  },
  {
    command: 'client',
    type: 'clients',
    one: 'client',
    many: 'clients',
    example: 'press-7',
    flags: [
      {
        flag: '--authentication-name',
        placeholder: 'name',
        description: 'name in the username or the certificate; default: the name of the resource. Fixed at creation',
        path: properties('authenticationName'),
        schema: text,
        createOnly: true,
      },
      {
        flag: '--client-certificate-authentication',
        placeholder: 'value',
        description:
          'how its certificate is judged, "{validation-scheme:DnsMatchesAuthenticationName}" or "{validation-scheme:ThumbprintMatch,allowed-thumbprints:[…]}"',
        path: properties('clientCertificateAuthentication'),
        schema: {
          kind: 'object',
          whole: true,
          members: {
            validationScheme: choice(
              ...['SubjectMatchesAuthenticationName', 'DnsMatchesAuthenticationName', 'UriMatchesAuthenticationName'],
              ...['IpMatchesAuthenticationName', 'EmailMatchesAuthenticationName', 'ThumbprintMatch'],
            ),
            allowedThumbprints: list(text),
          },
        },
      },
      {
        flag: '--attributes',
        placeholder: 'json',
        description: "for groups and topic templates, as JSON: \"{'role':'press','hall':2}\", or key=value",
        path: properties('attributes'),
        schema: { kind: 'json' },
      },
      {
        flag: '--state',
        placeholder: 'state',
        description: 'Enabled or Disabled',
        path: properties('state'),
        schema: choice('Enabled', 'Disabled'),
      },
      description,
      {
        flag: '--issuers',
        placeholder: 'name',
        description: 'CA certificates that its certificate may come from; null: any registered one',
        path: ['properties', 'sealgate', 'issuers'],
        schema: list(text),
      },
      {
        flag: '--authentication',
        placeholder: 'value',
        description: 'the spelling of an old preview of Azure',
        path: properties('authentication'),
        schema: object({
          certificateSubject: object({
            commonName: text,
            countryCode: text,
            organization: text,
            organizationUnit: text,
          }),
          certificateThumbprint: object({ primary: text, secondary: text }),
        }),
      },
    ],
    columns: [
      nameColumn,
      { heading: 'authentication name', value: property('authenticationName') },
      { heading: 'state', value: property('state') },
      { heading: 'validation scheme', value: property('clientCertificateAuthentication', 'validationScheme') },
      { heading: 'attributes', value: attributesText },
    ],
  },
  {
    command: 'client-group',
    type: 'clientGroups',
    one: 'client group',
    many: 'client groups',
    example: 'presses',
    flags: [
      {
        flag: '--group-query',
        placeholder: 'query',
        description: 'who is in it, "attributes.role = \'press\' and attributes.hall <= 4"',
        path: properties('query'),
        schema: text,
        required: true,
      },
      description,
    ],
    columns: [
      nameColumn,
      { heading: 'query', value: property('query') },
      { heading: 'description', value: property('description') },
    ],
  },
  {
    command: 'topic-space',
    type: 'topicSpaces',
    one: 'topic space',
    many: 'topic spaces',
    example: 'telemetry',
    flags: [
      {
        flag: '--topic-templates',
        placeholder: 'template',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the topic template
        description: "topics, '[machines/${client.authenticationName}/#]' or plain words",
        path: properties('topicTemplates'),
        schema: list(text),
        required: true,
      },
      description,
    ],
    columns: [
      nameColumn,
      { heading: 'topic templates', value: templatesText },
      { heading: 'description', value: property('description') },
    ],
  },
  {
    command: 'permission-binding',
    type: 'permissionBindings',
    one: 'permission binding',
    many: 'permission bindings',
    example: 'presses-publish',
    flags: [
      {
        flag: '--client-group-name',
        placeholder: 'group',
        description: "who: a client group, or '$all'",
        path: properties('clientGroupName'),
        schema: text,
        required: true,
      },
      {
        flag: '--permission',
        placeholder: 'permission',
        description: 'Publisher or Subscriber',
        path: properties('permission'),
        schema: choice('Publisher', 'Subscriber'),
        required: true,
      },
      {
        flag: '--topic-space-name',
        placeholder: 'topic-space',
        description: 'where: a topic space',
        path: properties('topicSpaceName'),
        schema: text,
        required: true,
      },
      description,
    ],
    columns: [
      nameColumn,
      { heading: 'client group', value: property('clientGroupName') },
      { heading: 'permission', value: property('permission') },
      { heading: 'topic space', value: property('topicSpaceName') },
    ],
  },
  {
    command: 'deny-entry',
    type: 'sealgateDenyEntries',
    one: 'deny entry',
    many: 'deny entries',
    example: 'press-7-lost',
    flags: [
      {
        flag: '--certificate',
        placeholder: 'file',
        description:
          'the certificate to deny: a PEM or DER file, or its text; denied are it, its serial number and its key',
        path: properties('encodedCertificate'),
        schema: text,
        certificate: true,
      },
      {
        flag: '--fingerprint',
        placeholder: 'sha256',
        description: 'a certificate that a client was accepted with, by its SHA-256',
        path: properties('certificateFingerprint'),
        schema: text,
      },
      {
        flag: '--serial-number',
        placeholder: 'hex',
        description: 'what its CA gave it, with --ca-certificate-name or --issuer-certificate: 0x4be1 or 4b:e1',
        path: properties('serialNumber'),
        schema: text,
      },
      {
        flag: '--ca-certificate-name',
        placeholder: 'name',
        description: 'the registered CA that gave the serial number',
        path: properties('caCertificateName'),
        schema: text,
      },
      {
        flag: '--issuer-certificate',
        placeholder: 'file',
        description: 'certificate of the CA that gave the serial number, where it is not registered',
        path: properties('encodedIssuerCertificate'),
        schema: text,
        certificate: true,
      },
      {
        flag: '--public-key',
        placeholder: 'sha256',
        description: 'SHA-256 of a SubjectPublicKeyInfo: every certificate of that key',
        path: properties('publicKeySha256'),
        schema: text,
      },
      {
        flag: '--tbs-certificate',
        placeholder: 'sha256',
        description: 'SHA-256 of a TBSCertificate: that certificate, whatever its signature looks like',
        path: properties('tbsCertificateSha256'),
        schema: text,
      },
      description,
    ],
    columns: [
      nameColumn,
      { heading: 'subject', value: property('certificateSubject') },
      { heading: 'issuer', value: property('certificateIssuer') },
      { heading: 'serial number', value: property('serialNumber') },
      { heading: 'key', value: (document) => property('publicKeySha256')(document)?.slice(0, 16) ?? null },
      { heading: 'description', value: property('description') },
    ],
  },
  {
    command: 'revocation-list',
    type: 'sealgateRevocationLists',
    one: 'revocation list',
    many: 'revocation lists',
    example: 'plant-ca',
    flags: [
      {
        flag: '--list',
        placeholder: 'file',
        description: 'the list (CRL) of a CA, PEM or DER; it counts when a registered CA has signed it',
        path: properties('encodedRevocationList'),
        schema: text,
        required: true,
        list: true,
      },
      {
        flag: '--issuer-certificate',
        placeholder: 'file',
        description: 'certificate of the CA that signed it, where that is not registered',
        path: properties('encodedIssuerCertificate'),
        schema: text,
        certificate: true,
      },
      {
        flag: '--allow-older',
        placeholder: 'bool',
        description: 'true: also when the list in use is newer',
        path: properties('allowOlder'),
        schema: boolean,
      },
      description,
    ],
    columns: [
      nameColumn,
      { heading: 'issuer', value: property('issuer') },
      { heading: 'of', value: property('thisUpdateInUtc') },
      { heading: 'next due', value: property('nextUpdateInUtc') },
      { heading: 'revoked', value: property('revokedCertificates') },
      { heading: 'description', value: property('description') },
    ],
  },
]

function attributesText({ properties: { attributes } }: ResourceDocument): string | null {
  if (typeof attributes !== 'object' || attributes === null) return null
  const written = Object.entries(attributes).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const shown = written.join(' ')
  return shown === '' ? null : shown.length > 60 ? `${shown.slice(0, 59)}…` : shown
}

function templatesText({ properties: { topicTemplates } }: ResourceDocument): string | null {
  return Array.isArray(topicTemplates) ? topicTemplates.join(' ') : null
}
