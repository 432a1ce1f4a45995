import { toUnixSeconds, type UnixMillis, unixSeconds } from '../base/time.ts'
import { nameOfCommonName } from '../x509/distinguished-name.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createSelfSigned,
  generalNameOfText,
  issueCertificate,
  privateKeyPem,
} from '../x509/issue.ts'
import { toPem } from '../x509/pem.ts'
import { thumbprintsOf } from '../x509/thumbprint.ts'
import type { DataDirectory } from './data-directory.ts'
import { readIfThere, writeFileAtomically } from './files.ts'

/** What `sealgate dev` makes on first start: a CA for clients, a client of every scheme, topics, and who may use them. */
export interface DevSetup {
  readonly namespace: string
  /** The ARM template that describes it all; edit it, or `--reset`. */
  readonly templateFile: string
  readonly directory: string
  /** Of the CA that signed the clients; its key lies beside it. */
  readonly caFile: string
  readonly clients: readonly DevClient[]
  /** Every client may publish and subscribe to each of them: one that all share, and one that is each client's own. */
  readonly topicSpaces: readonly TopicSpace[]
}

export interface TopicSpace {
  readonly name: string
  readonly template: string
}

export interface DevClient {
  readonly authenticationName: string
  readonly scheme: string
  readonly certificateFile: string
  readonly keyFile: string
}

const namespace = 'local'
const authorityDays = 3_650
const clientDays = 825
const backdateSeconds = 3_600

const topicSpaces: readonly TopicSpace[] = [
  { name: 'demo', template: 'demo/#' },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the topic template
  { name: 'own', template: 'devices/${client.authenticationName}/#' },
]

type Names = 'dNSName' | 'uniformResourceIdentifier' | 'iPAddress' | 'rfc822Name'

interface Blueprint {
  /** Resource name and file name. */
  readonly name: string
  readonly authenticationName: string
  readonly scheme: string
  /** The alternative name that holds the authentication name; null: it is the common name. */
  readonly kind: Names | null
  readonly selfSigned?: boolean
}

const blueprints: readonly Blueprint[] = [
  {
    name: 'by-subject',
    authenticationName: 'by-subject',
    scheme: 'SubjectMatchesAuthenticationName',
    kind: null,
  },
  {
    name: 'by-dns',
    authenticationName: 'by-dns.example',
    scheme: 'DnsMatchesAuthenticationName',
    kind: 'dNSName',
  },
  {
    name: 'by-uri',
    authenticationName: 'urn:example:by-uri',
    scheme: 'UriMatchesAuthenticationName',
    kind: 'uniformResourceIdentifier',
  },
  {
    name: 'by-ip',
    authenticationName: '192.0.2.10',
    scheme: 'IpMatchesAuthenticationName',
    kind: 'iPAddress',
  },
  {
    name: 'by-email',
    authenticationName: 'by-email@example.com',
    scheme: 'EmailMatchesAuthenticationName',
    kind: 'rfc822Name',
  },
  {
    name: 'by-thumbprint',
    authenticationName: 'by-thumbprint',
    scheme: 'ThumbprintMatch',
    kind: null,
    selfSigned: true,
  },
]

/** Makes what is missing and leaves what is there, so that the user's own changes to the template last. */
export function prepareDev(data: DataDirectory, now: UnixMillis): DevSetup {
  const directory = data.file('dev')
  const templateFile = data.file('dev', 'template.json')
  const clients = blueprints.map(({ name, authenticationName, scheme }) => ({
    authenticationName,
    scheme,
    certificateFile: data.file('dev', `${name}.pem`),
    keyFile: data.file('dev', `${name}.key`),
  }))
  if (readIfThere(templateFile) === null) {
    // Written last: its presence says that all the rest is there.
    writeFileAtomically(templateFile, `${JSON.stringify(makeEverything(data, now), null, 2)}\n`, 0o600)
  }
  return { namespace, templateFile, directory, caFile: data.file('dev', 'ca.pem'), clients, topicSpaces }
}

