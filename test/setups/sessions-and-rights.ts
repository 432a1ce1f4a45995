import { authority, key } from '../x509/kit.ts'
import {
  allow,
  type Client,
  configure,
  issued,
  limit,
  onlyMqtt5,
  policy,
  registerCa,
  registerClient,
  type Setup,
} from './setup.ts'

/** The client is who it says, and still may not do what it asks for. */

const plant = authority('CN=Plant CA', { key: key(0) })
const usual = [registerCa('plant', plant), registerClient('press-7'), registerClient('press-8')]
const press: Client = { shows: issued('CN=press-7', { issuer: plant }), username: 'press-7' }
const other: Client = { shows: issued('CN=press-8', { issuer: plant }), username: 'press-8' }
const several = configure({ maximumClientSessionsPerAuthenticationName: 2 })
const noRates = { cannotKnow: 'a dry run is charged to nobody', says: 'accepted' } as const

export const sessionsAndRights: readonly Setup[] = [
  {
    name: 'two devices were given the same Client Identifier',
    registry: usual,
    sessions: [{ ...other, clientId: 'device', leaves: false }],
    client: { ...press, clientId: 'device' },
    code: 'sessionNameTaken',
    shows: { step: 'session', expected: 'press-7', presented: 'press-8', detail: /device belongs to this client/ },
    remedy: { client: { clientId: 'device-7' } },
  },
  {
    name: 'a device was registered anew while its old session lasts',
    registry: usual,
    sessions: [{ ...other, clientId: 'device', keepsSession: true, leaves: true }],
    client: { ...press, clientId: 'device' },
    code: 'sessionNameTaken',
    shows: { step: 'session', expected: 'press-7', presented: 'press-8' },
    remedy: { command: /sealgate (sessions close .*)$/ },
  },
  {
    name: 'the device makes up a new Client Identifier at each start',
    registry: usual,
    sessions: [{ ...press, clientId: 'start-1', keepsSession: true, leaves: true }],
    client: { ...press, clientId: 'start-2' },
    code: 'sessionLimitReached',
    shows: {
      step: 'session',
      expected: 'at most 1',
      presented: 'start-1',
      detail: /^offline session in the way; end it with: sealgate sessions close/,
    },
    remedy: { command: /sealgate (sessions close .*)$/ },
  },
  {
    name: 'one client with two programs',
    registry: usual,
    sessions: [{ ...press, clientId: 'control', leaves: false }],
    client: { ...press, clientId: 'monitor' },
    code: 'sessionLimitReached',
    shows: { step: 'session', expected: 'at most 1', presented: 'control', detail: /^connected session in the way/ },
    remedy: { change: [several] },
  },
  {
    name: 'Client Identifiers are kept for whoever bears the name',
    registry: [...usual, policy({ clientIdPolicy: 'reserved' })],
    client: { ...press, clientId: 'press-8' },
    code: 'clientIdNotAllowed',
    shows: { step: 'clientIdPolicy', expected: 'press-7', presented: 'press-8' },
    remedy: { client: { clientId: 'press-7' } },
  },
  {
    name: 'Client Identifiers have to begin with the name',
    registry: [...usual, policy({ clientIdPolicy: 'prefix' })],
    client: { ...press, clientId: 'control' },
    code: 'clientIdNotAllowed',
    shows: { step: 'clientIdPolicy', expected: 'press-7', presented: 'control' },
    remedy: { change: [policy({ clientIdPolicy: 'any' })] },
  },
  {
    name: 'the namespace is full of sessions',
    registry: [...usual, limit({ maximumSessions: 1 })],
    sessions: [{ ...other, clientId: 'first', leaves: false }],
    client: { ...press, clientId: 'second' },
    code: 'namespaceSessionLimitReached',
    shows: { step: 'session', expected: 'at most 1' },
    remedy: { change: [limit({ maximumSessions: 2 })] },
  },
  {
    name: 'a client that connects again and again',
    registry: [...usual, limit({ connectsPerSecondPerSession: 1 })],
    sessions: [{ ...press, clientId: 'hasty', leaves: true }],
    atOnce: true,
    client: { ...press, clientId: 'hasty' },
    code: 'connectRateExceeded',
    shows: { step: 'connectRate', expected: '1 per second of one session (limit connectsPerSecondPerSession)' },
    explain: noRates,
    remedy: { change: [limit({ connectsPerSecondPerSession: 1_000 })] },
  },
  {
    name: 'the will has a topic that no topic space holds',
    registry: [...usual, ...allow('Publisher', ['machines/#'])],
    client: { ...press, willTopic: 'status/press-7' },
    code: 'willNotAuthorized',
    shows: { step: 'will', expected: 'a topic that this client may publish to', presented: 'status/press-7' },
    remedy: { change: allow('Publisher', ['machines/#', 'status/+']) },
  },
  {
    name: 'the binding says Subscriber where the device publishes',
    registry: [...usual, ...allow('Subscriber', ['machines/#'])],
    client: { ...press, publishesTo: 'machines/press-7', runs: onlyMqtt5 },
    code: 'publishNotAuthorized',
    shows: {
      step: 'permissionBindings',
      expected: 'Publisher',
      detail: /no group of this client is bound as Publisher/,
    },
    remedy: { change: allow('Publisher', ['machines/#']) },
  },
  {
    name: 'the filter is wider than the template',
    registry: [...usual, ...allow('Subscriber', ['machines/+/state'])],
    client: { ...press, subscribesTo: 'machines/#' },
    code: 'subscribeNotAuthorized',
    shows: { step: 'topicTemplates', expected: 'subscriber-topics: machines/+/state', presented: 'machines/#' },
    remedy: { client: { subscribesTo: 'machines/press-8/state' } },
  },
  {
    name: 'the topic begins with a dollar sign',
    registry: [...usual, ...allow('Subscriber', ['machines/#'])],
    client: { ...press, subscribesTo: '$SYS/#' },
    code: 'subscribeNotAuthorized',
    shows: { step: 'topicTemplates', expected: 'subscriber-topics: machines/#', presented: '$SYS/#' },
    remedy: { client: { subscribesTo: 'machines/#' } },
  },
]
