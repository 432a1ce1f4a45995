import type { ChoiceRow, LimitUnit, NumberRow, SwitchRow } from './profile-row.ts'

/**
 * The table. `event-grid` holds Azure's documented numbers; where Azure is silent the source says so. `full` holds what
 * the standards allow, bounded by what one process can carry. Null: no limit.
 */

const quotas = 'Azure: Event Grid quotas and limits, 2026-05-07'
const support = 'Azure: MQTT features supported by Event Grid, 2026-04'
const schema = 'Azure: Microsoft.EventGrid/namespaces, API 2025-07-15-preview'
const silent = 'Azure is silent; own choice'

const mebibyte = 1_048_576
const large = 1_000_000_000
/** Largest interval of MQTT 5. */
const longest = 4_294_967_295
type Range = readonly [minimum: number, maximum: number]

function number(unit: LimitUnit, eventGrid: number, full: number, range: Range, meaning: string, source = quotas) {
  return { kind: 'number', unit, eventGrid, full, range, nullable: false, perUnit: false, meaning, source } as const
}

function nullable<const E extends number | null, const F extends number | null>(
  unit: LimitUnit,
  eventGrid: E,
  full: F,
  range: Range,
  meaning: string,
  source = quotas,
) {
  return { kind: 'number', unit, eventGrid, full, range, nullable: true, perUnit: false, meaning, source } as const
}

/** Azure's value counts once per throughput unit of the namespace. */
function perUnit<Row extends { readonly perUnit: false }>(row: Row): Omit<Row, 'perUnit'> & { readonly perUnit: true } {
  return { ...row, perUnit: true }
}

function count(eventGrid: number, full: number, range: Range, meaning: string, source = quotas) {
  return number('count', eventGrid, full, range, meaning, source)
}

function bytes(eventGrid: number, full: number, range: Range, meaning: string, source = quotas) {
  return number('bytes', eventGrid, full, range, meaning, source)
}

/** A rate that `full` leaves open. */
function rate(unit: 'perSecond' | 'bytesPerSecond', eventGrid: number, meaning: string, source = quotas) {
  return nullable(unit, eventGrid, null, [1, large], meaning, source)
}

function flag(eventGrid: boolean, full: boolean, meaning: string, source = support) {
  return { kind: 'switch', unit: 'switch', eventGrid, full, meaning, source } as const
}

/** A row that is set as `properties.sealgate.<name>` and is the same in both profiles: opt-in hardening. */
function policy<Row extends { readonly kind: string }>(row: Row): Row & { readonly policy: true } {
  return { ...row, policy: true }
}

function choice<const Choice extends string | number>(
  choices: readonly Choice[],
  eventGrid: Choice,
  full: Choice,
  meaning: string,
  source = support,
): ChoiceRow<Choice> {
  return { kind: 'choice', unit: 'choice', choices, eventGrid, full, meaning, source }
}

const packets = {
  maximumPacketSizeBytes: bytes(524_288, 4 * mebibyte, [1_024, 268_435_455], 'Largest packet of a client.', support),
  maximumTopicBytes: bytes(256, 65_535, [1, 65_535], 'Longest topic name, topic filter and topic template, in UTF-8.'),
  maximumTopicSegments: count(15, 128, [1, 65_535], 'Most segments of a topic name, topic filter and topic template.'),
  maximumResponseTopicBytes: bytes(256, 65_535, [0, 65_535], 'Longest Response Topic.'),
  maximumContentTypeBytes: bytes(256, 65_535, [0, 65_535], 'Longest Content Type.'),
  maximumCorrelationDataBytes: bytes(256, 65_535, [0, 65_535], 'Longest Correlation Data.'),
  maximumUserPropertiesBytes: bytes(
    32_768,
    mebibyte,
    [0, 268_435_455],
    'All names and values of the User Properties of a packet.',
  ),
  maximumAuthenticationDataBytes: bytes(8_192, 65_535, [0, 65_535], 'Longest Authentication Data.'),
  maximumClientIdCharacters: number(
    'characters',
    128,
    65_535,
    [23, 65_535],
    'Longest Client Identifier.',
    'Azure: event schema of client lifecycle events',
  ),
  userPropertiesOutsidePublish: flag(
    false,
    true,
    'Packets other than PUBLISH may carry User Properties; else the request fails.',
  ),
  dollarTopics: flag(
    false,
    true,
    'A topic template may begin with a literal $, and such topics may then be used.',
    'Azure: topic spaces, 2026-08',
  ),
} as const

