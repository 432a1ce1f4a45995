/**
 * Where the profile `event-grid` knowingly is not what Azure Event Grid is, for docs/profile.md and
 * `sealgate profile show --differences`. Kept by hand; what can be checked against the source is checked by a test.
 */

export interface Difference {
  readonly about: string
  readonly azure: string
  readonly here: string
}

/** Azure documents one thing, and we do another. */
export const differences: readonly Difference[] = [
  {
    about: 'Characters of names',
    azure: 'An authentication name is any UTF-8 text of 1 to 128 characters.',
    here: 'Control, bidirectional, invisible and line separating characters, noncharacters and halves of surrogate pairs are refused; 1 to 128 code points.',
  },
  {
    about: 'Names of the scheme DnsMatchesAuthenticationName',
    azure: 'Any text.',
    here: 'ASCII only; an international name is registered in its A-label form. An entry of a certificate with `*` never matches.',
  },
  {
    about: 'Token and webhook identities',
    azure: 'A `sub` claim may be the name of a registered client.',
    here: 'Refused with `identityConflict`, unless `dynamicNames` is `share`.',
  },
  {
    about: 'Boolean attributes',
    azure: 'The schema lists booleans; the documentation does not.',
    here: 'Refused: attributes are integers, texts and lists of texts.',
  },
  {
    about: 'Answers of the management API',
    azure: 'Writes are long-running operations.',
    here: 'Every request is answered when it is done, in a way that the pollers of all clients accept.',
  },
  {
    about: 'Key vault certificates of custom JWT authentication',
    azure: '`issuerCertificates` point into a key vault.',
    here: 'Refused; give the certificates themselves as `encodedIssuerCertificates`.',
  },
  {
    about: 'Managed identities, private endpoints, zone redundancy',
    azure: 'Services of the platform.',
    here: 'Stored and shown where a property exists, without effect; the lists of private endpoints and links are empty.',
  },
  {
    about: 'Server certificate and host names',
    azure: 'A public CA; `<namespace>.<region>-1.ts.eventgrid.azure.net`.',
    here: "Your own certificate, or one of a CA made at first start; `<namespace>.DOMAIN` with `--domain`, else the machine's names.",
  },
  {
    about: 'Ports',
    azure: 'WebSocket and HTTP on 443 of the MQTT host.',
    here: '8444 by default, as every port can be chosen.',
  },
  {
    about: 'The first preview of clients',
    azure: '`authentication` with a subject of several parts.',
    here: 'Read where it has one meaning today: a common name alone, or thumbprints; else refused with the present words.',
  },
]

/** Azure is silent, and somebody may have relied on what it happens to do. */
export const ownChoices: readonly Difference[] = [
  {
    about: 'Deleting what a binding names',
    azure: 'silent',
    here: 'A client group or topic space that a permission binding names is not deleted: 409 with the names of the bindings.',
  },
  {
    about: 'CA certificates',
    azure: 'silent',
    here: 'Exactly one well-formed certificate with CA:TRUE and, where keyUsage exists, keyCertSign; RSA from 2048 bits, P-256, P-384, P-521 or Edwards keys; not expired unless `allowExpired` is set. Each refusal says why.',
  },
  {
    about: 'Several common names in a subject',
    azure: 'silent',
    here: 'None of them counts; only the whole distinguished name matches.',
  },
  {
    about: 'A name that reads as a distinguished name',
    azure: 'silent',
    here: 'Compared with the whole subject only; every other name with the common name only.',
  },
  {
    about: 'Alternative name sources',
    azure: 'The next source is used when a field is empty.',
    here: 'The first source with any value decides, even when none of its values is registered.',
  },
  {
    about: 'Clock skew',
    azure: 'silent',
    here: 'A certificate is accepted from 300 s before its notBefore; not after its notAfter. Both are settings.',
  },
  {
    about: 'Length of a path',
    azure: 'silent',
    here: 'Six certificates, the client and the registered CA included. Nothing is fetched from the network.',
  },
  {
    about: 'Purposes',
    azure: 'silent',
    here: 'Where extended key usage exists, clientAuth or any; constraints of issuers (CA, path length, names) are enforced.',
  },
  {
    about: 'TLS session resumption',
    azure: 'silent',
    here: 'Never: every connection shows its certificate.',
  },
  {
    about: 'How fast a change takes hold',
    azure: 'Up to some minutes.',
    here: 'Within a second of the answer to the request, for connected clients too.',
  },
  {
    about: 'A CA certificate that is removed',
    azure: 'silent',
    here: 'Sessions that rest on it are judged again; one with another valid path stays.',
  },
  {
    about: 'Order of checks',
    azure: 'silent',
    here: 'Every refusal of authentication looks the same to the peer and comes after `refusalDelayMs`.',
  },
]

/** In the table or in the documents, and not there yet. */
export const notYet: readonly Difference[] = [
  {
    about: 'Tokens (OAUTH2-JWT, CUSTOM-JWT) and webhook authentication',
    azure: 'Available.',
    here: 'Configurations are stored and shown; nobody can connect with them.',
  },
  {
    about: 'HTTP publish, retained messages over HTTP',
    azure: 'Available.',
    here: 'Not yet.',
  },
  {
    about: 'Routing, namespace topics, event subscriptions, lifecycle events',
    azure: 'Available.',
    here: 'Routing settings are stored and shown; nothing is routed.',
  },
  {
    about: 'Custom domains',
    azure: 'Validated through DNS.',
    here: 'Stored and shown as Pending.',
  },
  {
    about: 'Inbound IP rules and public network access',
    azure: 'Enforced.',
    here: 'Stored and shown, not enforced: use the firewall of the machine.',
  },
]

/** Rows of the profile table that nothing asks for yet. A test holds this list to the source. */
export const limitsNotYetEnforced: readonly string[] = [
  'httpPublishesPerSecond',
  'httpPublishBytesPerSecond',
  'dynamicNames',
]
