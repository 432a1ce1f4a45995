import { authority, key } from '../x509/kit.ts'
import { bothVersions, configure, issued, onlyMqtt5, policy, registerCa, registerClient, type Setup } from './setup.ts'

/** What goes wrong before or beside the certificate: host, port, protocol, and what else a CONNECT can carry. */

const plant = authority('CN=Plant CA', { key: key(0) })
const usual = [registerCa('plant', plant), registerClient('press-7')]
const press = issued('CN=press-7', { issuer: plant })
const username = 'press-7'
/** The form of a token; nothing in it is one. */
const token = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJwcmVzcy03In0.'
const noDryRun = { cannotKnow: 'a dry run begins behind the handshake, in a namespace', says: null } as const

export const doors: readonly Setup[] = [
  {
    name: 'the client was given no certificate',
    registry: usual,
    client: { shows: null, username },
    code: 'noCertificate',
    shows: { step: 'certificate', expected: 'a client certificate', detail: 'the peer sent none' },
    remedy: { client: { shows: press } },
  },
  {
    name: 'neither a certificate nor a Username',
    registry: usual,
    client: { shows: null, username: null },
    code: 'noCertificate',
    shows: { step: 'certificate', expected: 'a client certificate' },
    remedy: { client: { shows: press, username } },
  },
  {
    name: 'a token is sent as password',
    registry: usual,
    client: { shows: null, username, password: token },
    code: 'tokenInPassword',
    shows: { step: 'password', expected: 'a token in Authentication Data', detail: /form of a JWT/ },
    explain: { cannotKnow: 'a dry run is given no password', says: 'noCertificate' },
    remedy: { client: { shows: press } },
  },
  {
    name: 'the library sends an Authentication Method of its own',
    registry: usual,
    client: { shows: press, username, authenticationMethod: 'SCRAM-SHA-256', runs: onlyMqtt5 },
    code: 'authenticationMethodUnsupported',
    shows: { step: 'authenticationMethod', expected: 'none: a client certificate', presented: 'SCRAM-SHA-256' },
    remedy: { client: { runs: bothVersions, authenticationMethod: undefined } },
  },
  {
    name: 'the method of Entra tokens, and the namespace takes none',
    registry: usual,
    client: { shows: press, username, authenticationMethod: 'OAUTH2-JWT', runs: onlyMqtt5 },
    code: 'authenticationMethodUnsupported',
    shows: { step: 'authenticationMethod', presented: 'OAUTH2-JWT' },
    remedy: { client: { runs: bothVersions, authenticationMethod: undefined } },
  },
  {
    name: 'a web page of another host connects with the certificate of the browser',
    registry: usual,
    client: { shows: press, username, origin: 'https://dashboard.example' },
    code: 'originNotAllowed',
    shows: { step: 'origin', expected: /allowedOrigins/, presented: 'https://dashboard.example' },
    explain: { cannotKnow: 'a dry run is asked by no web page', says: 'accepted' },
    remedy: { change: [policy({ allowedOrigins: ['https://dashboard.example'] })] },
  },
  {
    name: 'plain MQTT is sent to the port of TLS',
    registry: usual,
    client: { shows: press, username, door: 'plain TCP' },
    code: 'handshakeFailed',
    shows: { step: 'handshake', presented: /wrong version number|http request|unexpected/i },
    explain: noDryRun,
    remedy: { client: { door: 'tls' } },
  },
  {
    name: 'the client speaks TLS 1.1 at most',
    registry: usual,
    client: { shows: press, username, door: 'TLS 1.1' },
    code: 'handshakeFailed',
    shows: { step: 'handshake', presented: /unsupported protocol/ },
    explain: noDryRun,
    remedy: { client: { door: 'tls' } },
  },
  {
    name: 'the host name is mistyped',
    registry: usual,
    client: { shows: press, username, serverName: 'mistyped' },
    code: 'unknownNamespace',
    shows: { step: 'namespace', expected: 'the host name of a namespace' },
    explain: noDryRun,
    remedy: { client: { serverName: 'of the namespace' } },
  },
  {
    name: 'the HTTP host of the namespace instead of its MQTT host',
    registry: usual,
    client: { shows: press, username, serverName: 'of the HTTP host' },
    code: 'unknownNamespace',
    shows: { step: 'namespace', expected: 'the host name of a namespace' },
    explain: noDryRun,
    remedy: { client: { serverName: 'of the namespace' } },
  },
  {
    name: 'the client connects by address, and there are several namespaces',
    registry: usual,
    client: { shows: press, username, serverName: 'none' },
    code: 'unknownNamespace',
    shows: { step: 'namespace', expected: 'the host name of a namespace' },
    explain: noDryRun,
    remedy: { client: { serverName: 'of the namespace' } },
  },
  {
    name: 'the MQTT broker of the namespace was never enabled',
    registry: usual,
    mqtt: 'Disabled',
    client: { shows: press, username },
    code: 'unknownNamespace',
    shows: { step: 'namespace', detail: 'its MQTT broker is not enabled' },
    remedy: { change: [configure({ state: 'Enabled' })] },
  },
]