function makeEverything(data: DataDirectory, now: UnixMillis): unknown {
  const seconds = toUnixSeconds(now)
  const validity = (days: number) => ({
    notBefore: unixSeconds(seconds - backdateSeconds),
    notAfter: unixSeconds(seconds + days * 86_400),
  })
  const authority = createCertificateAuthority({
    subject: nameOfCommonName('Sealgate development clients'),
    ...validity(authorityDays),
  })
  save(data, 'ca', authority)
  const thumbprints = new Map<string, string>()
  for (const blueprint of blueprints) {
    const made = makeClient(blueprint, authority, validity(clientDays))
    save(data, blueprint.name, made)
    thumbprints.set(blueprint.name, thumbprintsOf(made.certificate.der).sha256)
  }
  return template(toPem('CERTIFICATE', authority.certificate.der), thumbprints)
}

function makeClient(
  blueprint: Blueprint,
  issuer: CertificateAuthority,
  validity: Pick<Parameters<typeof createSelfSigned>[0], 'notBefore' | 'notAfter'>,
): CertificateAuthority {
  const { name, authenticationName, kind } = blueprint
  const options = { subject: nameOfCommonName(kind === null ? authenticationName : name), ...validity }
  if (blueprint.selfSigned === true) return createSelfSigned(options)
  const alternative = kind === null ? null : generalNameOfText(kind, authenticationName)
  const { certificate, privateKey } = issueCertificate({
    ...options,
    issuer,
    subjectAltNames: alternative?.ok === true ? [alternative.value] : [],
  })
  if (privateKey === null) throw new Error('a generated key is returned')
  return { certificate, privateKey }
}

function save(data: DataDirectory, name: string, { certificate, privateKey }: CertificateAuthority): void {
  writeFileAtomically(data.file('dev', `${name}.key`), privateKeyPem(privateKey), 0o600)
  writeFileAtomically(data.file('dev', `${name}.pem`), toPem('CERTIFICATE', certificate.der), 0o644)
}

function template(caCertificate: string, thumbprints: ReadonlyMap<string, string>): unknown {
  const child = (type: string, name: string, properties: unknown) => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    apiVersion: '2025-02-15',
    name: `${namespace}/${name}`,
    dependsOn: [`[resourceId('Microsoft.EventGrid/namespaces', '${namespace}')]`],
    properties,
  })
  const binding = (topicSpaceName: string, permission: string) =>
    child('permissionBindings', `${topicSpaceName}-${permission.toLowerCase()}`, {
      clientGroupName: '$all',
      topicSpaceName,
      permission,
    })
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      {
        type: 'Microsoft.EventGrid/namespaces',
        apiVersion: '2025-07-15-preview',
        name: namespace,
        location: 'local',
        properties: {
          topicSpacesConfiguration: {
            state: 'Enabled',
            maximumClientSessionsPerAuthenticationName: 10,
            clientAuthentication: {
              // Without a username the certificate names the client, by the first of these that it has.
              alternativeAuthenticationNameSources: [
                'ClientCertificateDns',
                'ClientCertificateUri',
                'ClientCertificateIp',
                'ClientCertificateEmail',
                'ClientCertificateSubject',
              ],
            },
          },
        },
      },
      child('caCertificates', 'development-clients', { encodedCertificate: caCertificate }),
      ...blueprints.map(({ name, authenticationName, scheme, selfSigned }) =>
        child('clients', name, {
          authenticationName,
          state: 'Enabled',
          clientCertificateAuthentication: {
            validationScheme: scheme,
            ...(selfSigned === true ? { allowedThumbprints: [thumbprints.get(name)] } : {}),
          },
        }),
      ),
      ...topicSpaces.map(({ name, template }) => child('topicSpaces', name, { topicTemplates: [template] })),
      ...topicSpaces.flatMap(({ name }) => [binding(name, 'Publisher'), binding(name, 'Subscriber')]),
    ],
  }
}
