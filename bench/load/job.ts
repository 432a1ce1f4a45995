/** What the runner asks of the load generator: a job as the first line of its standard input, then a line for each window. */

export interface Identity {
  readonly name: string
  /** Leaf first, then what the device sends along. */
  readonly certificateFile: string
  readonly keyFile: string
}

export interface Target {
  readonly host: string
  readonly port: number
  /** null: plain TCP. Connection i shows identity i modulo their number. */
  readonly tls: { readonly serverName: string; readonly identities: readonly Identity[] } | null
}

/** Of a broker that has a management API. */
export interface ApiTarget {
  readonly host: string
  readonly port: number
  readonly tokenFile: string
}

export type Pattern = 'pairs' | 'fan-out' | 'fan-in'
export type MqttVersion = 4 | 5

interface JobBase {
  readonly target: Target
  readonly version: MqttVersion
  /** The broker's process; its CPU time is read at the very instants at which messages are counted. */
  readonly brokerPid: number
  /** The core the broker is pinned to; null when it may run anywhere. */
  readonly brokerCore: number | null
}

export interface TrafficJob extends JobBase {
  readonly kind: 'traffic'
  readonly pattern: Pattern
  readonly publishers: number
  readonly subscribers: number
  readonly qos: 0 | 1
  readonly payloadBytes: number
  /** Messages that one publisher has under way: sent and not yet delivered everywhere (QoS 1: and acknowledged). */
  readonly window: number
  /**
   * Messages per second of all publishers together, sent on schedule; `half`: half of what this broker was just seen to
   * take with ten under way; null: as fast as the window allows.
   */
  readonly messagesPerSecond: number | 'half' | null
  readonly measureLatency: boolean
  /** Sessions outlive their connections, so that the broker has to keep what they were sent. */
  readonly durable: boolean
  /** Wildcard filters that are subscribed to beside the traffic and never match it. */
  readonly otherFilters: number
  /** Clients per second that connect, subscribe and leave beside the traffic. */
  readonly churnPerSecond: number
  /** Client resources per second that are written beside the traffic, where the broker has an API for it. */
  readonly resourcesPerSecond: number
  readonly api: ApiTarget | null
  readonly warmupMs: number
  readonly measureMs: number
}

export interface ConnectsJob extends JobBase {
  readonly kind: 'connects'
  /** Connections that are being opened at the same time. */
  readonly concurrency: number
  readonly warmupMs: number
  readonly measureMs: number
}

export interface IdleJob extends JobBase {
  readonly kind: 'idle'
  readonly connections: number
  /**
   * Opened before the first reading, so that code and caches that exist once are not counted per connection: so many come
   * and go, and so many stay.
   */
  readonly passingConnections: number
  readonly warmupConnections: number
  readonly settleMs: number
}

export type LoadJob = TrafficJob | ConnectsJob | IdleJob

export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

export interface LoadResult {
  /** Messages delivered, or connections accepted, or (idle) connections held. */
  readonly count: number
  readonly seconds: number
  readonly brokerCpuSeconds: number
  /** Share of the broker's CPU time spent in the kernel, 0 to 1. */
  readonly brokerSystemShare: number
  readonly loadCpuSeconds: number
  /** Share of the broker's core that other processes took, 0 to 1: a busy machine shows. null when nothing is pinned. */
  readonly othersShare: number | null
  readonly latencyMs: Latency | null
  /** Resident bytes per connection; idle jobs only. */
  readonly bytesPerConnection: number | null
  /** Cipher suite of the last connection: equal settings are checked, not assumed. */
  readonly cipher: string | null
  /** Monotonic microseconds at which measuring began and ended: the window of a CPU profile. */
  readonly fromMicros: number
  readonly toMicros: number
}

/** A job whose connections stand and whose broker is warm; each `measure` is one window, and between them nothing is sent. */
export interface Work {
  measure(): Promise<LoadResult>
  close(): void
}

/** What the generator writes, a line each: first whether it is ready, then one for each line it is sent. */
export type LoadReport =
  | { readonly ok: true; readonly result: null }
  | { readonly ok: true; readonly result: LoadResult }
  | { readonly ok: false; readonly reason: string }