const features = {
  maximumQoS: choice([1, 2], 1, 2, 'Largest QoS of a PUBLISH; subscriptions are granted at most this.'),
  retainAvailable: flag(true, true, 'Messages may be retained.'),
  subscriptionIdentifiers: flag(true, true, 'SUBSCRIBE may carry a Subscription Identifier.'),
  sharedSubscriptions: flag(true, true, 'Filters may begin with $share.'),
  sharedSubscriptionsInMqtt3: flag(false, true, 'An MQTT 3.1.1 client may use $share; else it is disconnected.'),
  failedAcknowledgementEndsConnection: flag(
    true,
    false,
    'A PUBACK with a failure code ends the connection with DISCONNECT 0x83.',
  ),
  zeroMessageExpiryMeansNever: flag(
    true,
    false,
    'Message Expiry Interval 0 is no expiry; else such a message expires at once.',
  ),
  tellsNoMatchingSubscribers: flag(
    false,
    false,
    'PUBACK and PUBREC say 0x10 where nobody has subscribed to the topic; else 0x00.',
    silent,
  ),
  topicAliasMaximum: count(10, 256, [0, 65_535], 'Largest topic alias that a client may use.'),
  outgoingTopicAliasMaximum: count(
    0,
    32,
    [0, 65_535],
    'Largest topic alias that the broker uses towards a client that allows it.',
    support,
  ),
  reasonStrings: flag(
    false,
    false,
    'Refusals carry the stable code as Reason String where the certificate was proven.',
    silent,
  ),
  refusalDelayMs: number(
    'milliseconds',
    100,
    100,
    [0, 5_000],
    'A refused CONNECT is answered no earlier than this after it arrived.',
    silent,
  ),
} as const

const sessions = {
  maximumKeepAliveSeconds: nullable(
    'seconds',
    1_160,
    null,
    [1, 65_535],
    'Longest Keep Alive; a client that asks for none or for more gets this one.',
  ),
  maximumSessions: perUnit(count(10_000, 1_000_000, [1, large], 'Sessions of the namespace, offline ones included.')),
  maximumConnections: perUnit(
    count(20_000, 2_000_000, [1, large], 'Connections of the namespace, those before CONNECT included.', silent),
  ),
  handshakesPerSecond: perUnit(
    nullable(
      'perSecond',
      400,
      1_000,
      [1, large],
      'TLS handshakes per second with a host of the namespace; a burst of ten seconds.',
      silent,
    ),
  ),
  connectsPerSecond: perUnit(rate('perSecond', 200, 'CONNECT packets per second of the namespace.')),
  connectsPerSecondPerSession: rate(
    'perSecond',
    1,
    'Connections per second of one session name, counted after authentication.',
  ),
  maximumWillDelaySeconds: nullable(
    'seconds',
    null,
    null,
    [0, longest],
    'Longest Will Delay; the end of the session comes first in any case.',
    support,
  ),
  sessionsPerNameBound: count(
    100,
    1_000_000,
    [1, large],
    'Largest value of maximumClientSessionsPerAuthenticationName.',
    schema,
  ),
  sessionsPerNameDefault: count(
    1,
    1,
    [1, large],
    'maximumClientSessionsPerAuthenticationName where none is given.',
    schema,
  ),
  sessionExpiryHoursBound: number(
    'hours',
    8,
    1_193_047,
    [1, 1_193_047],
    'Largest value of maximumSessionExpiryInHours; 1,193,047 hours are never.',
    schema,
  ),
  sessionExpiryHoursDefault: number(
    'hours',
    1,
    1,
    [1, 1_193_047],
    'maximumSessionExpiryInHours where none is given.',
    schema,
  ),
} as const

