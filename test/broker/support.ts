import assert from 'node:assert/strict'
import { createMemoryWorld, type MemoryWorld, type MemoryWorldOptions } from '../../src/adapters/memory/engine.ts'
import { type FakeClock, fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { unixMillis } from '../../src/base/time.ts'
import { type BrokerParts, createBroker } from '../../src/broker/broker.ts'
import { methodsOfTokens } from '../../src/broker/connect/token-methods.ts'
import { type BrokerSettings, defaultSettings } from '../../src/broker/core/settings.ts'
import { decodePacket } from '../../src/mqtt/decode.ts'
import { encodePacket } from '../../src/mqtt/encode.ts'
import { Framer } from '../../src/mqtt/framer.ts'
import type {
  AcknowledgementPacket,
  ConnackPacket,
  ConnectPacket,
  ConnectProperties,
  Packet,
  PacketType,
  ProtocolVersion,
  PublishPacket,
  QoS,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
} from '../../src/mqtt/packet.ts'
import type { AuthenticationMethods } from '../../src/ports/authentication-method.ts'
import type { Engine } from '../../src/ports/engine.ts'
import type { BrokerEvent, BrokerEventKind } from '../../src/ports/events.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import type { LogLevel } from '../../src/ports/log.ts'
import type { Random } from '../../src/ports/random.ts'
import type { TokenVerifier } from '../../src/ports/token-verifier.ts'
import type { Webhook } from '../../src/ports/webhook.ts'
import { type LimitOverrides, limitsOf, type ProfileName } from '../../src/registry/profile.ts'
import type { ResourceChange } from '../../src/registry/registry.ts'
import type { NamespaceView, RegistryView } from '../../src/registry/view.ts'
import { thumbprintsOf } from '../../src/x509/thumbprint.ts'
import { issue, noon } from '../auth/certificates.ts'
import { TestNamespace } from '../auth/support.ts'
import { type FakePeer, fakeTransport } from '../support/fake-transport.ts'

/** One self-signed certificate serves all clients of these tests: who somebody is, the Username says. */
export const certificate = issue({ subject: 'device' })
const thumbprint = thumbprintsOf(certificate.der).sha256

/** A namespace whose clients may publish and subscribe to everything below `open/` and what the test adds. */
export class BrokerNamespace extends TestNamespace {
  override readonly name: string
  override maximumSessionExpirySeconds = 3_600
  override maximumClientSessionsPerAuthenticationName = 10

  constructor(name: string, profile: ProfileName = 'full', overrides: LimitOverrides = {}) {
    super()
    this.name = name
    this.limits = limitsOf(profile, overrides)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a topic template
    this.space('open', 'open/#', '${client.authenticationName}/own/#')
    this.bind('$all', 'Publisher', 'open')
    this.bind('$all', 'Subscriber', 'open')
  }

  /** Registers a client that the certificate of these tests serves. */
  device(name: string): void {
    this.client({ name, validationScheme: 'ThumbprintMatch', allowedThumbprints: [thumbprint] })
  }
}

export interface HouseOptions {
  readonly profile?: ProfileName
  readonly limits?: LimitOverrides
  readonly clients?: readonly string[]
  readonly settings?: Partial<BrokerSettings>
  readonly world?: MemoryWorldOptions
  readonly random?: Random
  /** True: assertions and exceptions of the broker are part of the test. */
  readonly expectsBugs?: boolean
  readonly tokenVerifier?: TokenVerifier
  /** Instead of the methods of the token verifier. */
  readonly authenticationMethods?: AuthenticationMethods
  readonly webhook?: Webhook
  readonly certificatesSeen?: BrokerParts['certificatesSeen']
  /** Further namespaces; a server name `<name>.test` leads to each. */
  readonly namespaces?: readonly BrokerNamespace[]
}

export interface LogLine {
  readonly level: LogLevel
  readonly event: string
  readonly facts: Readonly<Record<string, unknown>>
}

export interface House {
  /** For a second node, or the same one after a restart: `start({ ...home.parts, … })`. */
  readonly parts: StartOptions
  readonly namespace: BrokerNamespace
  readonly clock: FakeClock
  readonly world: MemoryWorld
  readonly engine: Engine
  readonly broker: ReturnType<typeof createBroker>
  readonly events: readonly BrokerEvent[]
  readonly logged: readonly LogLine[]
  /** The registry changed, the namespace itself unless told otherwise; what it says now is what the namespaces say. */
  changed(...changes: readonly Partial<ResourceChange>[]): void
  /** A transport whose peer has not said anything yet. */
  open(options?: ClientOptions): TestClient
  /** Connects and expects success. */
  connect(options?: ClientOptions): Promise<TestClient>
  settle(): Promise<void>
  /** Moves time and lets everything that it causes happen. */
  pass(ms: number): Promise<void>
  eventsOf<K extends BrokerEventKind>(kind: K): Extract<BrokerEvent, { kind: K }>[]
}

/** A broker over the memory engine, a fake clock and fake transports. */
export function house(options: HouseOptions = {}): House {
  const namespace = new BrokerNamespace('plant7', options.profile, options.limits)
  for (const name of options.clients ?? ['alpha', 'beta', 'gamma']) namespace.device(name)
  const all = [namespace, ...(options.namespaces ?? [])]
  const clock = fakeClock(unixMillis(noon * 1000))
  const world = createMemoryWorld(options.world)
  return start({ options, all, clock, world, node: 'n1' as NodeId, seed: 1 })
}

export interface StartOptions {
  readonly options: HouseOptions
  /** Changed by tests that delete a namespace. */
  readonly all: BrokerNamespace[]
  readonly clock: FakeClock
  readonly world: MemoryWorld
  readonly node: NodeId
  readonly seed: number
}

/** A broker process over an existing world: a second node, or the same one after a restart. */
export function start(startOptions: StartOptions): House {
  const { options, all, clock, world, node, seed } = startOptions
  const engine = world.engine(node, clock.clock)
  const events = createEvents()
  const seen: BrokerEvent[] = []
  const logged: LogLine[] = []
  events.on(['decision', 'sessionOpened', 'sessionEnded', 'bug', 'handshakeFailed'], (event) => {
    seen.push(event)
  })
  /** A bug that the broker caught at a door fails the test that did not ask for it. */
  const settle = async (): Promise<void> => {
    await clock.settle()
    const bug = seen.find((event) => event.kind === 'bug')
    if (bug !== undefined && options.expectsBugs !== true) throw bug.error
  }
  let onChange: (changes: readonly ResourceChange[]) => void = () => {}
  const parts: BrokerParts = {
    settings: {
      ...defaultSettings,
      nodeId: node,
      domain: 'test',
      defaultNamespace: 'plant7',
      refusalDelayMs: 0,
      ...options.settings,
    },
    engine,
    registry: {
      view: viewOf(all),
      onChange: (callback) => {
        onChange = callback
        return () => {}
      },
    },
    clock: clock.clock,
    random: options.random ?? seededRandom(seed),
    log: { write: (level, event, facts) => logged.push({ level, event, facts }) },
    events,
    authenticationMethods:
      options.authenticationMethods ??
      (options.tokenVerifier === undefined ? new Map() : methodsOfTokens(options.tokenVerifier)),
    webhook: options.webhook ?? null,
    certificatesSeen: options.certificatesSeen ?? null,
  }
  const broker = createBroker(parts)
  const self: House = {
    parts: startOptions,
    namespace: all[0] as BrokerNamespace,
    clock,
    world,
    engine,
    broker,
    events: seen,
    logged,
    changed: (...changes) =>
      onChange(
        (changes.length === 0 ? [{ type: 'namespaces' } as const] : changes).map((change) => ({
          change: 'updated',
          namespace: (all[0] as BrokerNamespace).id,
          type: 'clients',
          uid: `uid-${change.name}`,
          name: '',
          ...change,
        })),
      ),
    open: (client = {}) => new TestClient(self, client),
    async connect(client = {}) {
      const opened = new TestClient(self, client)
      const connack = await opened.connect()
      assert.equal(connack.reasonCode, 0, `CONNACK ${connack.reasonCode.toString(16)}: ${JSON.stringify(seen.at(-1))}`)
      return opened
    },
    settle,
    async pass(ms) {
      await clock.run(ms)
      await settle()
    },
    eventsOf: (kind) =>
      seen.filter((event): event is Extract<BrokerEvent, { kind: typeof kind }> => event.kind === kind),
  }
  return self
}

function viewOf(all: readonly NamespaceView[]): RegistryView {
  return {
    namespaceByName: (name) => all.find((view) => view.name.toLowerCase() === name.toLowerCase()),
    namespaceById: (id) => all.find((view) => view.id === id),
    namespaces: () => all,
  }
}

export type PacketOf<T extends PacketType> = T extends 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP'
  ? AcknowledgementPacket
  : Extract<Packet, { type: T }>

export interface ClientOptions {
  readonly version?: ProtocolVersion
  /** Username, that is the authentication name; also the Client Identifier unless told otherwise. */
  readonly name?: string
  readonly clientId?: string
  readonly cleanStart?: boolean
  readonly keepAliveSeconds?: number
  readonly properties?: ConnectProperties
  readonly will?: ConnectPacket['will']
  readonly serverName?: string
  readonly peerChain?: readonly Uint8Array[]
  readonly remoteAddress?: string
}

/** What a peer needs of a house. */
export type Door = Pick<House, 'settle'> & { readonly broker: Pick<House['broker'], 'accept'> }

/** One peer: packets in, packets out. */
export class TestClient {
  readonly peer: FakePeer
  readonly version: ProtocolVersion
  readonly #house: Door
  readonly #options: ClientOptions
  readonly #framer = new Framer(268_435_460)
  readonly received: Packet[] = []
  #identifier = 0

  constructor(where: Door, options: ClientOptions) {
    this.#house = where
    this.#options = options
    this.version = options.version ?? 5
    const { transport, peer } = fakeTransport({
      peerChain: options.peerChain ?? [certificate.der],
      serverName: options.serverName ?? null,
      ...(options.remoteAddress === undefined ? {} : { remoteAddress: options.remoteAddress }),
    })
    this.peer = peer
    where.broker.accept(transport)
  }

  connectPacket(): ConnectPacket {
    const { name = 'alpha', clientId, cleanStart = true, keepAliveSeconds = 0, properties = {}, will } = this.#options
    return {
      type: 'CONNECT',
      protocolVersion: this.version,
      cleanStart,
      keepAliveSeconds,
      clientId: clientId ?? name,
      username: name,
      password: null,
      will: will ?? null,
      properties,
    }
  }

  async connect(): Promise<ConnackPacket> {
    this.send(this.connectPacket())
    await this.#house.settle()
    return this.take('CONNACK')
  }

  send(packet: Packet): void {
    this.peer.send(encodePacket(packet, this.version))
  }

  raw(...bytes: number[]): void {
    this.peer.send(Uint8Array.from(bytes))
  }

  publish(topicName: string, payload: string, more: Partial<PublishPacket> = {}): number | null {
    const qos = more.qos ?? 0
    const packetIdentifier = qos === 0 ? null : (more.packetIdentifier ?? this.identifier())
    this.send({
      type: 'PUBLISH',
      dup: false,
      retain: false,
      properties: {},
      ...more,
      qos,
      topicName,
      packetIdentifier,
      payload: Buffer.from(payload),
    })
    return packetIdentifier
  }

  identifier(): number {
    this.#identifier = (this.#identifier % 65_535) + 1
    return this.#identifier
  }

  /** Subscribes and waits for SUBACK. */
  async subscribe(
    filter: string | readonly (Partial<SubscriptionRequest> & { topicFilter: string })[],
    more: Partial<SubscriptionRequest> = {},
    properties: SubscribePacket['properties'] = {},
  ): Promise<SubackPacket> {
    const requests = typeof filter === 'string' ? [{ topicFilter: filter, ...more }] : filter
    this.send({
      type: 'SUBSCRIBE',
      packetIdentifier: this.identifier(),
      subscriptions: requests.map((request) => ({
        qos: 0 as QoS,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0 as const,
        ...request,
      })),
      properties,
    })
    await this.#house.settle()
    return this.take('SUBACK')
  }

  /** Everything that came since the last look. */
  packets(): Packet[] {
    const bytes = this.peer.take()
    const failure = this.#framer.push(bytes, {
      onFrame: (frame, start, bodyStart, end) => {
        const packet = decodePacket(frame, start, bodyStart, end, this.version, 'server')
        assert.ok(packet.ok, packet.ok ? '' : packet.error.message)
        this.received.push(packet.value)
        return true
      },
    })
    assert.equal(failure, null)
    return this.received.splice(0)
  }

  /** The first packet of this type; others before it stay. */
  take<T extends PacketType>(type: T): PacketOf<T> {
    const packets = this.packets()
    const at = packets.findIndex((packet) => packet.type === type)
    assert.ok(at >= 0, `no ${type} among ${packets.map((packet) => packet.type).join(', ') || 'nothing'}`)
    const [found] = packets.splice(at, 1)
    this.received.push(...packets)
    return found as PacketOf<T>
  }

  /** PUBLISH packets that came, as `topic payload`. */
  messages(): string[] {
    return this.publishes().map(({ topicName, payload }) => `${topicName} ${Buffer.from(payload).toString()}`)
  }

  publishes(): PublishPacket[] {
    const packets = this.packets()
    this.received.push(...packets.filter(({ type }) => type !== 'PUBLISH'))
    return packets.filter((packet): packet is PublishPacket => packet.type === 'PUBLISH')
  }
}
