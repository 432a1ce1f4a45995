import type { Broker } from '../broker/broker.ts'
import { namespaceOfHost } from '../broker/core/namespaces.ts'
import type { Config, SettingName } from '../config.ts'
import type { AcceptLimiter } from '../listeners/accept-limiter.ts'
import type { DoorOptions, Listening } from '../listeners/front.ts'
import { answerNotFound, openHttps } from '../listeners/https.ts'
import { listenTcp } from '../listeners/tcp.ts'
import { listenTls } from '../listeners/tls.ts'
import type { TlsContexts } from '../listeners/tls-context.ts'
import { acceptWebSockets, type WebSocketPolicy } from '../listeners/websocket.ts'
import type { Clock } from '../ports/clock.ts'
import type { RegistryView } from '../registry/view.ts'
import { listenOrExplain } from './listen-or-explain.ts'

/** The doors for MQTT peers; null: closed by configuration. */
export interface Doors {
  readonly mqtts: Listening | null
  readonly wss: Listening | null
  readonly mqttTcp: Listening | null
}

export interface DoorParts {
  readonly clock: Clock
  readonly broker: Broker
  readonly registry: RegistryView
  readonly contexts: TlsContexts
  readonly limiter: AcceptLimiter
  readonly onTurnedAway: NonNullable<DoorOptions['onTurnedAway']>
}

/** Of a peer whose server name leads to no namespace: its CONNECT is refused, and that is small. */
const sizeForNobodyBytes = 65_536

/**
 * Opens them one after the other; each turns peers away as soon as it is open, so that whoever waits for the ready file
 * sees all of them or none.
 *
 * @param opened called with each door at once, so that a start that fails later can close it
 */
export async function openDoors(
  config: Config,
  { clock, broker, registry, contexts, limiter, onTurnedAway }: DoorParts,
  opened: (door: Listening) => void,
): Promise<Doors> {
  const open = async (
    name: SettingName & ('mqtts' | 'wss' | 'mqttTcp'),
    listen: (options: DoorOptions) => Promise<Listening>,
  ): Promise<Listening | null> => {
    const endpoint = config[name]
    if (endpoint === null) return null
    const { port } = endpoint
    const listening = await listenOrExplain(name, endpoint.host, port, (host) =>
      listen({ clock, limiter, onTurnedAway, maximumConnections: config.maximumConnections, host, port }),
    )
    opened(listening)
    return listening
  }
  const secure = {
    contexts,
    handshakeTimeoutMs: config.handshakeTimeout * 1_000,
    admitsHandshake: broker.admitsHandshake.bind(broker),
  }
  const accept = broker.accept.bind(broker)
  const onHandshakeFailure = broker.handshakeFailed.bind(broker)

  const mqtts = await open('mqtts', (options) => listenTls({ ...options, ...secure }, accept, onHandshakeFailure))

  const namespaceOf = (host: string | null) => namespaceOfHost(registry, config, host)
  const policyFor = (serverName: string | null): WebSocketPolicy => {
    const namespace = namespaceOf(serverName)
    return {
      maximumPacketSizeBytes: namespace?.limits.maximumPacketSizeBytes ?? sizeForNobodyBytes,
      allowedOrigins: namespace?.allowedOrigins ?? [],
      allowLoopback: config.mode === 'dev',
    }
  }
  const wss = await open('wss', (options) =>
    openHttps(
      { ...options, ...secure, headersTimeoutMs: config.connectTimeout * 1_000 },
      {
        isSameNamespace: (serverName, host) => namespaceOf(serverName)?.id === namespaceOf(host)?.id,
        onRequest: answerNotFound,
        onUpgrade: acceptWebSockets({ clock, policyFor }, accept),
        onHandshakeFailure,
      },
    ),
  )
  const mqttTcp = await open('mqttTcp', (options) => listenTcp(options, accept))
  return { mqtts, wss, mqttTcp }
}
