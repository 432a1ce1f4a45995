/**
 * The two dialects of a namespace as one table (design 1). `event-grid` repeats the numbers and refusals that Azure
 * documents; `full` is the standards with bounds that only protect the broker. Code asks for a limit, never for a
 * profile. Each row can be overridden per namespace as `properties.sealgate.limits.<name>`.
 */

export type ProfileName = 'event-grid' | 'full'

export type LimitUnit =
  | 'bytes'
  | 'characters'
  | 'count'
  | 'perSecond'
  | 'bytesPerSecond'
  | 'seconds'
  | 'switch'
  | 'choice'

/** Limits and switches of a namespace: the profile's table with the namespace's overrides. Null: no limit. */
export interface NamespaceLimits {
  // ---- packets
  readonly maximumPacketSizeBytes: number
  readonly maximumTopicBytes: number
  readonly maximumTopicSegments: number
  readonly maximumResponseTopicBytes: number
  readonly maximumContentTypeBytes: number
  readonly maximumCorrelationDataBytes: number
  readonly maximumUserPropertiesBytes: number
  readonly maximumAuthenticationDataBytes: number
  readonly maximumClientIdCharacters: number
  /** User properties outside PUBLISH and will: Azure lets the request fail. */
  readonly userPropertiesOutsidePublish: boolean
  /** Topics that begin with `$` other than share names; templates must name them literally. */
  readonly dollarTopics: boolean
  // ---- features
  readonly maximumQoS: 1 | 2
  readonly retainAvailable: boolean
  readonly subscriptionIdentifiers: boolean
  readonly sharedSubscriptions: boolean
  readonly sharedSubscriptionsInMqtt3: boolean
  /** A PUBACK with a failure code from the client ends the connection with 0x83. */
  readonly failedAcknowledgementEndsConnection: boolean
  /** Message Expiry Interval 0 means never. The standard means: expires at once. */
  readonly zeroMessageExpiryMeansNever: boolean
  /** Largest alias that a client may use towards us. */
  readonly topicAliasMaximum: number
  /** Largest alias that we use towards a client that allows it. */
  readonly outgoingTopicAliasMaximum: number
  // ---- connections and sessions
  /** Longest Keep Alive; a client that asks for none or for more gets this one. */
  readonly maximumKeepAliveSeconds: number | null
  readonly maximumSessions: number
  readonly connectsPerSecond: number | null
  /** Of one session name, after authentication (S31, S35). */
  readonly connectsPerSecondPerSession: number | null
  readonly maximumWillDelaySeconds: number | null
  // ---- flow
  /** Unacknowledged QoS 1 and 2 messages from one client: our Receive Maximum. */
  readonly receiveMaximum: number
  /** A client of MQTT 3.1.1, which is not told, is closed above it; else its socket is read more slowly. */
  readonly receiveMaximumClosesMqtt3: boolean
  readonly maximumOutboundInflightMessages: number
  readonly maximumOutboundInflightBytes: number
  /** Bytes that wait for a slow subscriber's socket; above, QoS 0 is dropped and QoS 1 and 2 are queued. */
  readonly maximumOutboxBytes: number
  readonly maximumQueuedMessages: number
  readonly maximumQueuedBytes: number
  readonly queueOverflow: 'dropOldest' | 'endSession'
  readonly publishesPerSecond: number | null
  readonly publishBytesPerSecond: number | null
  readonly publishesPerSecondPerSession: number | null
  readonly publishBytesPerSecondPerSession: number | null
  readonly deliveriesPerSecond: number | null
  readonly deliveryBytesPerSecond: number | null
  readonly deliveriesPerSecondPerSession: number | null
  readonly deliveryBytesPerSecondPerSession: number | null
  // ---- subscriptions
  readonly maximumFiltersPerSubscribe: number
  readonly maximumSubscriptionsPerSession: number
  readonly maximumSubscriptions: number
  readonly subscribeRequestsPerSecond: number | null
  readonly subscribeRequestsPerSecondPerSession: number | null
  readonly maximumShareGroups: number
  readonly maximumSharedSubscriptions: number
  readonly maximumSharedSubscriptionsPerSession: number
  readonly maximumSessionsPerSharedSubscription: number
  // ---- retained messages
  readonly maximumRetainedMessageBytes: number
  readonly maximumRetainedMessages: number
  readonly maximumRetainedBytes: number
  readonly maximumRetainedExpirySeconds: number | null
  // ---- what is remembered for the operator
  readonly decisionsKept: number
}