const flow = {
  receiveMaximum: count(1_000, 4_096, [1, 65_535], 'Unacknowledged QoS 1 and 2 messages from one client.'),
  receiveMaximumClosesMqtt3: flag(
    true,
    false,
    'An MQTT 3.1.1 client above receiveMaximum is closed; else its socket is read more slowly.',
    silent,
  ),
  maximumOutboundInflightMessages: count(100, 4_096, [1, 65_535], 'Unacknowledged QoS 1 and 2 messages to one client.'),
  maximumOutboundInflightBytes: bytes(
    65_536,
    16 * mebibyte,
    [1_024, large],
    'Bytes of the unacknowledged messages to one client; one message is always sent.',
  ),
  maximumOutboxBytes: bytes(
    mebibyte,
    4 * mebibyte,
    [65_536, large],
    'Bytes that wait for a slow socket; above, QoS 0 is dropped and QoS 1 and 2 are queued.',
    silent,
  ),
  maximumQueuedMessages: count(100, 100_000, [1, large], 'Messages that wait for an offline session.', support),
  maximumQueuedBytes: bytes(
    mebibyte,
    64 * mebibyte,
    [1_024, 1_000 * large],
    'Bytes that wait for an offline session.',
    support,
  ),
  maximumNamespaceQueuedBytes: perUnit(
    bytes(
      10_240 * mebibyte,
      16_384 * mebibyte,
      [1_024, 1_000 * large],
      'Bytes that wait in all queues of the namespace; above, what would be queued for a session that is stored is refused.',
      silent,
    ),
  ),
  queueOverflow: choice(
    ['dropOldest', 'endSession'],
    'endSession',
    'dropOldest',
    'What happens when the queue of an offline session is full.',
  ),
  publishesPerSecond: perUnit(rate('perSecond', 1_000, 'Incoming messages per second of the namespace.')),
  publishBytesPerSecond: perUnit(rate('bytesPerSecond', 1_000_000, 'Incoming bytes per second of the namespace.')),
  publishesPerSecondPerSession: rate('perSecond', 1_000, 'Incoming messages per second of a session.'),
  publishBytesPerSecondPerSession: rate('bytesPerSecond', 1_000_000, 'Incoming bytes per second of a session.'),
  httpPublishesPerSecond: perUnit(rate('perSecond', 1_000, 'Messages published by HTTP per second of the namespace.')),
  httpPublishBytesPerSecond: perUnit(
    rate('bytesPerSecond', 1_000_000, 'Bytes published by HTTP per second of the namespace.'),
  ),
  deliveriesPerSecond: perUnit(rate('perSecond', 1_000, 'Outgoing messages per second of the namespace.')),
  deliveryBytesPerSecond: perUnit(rate('bytesPerSecond', 1_000_000, 'Outgoing bytes per second of the namespace.')),
  deliveriesPerSecondPerSession: rate('perSecond', 100, 'Outgoing messages per second of a session.'),
  deliveryBytesPerSecondPerSession: rate('bytesPerSecond', 1_000_000, 'Outgoing bytes per second of a session.'),
} as const

const subscriptions = {
  maximumFiltersPerSubscribe: count(10, 1_000, [1, 65_535], 'Topic filters of one SUBSCRIBE; the excess gets 0x97.'),
  maximumSubscriptionsPerSession: count(50, 10_000, [1, large], 'Subscriptions of a session, shared ones included.'),
  maximumSubscriptions: count(1_000_000, 10_000_000, [1, large], 'Subscriptions of the namespace.'),
  subscribeRequestsPerSecond: rate('perSecond', 200, 'SUBSCRIBE and UNSUBSCRIBE packets per second of the namespace.'),
  subscribeRequestsPerSecondPerSession: rate(
    'perSecond',
    5,
    'SUBSCRIBE and UNSUBSCRIBE packets per second of a session.',
  ),
  maximumShareGroups: count(100, 100_000, [1, large], 'Share names in use in the namespace.'),
  maximumSubscriptionsPerShareGroup: count(100, 100_000, [1, large], 'Filters shared under one share name.'),
  maximumSharedSubscriptions: count(100, 1_000_000, [1, large], 'Shared subscriptions of the namespace.'),
  maximumSharedSubscriptionsPerSession: count(10, 1_000, [1, large], 'Shared subscriptions of a session.'),
  maximumSessionsPerSharedSubscription: count(100, 10_000, [1, large], 'Sessions of one shared subscription.'),
  sharedDeliveriesPerSecondPerSubscriber: rate(
    'perSecond',
    100,
    'Outgoing messages per second of a shared subscription, times its subscribers.',
  ),
} as const

const retained = {
  maximumRetainedMessageBytes: bytes(65_536, 4 * mebibyte, [0, 268_435_455], 'Largest retained message.'),
  maximumRetainedMessages: perUnit(count(10_000, 1_000_000, [0, large], 'Retained messages of the namespace.')),
  maximumRetainedBytes: perUnit(
    bytes(640 * mebibyte, 4_096 * mebibyte, [0, 1_000 * large], 'Bytes of all retained messages of the namespace.'),
  ),
  maximumRetainedExpirySeconds: nullable(
    'seconds',
    31_536_000,
    null,
    [1, longest],
    'A retained message is removed after this time.',
  ),
} as const

