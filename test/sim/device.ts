import type {
  AcknowledgementPacket,
  ConnackPacket,
  ConnectPacket,
  Packet,
  PublishPacket,
  QoS,
  SubscriptionRequest,
} from '../../src/mqtt/packet.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type { Ledger, Message, SessionModel } from './ledger.ts'
import { Link } from './link.ts'
import type { DeviceName, SimNamespace } from './rights.ts'
import { must } from './violation.ts'
import { chainOf, type World } from './world.ts'

/** A PUBLISH of ours that is not done. */
interface Outgoing {
  readonly message: Message
  readonly packet: PublishPacket
  isReleased: boolean
}

interface Request {
  readonly kind: 'subscribe' | 'unsubscribe'
  readonly subscriptions: readonly SubscriptionRequest[]
}

export interface ConnectWish {
  readonly version: 4 | 5
  readonly cleanStart: boolean
  /** MQTT 5 only; 3.1.1 keeps a session that was not asked to be clean. */
  readonly expirySeconds: number
  readonly receiveMaximum: number | null
  readonly maximumPacketSizeBytes: number | null
  readonly topicAliasMaximum: number
  readonly keepAliveSeconds: number
  readonly will: {
    readonly topicName: string
    readonly qos: QoS
    readonly retain: boolean
    readonly delay: number
  } | null
}

/**
 * A client as the standard wants it: it keeps its side of the session, sends again what was not acknowledged and nothing
 * else, and looks at everything it gets.
 */
export class Device {
  readonly name: DeviceName
  readonly namespace: SimNamespace
  readonly world: World
  readonly ledger: Ledger
  session: SessionModel | null = null
  link: Link | null = null
  /** Connections that were given up without the broker's knowledge. */
  readonly ghosts: Link[] = []
  /** By identifier, in the order of sending. */
  readonly outgoing = new Map<number, Outgoing>()
  /** QoS 2 messages that came and wait for PUBREL. */
  readonly #incoming = new Map<number, Message>()
  readonly #requests = new Map<number, Request>()
  #identifier = 0
  /** A CONNECT with Clean Start was not answered: the broker may still have what the client has dropped. */
  #wantsClean = false
  #connectedAt = Number.NEGATIVE_INFINITY

  constructor(name: DeviceName, namespace: SimNamespace, world: World, ledger: Ledger) {
    this.name = name
    this.namespace = namespace
    this.world = world
    this.ledger = ledger
  }

  /** The connection, when it is up and the broker has said so. */
  get up(): Link | null {
    return this.link?.isConnected === true ? this.link : null
  }

  // ------------------------------------------------------------------------------------------ connecting

  connect(wish: ConnectWish): void {
    // Takeovers are limited to one per second; most of them shall succeed.
    const isSoon = this.world.now - this.#connectedAt < 1_000
    if (isSoon) {
      // No turn of the broker lasts a second.
      this.world.clock.turn()
      this.world.clock.advance(1_000)
    }
    this.#leave('ghost')
    const now = this.world.now
    const expiry = wish.version === 5 ? wish.expirySeconds : wish.cleanStart || this.#wantsClean ? 0 : 3_600
    const cleanStart = wish.cleanStart || this.#wantsClean
    // A session of interval 0 ended with its connection, on both sides.
    const mustBeNew = this.session?.agreedSeconds === 0
    if (mustBeNew) this.#forgetSession()
    if (cleanStart || this.session === null) this.#forgetSession()
    this.#wantsClean = cleanStart
    const known = this.session
    if (known === null) {
      this.session = this.ledger.openSession(this.name, this.name, this.namespace, expiry)
    } else {
      // It may be another one already when nobody says so.
      if (!known.mustExist(now)) known.doom()
      known.agreedSeconds = null
      known.expirySeconds = Math.min(known.expirySeconds, expiry)
    }
    const session = this.session as SessionModel
    session.smallestPacket = Math.min(session.smallestPacket, wish.maximumPacketSizeBytes ?? session.smallestPacket)
    this.link = new Link(
      this.#connectPacket({ ...wish, cleanStart }, expiry, now),
      this.namespace,
      chainOf(this.name),
      now,
      this.world.trace,
    )
    if (!this.namespace.mayConnect(this.name, this.namespace.version)) this.link.excuses.add('disabled or denied')
    this.link.mustBeNew = mustBeNew
    this.#connectedAt = now
    // The broker's clock stands still within a turn, so the bucket may still be empty.
    const isTakeover = isSoon || this.world.isShaken || this.ghosts.length > 0
    if (isTakeover) this.link.excuses.add('takes over too soon')
    this.world.broker.accept(this.link.transport)
  }