export type LimitName = keyof NamespaceLimits

export interface LimitRow<Name extends LimitName = LimitName> {
  readonly unit: LimitUnit
  readonly eventGrid: NamespaceLimits[Name]
  readonly full: NamespaceLimits[Name]
  /** Smallest and largest value of an override; absent for switches and choices. */
  readonly range?: readonly [number, number]
  readonly choices?: readonly (string | number)[]
  /** True: an override may be null (no limit). */
  readonly nullable?: boolean
  /** True: Azure's number is per throughput unit of the namespace. */
  readonly perUnit?: boolean
}

const mebibyte = 1_048_576
const large = 1_000_000_000

function count(eventGrid: number, full: number, range: readonly [number, number]) {
  return { unit: 'count', eventGrid, full, range } as const
}
function bytes(eventGrid: number, full: number, range: readonly [number, number]) {
  return { unit: 'bytes', eventGrid, full, range } as const
}
function switched(eventGrid: boolean, full: boolean) {
  return { unit: 'switch', eventGrid, full } as const
}
function rate(unit: 'perSecond' | 'bytesPerSecond', eventGrid: number, perUnit = false) {
  return { unit, eventGrid, full: null, range: [1, large], nullable: true, perUnit } as const
}

/** Azure: quotas and limits, 7 May 2026, and the MQTT support page, unless the row says otherwise. */
export const limitTable: { readonly [Name in LimitName]: LimitRow<Name> } = {
  maximumPacketSizeBytes: bytes(524_288, 4 * mebibyte, [1_024, 268_435_455]),
  maximumTopicBytes: bytes(256, 65_535, [1, 65_535]),
  maximumTopicSegments: count(15, 128, [1, 65_535]),
  maximumResponseTopicBytes: bytes(256, 65_535, [0, 65_535]),
  maximumContentTypeBytes: bytes(256, 65_535, [0, 65_535]),
  maximumCorrelationDataBytes: bytes(256, 65_535, [0, 65_535]),
  maximumUserPropertiesBytes: bytes(32_768, mebibyte, [0, 268_435_455]),
  maximumAuthenticationDataBytes: bytes(8_192, 65_535, [0, 65_535]),
  maximumClientIdCharacters: { unit: 'characters', eventGrid: 128, full: 65_535, range: [23, 65_535] },
  userPropertiesOutsidePublish: switched(false, true),
  dollarTopics: switched(false, true),

  maximumQoS: { unit: 'choice', eventGrid: 1, full: 2, choices: [1, 2] },
  retainAvailable: switched(true, true),
  subscriptionIdentifiers: switched(true, true),
  sharedSubscriptions: switched(true, true),
  sharedSubscriptionsInMqtt3: switched(false, true),
  failedAcknowledgementEndsConnection: switched(true, false),
  zeroMessageExpiryMeansNever: switched(true, false),
  topicAliasMaximum: count(10, 256, [0, 65_535]),
  outgoingTopicAliasMaximum: count(0, 32, [0, 65_535]),

  maximumKeepAliveSeconds: { unit: 'seconds', eventGrid: 1_160, full: null, range: [1, 65_535], nullable: true },
  maximumSessions: { ...count(10_000, 1_000_000, [1, large]), perUnit: true },
  connectsPerSecond: rate('perSecond', 200, true),
  connectsPerSecondPerSession: rate('perSecond', 1),
  maximumWillDelaySeconds: { unit: 'seconds', eventGrid: null, full: null, range: [0, large], nullable: true },

  receiveMaximum: count(1_000, 4_096, [1, 65_535]),
  receiveMaximumClosesMqtt3: switched(true, false),
  maximumOutboundInflightMessages: count(100, 4_096, [1, 65_535]),
  maximumOutboundInflightBytes: bytes(65_536, 16 * mebibyte, [1_024, large]),
  maximumOutboxBytes: bytes(mebibyte, 4 * mebibyte, [65_536, large]),
  maximumQueuedMessages: count(100, 100_000, [1, large]),
  maximumQueuedBytes: bytes(mebibyte, 64 * mebibyte, [1_024, 1_000 * large]),
  queueOverflow: { unit: 'choice', eventGrid: 'endSession', full: 'dropOldest', choices: ['dropOldest', 'endSession'] },
  publishesPerSecond: rate('perSecond', 1_000, true),
  publishBytesPerSecond: rate('bytesPerSecond', 1_000_000, true),
  publishesPerSecondPerSession: rate('perSecond', 1_000),
  publishBytesPerSecondPerSession: rate('bytesPerSecond', 1_000_000),
  deliveriesPerSecond: rate('perSecond', 1_000, true),
  deliveryBytesPerSecond: rate('bytesPerSecond', 1_000_000, true),
  deliveriesPerSecondPerSession: rate('perSecond', 100),
  deliveryBytesPerSecondPerSession: rate('bytesPerSecond', 1_000_000),

  maximumFiltersPerSubscribe: count(10, 1_000, [1, 65_535]),
  maximumSubscriptionsPerSession: count(50, 10_000, [1, large]),
  maximumSubscriptions: count(1_000_000, 10_000_000, [1, large]),
  subscribeRequestsPerSecond: rate('perSecond', 200),
  subscribeRequestsPerSecondPerSession: rate('perSecond', 5),
  maximumShareGroups: count(100, 100_000, [1, large]),
  maximumSharedSubscriptions: count(100, 1_000_000, [1, large]),
  maximumSharedSubscriptionsPerSession: count(10, 1_000, [1, large]),
  maximumSessionsPerSharedSubscription: count(100, 10_000, [1, large]),

  maximumRetainedMessageBytes: bytes(65_536, 4 * mebibyte, [0, 268_435_455]),
  maximumRetainedMessages: { ...count(10_000, 1_000_000, [0, large]), perUnit: true },
  maximumRetainedBytes: { ...bytes(640 * mebibyte, 4_096 * mebibyte, [0, 1_000 * large]), perUnit: true },
  maximumRetainedExpirySeconds: {
    unit: 'seconds',
    eventGrid: 31_536_000,
    full: null,
    range: [1, 4_294_967_295],
    nullable: true,
  },

  decisionsKept: count(1_000, 1_000, [10, 100_000]),
}