const registry = {
  maximumClients: perUnit(count(10_000, 10_000_000, [1, large], 'Registered clients of the namespace.')),
  maximumCaCertificates: count(10, 100, [1, 1_000], 'CA certificates of the namespace.'),
  maximumClientGroups: count(10, 1_000, [1, 10_000], 'Client groups of the namespace besides $all.'),
  maximumTopicSpaces: count(10, 1_000, [1, 10_000], 'Topic spaces of the namespace.'),
  maximumTemplatesPerTopicSpace: count(10, 100, [1, 1_000], 'Topic templates of a topic space.'),
  maximumPermissionBindings: count(100, 10_000, [1, 100_000], 'Permission bindings of the namespace.'),
  maximumDenyEntries: count(1_000, 100_000, [1, 1_000_000], 'Deny entries of the namespace.', silent),
  maximumRevocationLists: count(
    10,
    100,
    [1, 1_000],
    'Revocation lists of the namespace; a million entries take about 30 MB.',
    silent,
  ),
  maximumRevocationListBytes: bytes(
    128 * mebibyte,
    128 * mebibyte,
    [1_024, 100 * large],
    'Bytes of all revocation lists of the namespace; they are kept in memory.',
    silent,
  ),
  maximumThumbprintsPerClient: count(2, 10, [1, 100], 'Allowed thumbprints of a client.', 'Azure: MQTT clients'),
  maximumAttributesBytes: bytes(
    4_096,
    4_096,
    [2, 65_536],
    'Attributes of a client as compact JSON.',
    'Azure: MQTT clients',
  ),
  maximumInboundIpRules: count(16, 1_000, [1, 10_000], 'IP rules of the namespace.'),
  maximumRoutingEnrichments: count(
    10,
    100,
    [1, 1_000],
    'Routing enrichments of the namespace, static and dynamic together.',
    'Azure: MQTT routing enrichment',
  ),
  maximumRoutingEnrichmentKeyCharacters: number(
    'characters',
    20,
    20,
    [1, 1_024],
    'Longest key of a routing enrichment.',
    'Azure: MQTT routing enrichment',
  ),
  maximumRoutingEnrichmentValueCharacters: number(
    'characters',
    128,
    1_024,
    [1, 65_536],
    'Longest value of a routing enrichment.',
    'Azure: MQTT routing enrichment',
  ),
  maximumTokenIssuerCertificates: count(2, 10, [1, 100], 'Issuer certificates of custom JWT authentication.', schema),
  decisionsKept: count(1_000, 1_000, [10, 100_000], 'Recent decisions kept in memory for each kind.', silent),
} as const

const policies = {
  allowSha1Thumbprints: policy(flag(true, true, 'Thumbprints of 40 digits (SHA-1) may be stored and used.', silent)),
  clientIdPolicy: policy(
    choice(
      ['any', 'reserved', 'prefix'],
      'any',
      'any',
      'Which Client Identifiers a client may use: any; none that is the authentication name of another client; only its own name and what begins with it.',
      'Azure: any',
    ),
  ),
  dynamicNames: policy(
    choice(
      ['refuse', 'share'],
      'refuse',
      'refuse',
      'Whether a token or webhook identity may carry the name of a registered client.',
      'Azure: share',
    ),
  ),
  willOnRevocation: policy(
    choice(
      ['drop', 'publish'],
      'drop',
      'drop',
      'What becomes of the will of a client that was disabled or denied.',
      silent,
    ),
  ),
  retainedOfRemoved: policy(
    choice(
      ['keep', 'hide'],
      'keep',
      'keep',
      'What becomes of the retained messages of a client that was removed.',
      silent,
    ),
  ),
  responseTopicCheck: policy(
    flag(
      false,
      false,
      'A Response Topic must be one that its sender could subscribe to.',
      'Azure: MQTT request-response messages',
    ),
  ),
  notBeforeSkewSeconds: policy(
    number('seconds', 300, 300, [0, 86_400], 'How long before its notBefore a certificate is accepted.', silent),
  ),
  notAfterSkewSeconds: policy(
    number('seconds', 0, 0, [0, 86_400], 'How long after its notAfter a certificate is accepted.', silent),
  ),
  staleRevocationLists: policy(
    choice(['warn', 'refuse'], 'warn', 'warn', 'What a revocation list past its nextUpdate means.', silent),
  ),
} as const

export const profileRows = {
  ...packets,
  ...features,
  ...sessions,
  ...flow,
  ...subscriptions,
  ...retained,
  ...registry,
  ...policies,
} satisfies Record<string, NumberRow | SwitchRow | ChoiceRow<string | number>>