  #connectPacket(wish: ConnectWish, expiry: number, now: number): ConnectPacket {
    const { will } = wish
    const message =
      will === null
        ? null
        : this.ledger.publish({
            namespace: this.namespace,
            publisher: this.name,
            device: this.name,
            topicName: will.topicName,
            qos: will.qos,
            retain: will.retain,
            isWill: true,
            sizeBytes: 40,
            sentAt: now,
            expirySeconds: null,
            version: this.namespace.version,
          })
    return {
      type: 'CONNECT',
      protocolVersion: wish.version,
      cleanStart: wish.cleanStart,
      keepAliveSeconds: wish.keepAliveSeconds,
      clientId: this.name,
      username: this.name,
      password: null,
      will:
        will === null || message === null
          ? null
          : {
              topicName: will.topicName,
              qos: will.qos,
              retain: will.retain,
              payload: payloadOf(message),
              properties: wish.version === 5 ? { willDelayIntervalSeconds: will.delay } : {},
            },
      properties:
        wish.version === 4
          ? {}
          : {
              ...(expiry === 0 ? {} : { sessionExpiryIntervalSeconds: expiry }),
              ...(wish.receiveMaximum === null ? {} : { receiveMaximum: wish.receiveMaximum }),
              ...(wish.maximumPacketSizeBytes === null ? {} : { maximumPacketSizeBytes: wish.maximumPacketSizeBytes }),
              ...(wish.topicAliasMaximum === 0 ? {} : { topicAliasMaximum: wish.topicAliasMaximum }),
            },
    }
  }

  /** The client's own state is gone: whatever was under way is nobody's any more. */
  #forgetSession(): void {
    for (const { message } of this.outgoing.values()) this.ledger.over(message)
    this.outgoing.clear()
    this.#incoming.clear()
    if (this.session !== null) this.ledger.forget(this.session)
    this.session = null
  }

  /** The connection is over for the client. @param how `ghost`: the broker has not noticed */
  #leave(how: 'ghost' | 'gone'): void {
    const { link, session } = this
    if (link === null) return
    this.link = null
    this.#requests.clear()
    if (session !== null) {
      session.offlineSince ??= link.stalledAt ?? this.world.now
      this.ledger.unanswered(session)
    }
    link.excuses.add(how)
    if (how === 'ghost' && link.peer.ended === null) this.ghosts.push(link)
  }

  // ------------------------------------------------------------------------------------------ ending

  lose(): void {
    const { link } = this
    if (link === null) return
    this.#leave('gone')
    link.peer.reset()
  }

  close(): void {
    const { link } = this
    if (link === null || link.peer.ended !== null) return
    this.#leave('ghost')
    link.close()
  }

  /** @param expirySeconds null: as it was */
  disconnect(reasonCode: ReasonCode, expirySeconds: number | null, write: (link: Link) => void): void {
    const { up, session } = this
    if (up === null || session === null) return
    const mayChange = up.version === 5 && session.expirySeconds > 0 && expirySeconds !== null
    up.send({
      type: 'DISCONNECT',
      reasonCode: up.version === 5 ? reasonCode : ReasonCode.Success,
      properties: mayChange ? { sessionExpiryIntervalSeconds: expirySeconds } : {},
    })
    if (mayChange) {
      session.expirySeconds = Math.min(session.expirySeconds, expirySeconds)
      session.agreedSeconds = null
    }
    write(up)
    this.#leave('ghost')
  }

  /** The broker ended the connection: whatever it said before is still read. */
  notice(): void {
    const { link } = this
    if (link === null || link.peer.ended === null) return
    link.readAll((packet) => this.onPacket(packet))
    if (this.link !== link) return
    const silence = this.world.now - link.lastWrittenAt
    const keepAlive = link.connack?.properties.serverKeepAliveSeconds ?? link.connect.keepAliveSeconds
    if (keepAlive > 0 && silence >= keepAlive * 1_400) link.excuses.add('keep alive')
    if (!link.isAnnounced && this.world.now - link.openedAt >= 9_000) link.excuses.add('CONNECT too late')
    if (link.stalledAt !== null && keepAlive > 0) link.excuses.add('stalled')
    const isExcused = link.excuses.size > 0 || this.world.endsSessions
    must(isExcused, 'a connection without fault is kept', () => `${this.name} in ${this.namespace.name}`)
    this.#leave('gone')
  }

  // ------------------------------------------------------------------------------------------ requests

  subscribe(subscriptions: readonly SubscriptionRequest[], identifier: number | null): void {
    const { up, session } = this
    if (up === null || session === null) return
    const packetIdentifier = this.#freeIdentifier()
    if (packetIdentifier === null) return
    const own = up.version === 5 ? identifier : null
    this.#requests.set(packetIdentifier, { kind: 'subscribe', subscriptions })
    this.ledger.subscribing(session, subscriptions, own)
    up.send({
      type: 'SUBSCRIBE',
      packetIdentifier,
      subscriptions,
      properties: own === null ? {} : { subscriptionIdentifier: own },
    })
  }

  unsubscribe(request: SubscriptionRequest): void {
    const { up, session } = this
    if (up === null || session === null) return
    const packetIdentifier = this.#freeIdentifier()
    if (packetIdentifier === null) return
    this.#requests.set(packetIdentifier, { kind: 'unsubscribe', subscriptions: [request] })
    this.ledger.unsubscribing(session, request.topicFilter)
    up.send({ type: 'UNSUBSCRIBE', packetIdentifier, topicFilters: [request.topicFilter], properties: {} })
  }

  /** True: one more PUBLISH with QoS above 0 is within what the broker announced. */
  mayPublish(qos: QoS): boolean {
    const { up } = this
    if (up === null) return false
    if (qos === 0) return true
    const announced = up.connack?.properties.maximumQoS ?? 2
    const offered = up.version === 5 ? announced : Math.min(announced, this.namespace.limits.maximumQoS)
    // 3.1.1 is told nothing; a client of the simulation knows all the same.
    const window =
      up.connack?.properties.receiveMaximum ?? (up.version === 5 ? 65_535 : this.namespace.limits.receiveMaximum)
    return qos <= offered && this.outgoing.size < window
  }

  publish(
    topicName: string,
    qos: QoS,
    retain: boolean,
    sizeBytes: number,
    expirySeconds: number | null,
    alias: number,
  ): void {
    const { up } = this
    if (up === null || !this.mayPublish(qos)) return
    const packetIdentifier = qos === 0 ? null : this.#freeIdentifier()
    if (qos > 0 && packetIdentifier === null) return
    const { namespace } = this
    const isAllowed = namespace.mayPublish(this.name, topicName, namespace.version)
    if (!isAllowed && (qos === 0 || up.version === 4)) up.excuses.add('not authorized')
    if (topicName.startsWith('team/') && this.world.setup.hasRegistryChanges) up.excuses.add('rights may change')
    const message = this.ledger.publish({
      namespace,
      publisher: this.name,
      device: this.name,
      topicName,
      qos,
      retain,
      isWill: false,
      sizeBytes: Math.max(sizeBytes, 40),
      sentAt: this.world.now,
      expirySeconds: up.version === 5 ? expirySeconds : null,
      version: namespace.version,
    })
    const packet: PublishPacket = {
      type: 'PUBLISH',
      dup: false,
      qos,
      retain,
      topicName,
      packetIdentifier,
      properties: message.expirySeconds === null ? {} : { messageExpiryIntervalSeconds: message.expirySeconds },
      payload: payloadOf(message),
    }
    if (packetIdentifier !== null) this.outgoing.set(packetIdentifier, { message, packet, isReleased: false })
    const largest = up.connack?.properties.topicAliasMaximum ?? 0
    if (alias === 0 || alias > largest) {
      up.send(packet)
      return
    }
    const isKnown = up.topicsByAlias.get(-alias) === topicName
    up.topicsByAlias.set(-alias, topicName)
    up.send({
      ...packet,
      topicName: isKnown ? '' : topicName,
      properties: { ...packet.properties, topicAlias: alias },
    })
  }

  ping(): void {
    const { up } = this
    if (up === null) return
    up.pingsSent++
    up.send({ type: 'PINGREQ' })
  }

  /** Sends answers that are due, oldest first [MQTT-4.6.0-2] to [MQTT-4.6.0-4]. */
  acknowledge(count: number): void {
    const { up } = this
    if (up === null) return
    for (const { packet, sent } of up.due.splice(0, count)) {
      up.send(packet)
      sent()
    }
  }

  /** What comes next is not the client the standard wants. */
  excuse(reason: string): void {
    if (this.link !== null) this.link.excuses.add(reason)
  }

  #freeIdentifier(): number | null {
    for (let tried = 0; tried < 65_535; tried++) {
      this.#identifier = (this.#identifier % 65_535) + 1
      if (!this.outgoing.has(this.#identifier) && !this.#requests.has(this.#identifier)) return this.#identifier
    }
    return null
  }

  // ------------------------------------------------------------------------------------------ packets in

  onPacket(packet: Packet): void {
    const link = this.link as Link
    if (link.connack === null) {
      must(packet.type === 'CONNACK', 'CONNACK comes first', () => packet.type)
      this.#onConnack(link, packet)
      return
    }
    switch (packet.type) {
      case 'PUBLISH':
        this.#onPublish(link, packet)
        break
      case 'PUBACK':
      case 'PUBREC':
      case 'PUBCOMP':
        this.#onAcknowledgement(link, packet)
        break
      case 'PUBREL':
        this.#incoming.delete(packet.packetIdentifier)
        link.due.push({
          packet: answer('PUBCOMP', packet.packetIdentifier, ReasonCode.Success),
          sent: () => link.outstanding.delete(packet.packetIdentifier),
        })
        break
      case 'SUBACK':
      case 'UNSUBACK': {
        const request = this.#requests.get(packet.packetIdentifier)
        const kind = packet.type === 'SUBACK' ? 'subscribe' : 'unsubscribe'
        must(request?.kind === kind, 'an answer has the identifier of its request', () => packet.type)
        this.#requests.delete(packet.packetIdentifier)
        const session = this.session as SessionModel
        if (packet.type === 'SUBACK') this.ledger.subscribed(session, request.subscriptions, packet.reasonCodes)
        else for (const { topicFilter } of request.subscriptions) this.ledger.unsubscribed(session, topicFilter)
        break
      }
      case 'PINGRESP':
        link.pingsAnswered++
        must(link.pingsAnswered <= link.pingsSent, 'PINGRESP answers PINGREQ', () => `${link.pingsAnswered}`)
        break
      case 'DISCONNECT':
        must(link.version === 5, 'MQTT 3.1.1 knows no DISCONNECT of the broker', () => this.name)
        link.disconnectReceived = true
        if (packet.reasonCode === ReasonCode.ServerBusy && this.world.disk.mode !== 'fine') link.excuses.add('disk')
        must(
          link.excuses.size > 0 || this.world.endsSessions || packet.reasonCode === ReasonCode.KeepAliveTimeout,
          'a connection without fault is kept',
          () => `${this.name} in ${this.namespace.name} got DISCONNECT 0x${packet.reasonCode.toString(16)}`,
        )
        break
      default:
        must(false, 'the broker sends what a server may send', () => packet.type)
    }
  }

  #onConnack(link: Link, packet: ConnackPacket): void {
    link.connack = packet
    const session = this.session as SessionModel
    const who = (): string => `${this.name} in ${this.namespace.name}, code 0x${packet.reasonCode.toString(16)}`
    if (packet.reasonCode !== 0) {
      must(!packet.sessionPresent, '[MQTT-3.2.2-6] a refusal has no session', who)
      must(link.excuses.size > 0, 'a CONNECT without fault is accepted', who)
      return
    }
    must(this.namespace.mayConnect(this.name, link.rightsVersion), 'a disabled or denied client is refused', who)
    must(!(packet.sessionPresent && link.connect.cleanStart), '[MQTT-3.2.2-2] Clean Start finds no session', who)
    if (packet.sessionPresent) {
      must(!link.mustBeNew, 'a session that ended does not come back', who)
    } else {
      must(!session.mustExist(this.world.now) || this.world.endsSessions, 'a session is kept until it expires', who)
      if (!link.connect.cleanStart) this.#sessionIsNew()
    }
    const current = this.session as SessionModel
    current.offlineSince = null
    link.excuses.delete('takes over too soon')
    current.isReal = true
    this.#wantsClean = false
    current.agreedSeconds =
      packet.properties.sessionExpiryIntervalSeconds ??
      (link.version === 5
        ? (link.connect.properties.sessionExpiryIntervalSeconds ?? 0)
        : link.connect.cleanStart
          ? 0
          : 3_600)
    current.expirySeconds = current.agreedSeconds
    if (link.connect.will?.topicName.startsWith('team/') === true && this.world.setup.hasRegistryChanges) {
      link.excuses.add('rights may change')
    }
    if (link.excuses.has('rights changed')) current.doom()
    this.#resend(link)
  }

  /** The broker has nothing of the old session [MQTT-3.2.2-5]. */
  #sessionIsNew(): void {
    const old = this.session as SessionModel
    this.#forgetSession()
    this.session = this.ledger.openSession(this.name, this.name, this.namespace, old.expirySeconds)
    this.session.smallestPacket = this.link?.connect.properties.maximumPacketSizeBytes ?? Number.MAX_SAFE_INTEGER
  }

  /** [MQTT-4.4.0-1] [MQTT-4.6.0-1] */
  #resend(link: Link): void {
    for (const [packetIdentifier, outgoing] of this.outgoing) {
      if (outgoing.isReleased) {
        // PUBREL is judged, too.
        if (outgoing.packet.topicName.startsWith('team/') && this.world.setup.hasRegistryChanges) {
          link.excuses.add('rights may change')
        }
        link.send(answer('PUBREL', packetIdentifier, ReasonCode.Success))
        continue
      }
      outgoing.message.attempts++
      if (outgoing.packet.topicName.startsWith('team/') && this.world.setup.hasRegistryChanges) {
        link.excuses.add('rights may change')
      }
      if (
        link.version === 4 &&
        !this.namespace.mayPublish(this.name, outgoing.packet.topicName, this.namespace.version)
      ) {
        link.excuses.add('not authorized')
      }
      link.send({ ...outgoing.packet, dup: true, properties: link.version === 5 ? outgoing.packet.properties : {} })
    }
  }

  #onPublish(link: Link, packet: PublishPacket): void {
    const session = this.session as SessionModel
    const topicName = this.#topicOf(link, packet)
    must(packet.qos > 0 || !packet.dup, '[MQTT-3.3.1-2] QoS 0 has no DUP', () => topicName)
    if (packet.qos === 0) {
      this.ledger.delivered(session, link.number, packet, topicName, this.world.now)
      return
    }
    const identifier = packet.packetIdentifier as number
    const what = (): string => `${this.name} in ${this.namespace.name} got identifier ${identifier} for ${topicName}`
    must(!link.outstanding.has(identifier), '[MQTT-2.2.1-4] an identifier in flight is not used again', what)
    const window = link.version === 5 ? (link.connect.properties.receiveMaximum ?? 65_535) : 65_535
    must(link.outstanding.size < window, '[MQTT-3.3.4-9] Receive Maximum is kept', () => `${what()}, maximum ${window}`)
    const held = this.#incoming.get(identifier)
    if (packet.qos === 2 && held !== undefined) {
      must(packet.dup, 'QoS 2 is sent again with DUP', what)
      must(payloadOf(held).equals(packet.payload), '[MQTT-4.4.0-1] QoS 2 is sent again under its own identifier', what)
      link.outstanding.set(identifier, { qos: 2, message: held })
    } else {
      const message = this.ledger.delivered(session, link.number, packet, topicName, this.world.now)
      link.outstanding.set(identifier, { qos: packet.qos, message })
      if (packet.qos === 2) this.#incoming.set(identifier, message)
    }
    if (packet.qos === 2) {
      link.due.push({ packet: answer('PUBREC', identifier, ReasonCode.Success), sent: () => {} })
      return
    }
    // A refusal by the client counts as acknowledged, too [MQTT-4.4.0-2].
    const mayRefuse = link.version === 5 && !this.namespace.limits.failedAcknowledgementEndsConnection
    const reasonCode = mayRefuse && identifier % 16 === 7 ? ReasonCode.UnspecifiedError : ReasonCode.Success
    link.due.push({ packet: answer('PUBACK', identifier, reasonCode), sent: () => link.outstanding.delete(identifier) })
  }

  #topicOf(link: Link, packet: PublishPacket): string {
    const alias = packet.properties.topicAlias ?? 0
    if (alias === 0) return packet.topicName
    const largest = link.connect.properties.topicAliasMaximum ?? 0
    must(alias <= largest, '[MQTT-3.3.2-11] a Topic Alias is within the maximum', () => `${alias} of ${largest}`)
    if (packet.topicName !== '') link.topicsByAlias.set(alias, packet.topicName)
    const topicName = link.topicsByAlias.get(alias)
    must(topicName !== undefined, 'a Topic Alias is set before it is used', () => `${alias}`)
    return topicName
  }

  #onAcknowledgement(link: Link, packet: AcknowledgementPacket): void {
    const { packetIdentifier, reasonCode, type } = packet
    const outgoing = this.outgoing.get(packetIdentifier)
    const what = (): string => `${type} ${packetIdentifier} 0x${reasonCode.toString(16)} to ${this.name}`
    must(outgoing !== undefined, '[MQTT-2.2.1-5] an acknowledgement has the identifier of its PUBLISH', what)
    const { message } = outgoing
    must((type === 'PUBACK') === (message.qos === 1), '[MQTT-3.3.4-1] the answer is that of the QoS', what)
    if (reasonCode >= 0x80 && type !== 'PUBCOMP') {
      const isAllowed = this.namespace.mayPublish(this.name, message.topicName, this.namespace.version)
      const isStable = isAllowed && !this.world.setup.hasRegistryChanges
      must(!isStable, 'what is allowed is accepted', what)
      this.outgoing.delete(packetIdentifier)
      this.ledger.refused(message)
      return
    }
    if (type === 'PUBREC') {
      outgoing.isReleased = true
      link.send(answer('PUBREL', packetIdentifier, ReasonCode.Success))
      return
    }
    must(
      this.namespace.mayPublish(this.name, message.topicName, message.version),
      'what is not allowed is not acknowledged',
      what,
    )
    this.outgoing.delete(packetIdentifier)
    // Where the broker may have begun another session, it may never have had the message.
    const isKnown = reasonCode < 0x80 || this.session?.isDoomed !== true
    // A right that was lost meanwhile may have met PUBREL, which then drops the message; 3.1.1 is not told which it was.
    const wasDropped =
      type === 'PUBCOMP' && !this.namespace.mayAlwaysPublish(this.name, message.topicName, message.version)
    if (isKnown && !wasDropped) this.ledger.accepted(message)
    else this.ledger.over(message)
  }
}

function answer(
  type: AcknowledgementPacket['type'],
  packetIdentifier: number,
  reasonCode: ReasonCode,
): AcknowledgementPacket {
  return { type, packetIdentifier, reasonCode, properties: {} }
}

export function payloadOf(message: Message): Buffer {
  return Buffer.from(`${message.id} `.padEnd(message.sizeBytes, 'x'), 'latin1')
}