export type LimitOverrides = { readonly [Name in LimitName]?: NamespaceLimits[Name] }

/** @param units throughput units of the namespace (`sku.capacity`); rows per unit of `event-grid` are multiplied */
export function limitsOf(profile: ProfileName, overrides: LimitOverrides = {}, units = 1): NamespaceLimits {
  const limits: Record<string, unknown> = {}
  for (const [name, row] of Object.entries(limitTable) as [LimitName, LimitRow][]) {
    const override = overrides[name]
    if (override !== undefined) limits[name] = override
    else if (profile === 'full') limits[name] = row.full
    else
      limits[name] = row.perUnit === true && typeof row.eventGrid === 'number' ? row.eventGrid * units : row.eventGrid
  }
  return limits as unknown as NamespaceLimits
}

export interface LimitFailure {
  readonly name: string
  readonly message: string
}

/** Reads `properties.sealgate.limits`: own keys of a parsed JSON object. The first wrong row is the answer. */
export function readLimitOverrides(value: Readonly<Record<string, unknown>>): LimitOverrides | LimitFailure {
  const overrides: Record<string, unknown> = {}
  for (const [name, given] of Object.entries(value)) {
    const row = Object.hasOwn(limitTable, name) ? (limitTable[name as LimitName] as LimitRow) : undefined
    if (row === undefined) return { name, message: `there is no limit of this name` }
    const fault = faultOf(row, given)
    if (fault !== null) return { name, message: fault }
    overrides[name] = given
  }
  return overrides as LimitOverrides
}

function faultOf(row: LimitRow, given: unknown): string | null {
  if (given === null) return row.nullable === true ? null : 'may not be null'
  if (row.unit === 'switch') return typeof given === 'boolean' ? null : 'must be true or false'
  if (row.choices !== undefined) {
    return row.choices.some((choice) => choice === given) ? null : `must be one of ${row.choices.join(', ')}`
  }
  const [low, high] = row.range ?? [0, large]
  const fits = typeof given === 'number' && Number.isInteger(given) && given >= low && given <= high
  return fits ? null : `must be a whole number from ${low} to ${high}`
}
