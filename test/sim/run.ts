import type { QoS, SubscriptionRequest } from '../../src/mqtt/packet.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import { type ConnectWish, Device } from './device.ts'
import { Dice } from './dice.ts'
import { Ledger } from './ledger.ts'
import { Link } from './link.ts'
import { type Action, type ClientAction, describeAction, type Plan } from './plan.ts'
import { type DeviceName, deviceNames, type SimNamespace, topicFilters, topicNames } from './rights.ts'
import { must, Violation } from './violation.ts'
import { chainOf, World } from './world.ts'

export interface Outcome {
  /** Null: all invariants held. */
  readonly violation: Violation | null
  readonly messages: number
  readonly deliveries: number
}

/** Longer waits than this are none the broker may make anybody suffer. */
const quiescenceRounds = 400

/** Runs the actions, then lets everybody come to rest and looks at what arrived. */
export async function run(plan: Plan, trace: (line: string) => void = () => {}): Promise<Outcome> {
  const simulation = new Simulation(plan, trace)
  const done = (violation: Violation | null): Outcome => ({
    violation,
    messages: simulation.ledger.messages,
    deliveries: simulation.ledger.deliveries,
  })
  try {
    for (const action of plan.actions) await simulation.perform(action)
    await simulation.rest()
    return done(null)
  } catch (error) {
    if (error instanceof Violation) return done(error)
    return done(new Violation('no exception', error instanceof Error ? (error.stack ?? error.message) : String(error)))
  }
}

class Simulation {
  readonly ledger: Ledger
  readonly #world: World
  readonly #devices: Device[] = []
  readonly #trace: (line: string) => void

  constructor({ setup }: Plan, trace: (line: string) => void) {
    this.#trace = trace
    this.ledger = new Ledger(!setup.shortQueues)
    this.#world = new World(setup, trace)
    // Neighbours in the list are namesakes in the two namespaces.
    for (let i = 0; i < setup.devices * 2; i++) {
      const namespace = this.#world.namespaces[i % 2]
      if (namespace === undefined) continue
      this.#devices.push(new Device(deviceNames[i >> 1] as DeviceName, namespace, this.#world, this.ledger))
    }
  }

  async perform(action: Action): Promise<void> {
    const dice = new Dice(action.seed)
    this.#trace(`${String(this.#world.now).padStart(7)} ${describeAction(action)}`)
    switch (action.kind) {
      case 'everybody':
        for (const device of this.#devices) await this.#flow(device, dice)
        break
      case 'time':
        for (let left = action.ms; left > 0; left -= 1_000) {
          await this.#world.clock.run(Math.min(left, 1_000))
          this.#check()
        }
        break
      case 'disk':
        this.#world.setDisk(action.mode, action.delayMs)
        if (this.#world.isFaulty) this.#excuseAll('disk')
        break
      case 'crash':
        this.#crash()
        break
      case 'registry':
        await this.#changeRegistry(action.namespace, action.change, deviceNames[action.device] as DeviceName)
        break
      default: {
        const device = this.#devices[action.client]
        if (device !== undefined) await this.#act(device, action.kind, dice)
      }
    }
    if (action.pause === 'turn') {
      await new Promise<void>((resolve) => setImmediate(resolve))
      this.#world.clock.turn()
    } else if (action.pause === 'settle') {
      await this.#world.clock.settle()
    }
    this.#check()
  }

  async #act(device: Device, kind: ClientAction, dice: Dice): Promise<void> {
    const { link, up } = device
    const { now } = this.#world
    switch (kind) {
      case 'connect':
      case 'connectClean':
        // Mostly somebody who is not connected; sometimes the client gave up what the broker thinks is there.
        if (link !== null && dice.chance(this.#world.setup.isRestless ? 0.2 : 0.7)) return
        device.connect(this.#wishFor(device, kind === 'connectClean', dice))
        if (this.#world.isFaulty && device.link !== null) device.link.excuses.add('disk')
        if (dice.chance(0.8)) await this.#flow(device, dice)
        break
      case 'write':
        if (dice.chance(0.5)) link?.writeAll(dice, now)
        else link?.write(dice.between(1, 60), dice, now)
        break
      case 'read':
        link?.read(dice.chance(0.5) ? dice.between(1, 80) : 1 << 30, (packet) => this.#onPacket(device, link, packet))
        break
      case 'acknowledge':
        device.acknowledge(dice.chance(0.5) ? 1 : 1_000)
        break
      case 'flow':
        await this.#flow(device, dice)
        break
      case 'subscribe':
        device.subscribe(this.#requests(device, dice), dice.chance(0.4) ? dice.between(1, 300) : null)
        if (dice.chance(0.7)) link?.writeAll(dice, now)
        break
      case 'unsubscribe': {
        const held = [...(device.session?.current.values() ?? [])]
        if (held.length > 0) device.unsubscribe(dice.pick(held).request)
        if (dice.chance(0.5)) link?.writeAll(dice, now)
        break
      }
      case 'publish':
      case 'burst': {
        const count = kind === 'burst' ? dice.between(5, 40) : dice.between(1, 3)
        const topicName = dice.pick(topicNames)
        for (let i = 0; i < count; i++)
          this.#publish(device, dice, dice.chance(0.7) ? topicName : dice.pick(topicNames))
        if (dice.chance(0.7)) link?.writeAll(dice, now)
        break
      }
      case 'ping':
        device.ping()
        break
      case 'stall':
        link?.peer.stall(true)
        // Whoever does not read does not see that the broker gave it up.
        if (link !== null) link.stalledAt ??= now
        break
      case 'unstall':
        link?.peer.stall(false)
        break
      case 'lose':
        device.lose()
        break
      case 'close':
        device.close()
        break
      case 'disconnect':
      case 'disconnectWithWill': {
        const reasonCode = kind === 'disconnect' ? ReasonCode.Success : ReasonCode.DisconnectWithWillMessage
        device.disconnect(reasonCode, dice.pick([null, null, 0, 60, 3_600]), (leaving) => leaving.writeAll(dice, now))
        break
      }
      case 'ghost':
        for (const ghost of device.ghosts)
          if (ghost.isAnnounced && !ghost.isClosed) ghost.write(dice.between(1, 200), dice, now)
        break
      case 'impostor':
        if (up !== null && !this.#world.setup.hasRegistryChanges && !this.#world.isFaulty)
          await this.#impostor(device, up, dice)
        break
      case 'rude':
        if (up !== null) await this.#rude(device, up, dice)
        break
    }
  }

  #onPacket(device: Device, link: Link, packet: Parameters<Device['onPacket']>[0]): void {
    if (device.link === link) device.onPacket(packet)
  }

  /** Bytes go to and fro until nothing more comes of itself. */
  async #flow(device: Device, dice: Dice): Promise<void> {
    for (let round = 0; round < 4; round++) {
      const { link } = device
      if (link === null) return
      link.writeAll(dice, this.#world.now)
      await this.#world.clock.settle()
      link.readAll((packet) => this.#onPacket(device, link, packet))
      device.acknowledge(1_000)
    }
    this.#check()
  }

  #wishFor(device: Device, cleanStart: boolean, dice: Dice): ConnectWish {
    const version = dice.chance(0.3) ? 4 : 5
    const wills = topicNames.filter((topic) =>
      device.namespace.mayPublish(device.name, topic, device.namespace.version),
    )
    const hasWill = dice.chance(0.25) && wills.length > 0
    return {
      version,
      cleanStart,
      expirySeconds: dice.pick([0, 60, 3_600, 3_600, 3_600]),
      receiveMaximum: dice.pick([null, null, 1, 2, 5]),
      maximumPacketSizeBytes: dice.pick([null, null, null, null, 200, 1_000]),
      topicAliasMaximum: dice.pick([0, 0, 1, 10]),
      keepAliveSeconds: dice.pick([0, 0, 0, 30]),
      will: hasWill
        ? {
            topicName: dice.pick(wills),
            qos: Math.min(dice.between(0, 2), device.namespace.limits.maximumQoS) as QoS,
            retain: dice.chance(0.3),
            delay: dice.pick([0, 0, 2, 100]),
          }
        : null,
    }
  }

  #requests(device: Device, dice: Dice): SubscriptionRequest[] {
    const isOld = device.link?.version === 4
    const mayShare = !isOld || device.namespace.limits.sharedSubscriptionsInMqtt3
    const filters = topicFilters.filter((filter) => mayShare || !filter.startsWith('$share/'))
    return [...new Set(Array.from({ length: dice.between(1, 3) }, () => dice.pick(filters)))].map((topicFilter) => ({
      topicFilter,
      qos: dice.pick([0, 1, 1, 2, 2] as const),
      noLocal: !isOld && !topicFilter.startsWith('$share/') && dice.chance(0.2),
      retainAsPublished: !isOld && dice.chance(0.3),
      retainHandling: isOld ? 0 : dice.pick([0, 0, 1, 2] as const),
    }))
  }

  #publish(device: Device, dice: Dice, topicName: string): void {
    const isAllowed = device.namespace.mayPublish(device.name, topicName, device.namespace.version)
    if (!isAllowed && dice.chance(0.9)) return
    const size = dice.weighted({ small: 90, middle: 8, large: 2 })
    const sizeBytes = size === 'small' ? dice.between(40, 80) : size === 'middle' ? dice.between(150, 3_000) : 40_000
    device.publish(
      topicName,
      dice.pick([0, 1, 1, 2, 2] as const),
      dice.chance(0.1),
      sizeBytes,
      dice.chance(0.1) ? dice.pick([2, 30, 3_000]) : null,
      dice.chance(0.15) ? dice.between(1, 4) : 0,
    )
  }

  /** Somebody else of the namespace wants this session's name. */
  async #impostor(device: Device, up: Link, dice: Dice): Promise<void> {
    const other = this.#devices.find(
      (candidate) => candidate.namespace === device.namespace && candidate.name !== device.name,
    )
    if (other === undefined) return
    const { connect } = up
    const link = new Link(
      { ...connect, username: other.name, will: null, cleanStart: true, properties: {} },
      device.namespace,
      chainOf(other.name),
      this.#world.now,
      this.#trace,
    )
    this.#world.broker.accept(link.transport)
    link.writeAll(dice, this.#world.now)
    await this.#world.clock.settle()
    const stands = device.link === up && up.peer.ended === null && up.excuses.size === 0 && up.stalledAt === null
    link.readAll((packet) => {
      must(
        packet.type === 'CONNACK' && (packet.reasonCode !== 0 || !stands),
        'a session name of another client is refused',
        () => `${other.name} has the session of ${device.name}`,
      )
    })
    link.peer.reset()
  }

  /** Bytes that no client may send: this one is cut, nobody else notices. */
  async #rude(device: Device, up: Link, dice: Dice): Promise<void> {
    if (up.hasUnwritten || up.peer.paused || up.excuses.size > 0) return
    const bytes = dice.pick(rudeBytes)
    device.excuse('rude')
    up.sendBytes(Uint8Array.from(bytes))
    up.writeAll(dice, this.#world.now)
    await this.#world.clock.settle()
    const isStalled = up.transport.pendingBytes > 0
    must(up.peer.ended !== null || isStalled, 'malformed bytes end the connection', () => bytes.join(' '))
  }

  #crash(): void {
    for (const device of this.#devices) {
      if (device.session !== null && device.session.expirySeconds === 0) device.session.doom()
      for (const ghost of device.ghosts.splice(0)) ghost.peer.reset()
      device.lose()
    }
    this.#world.crash()
  }

  async #changeRegistry(at: number, change: Parameters<World['changeRegistry']>[1], name: DeviceName): Promise<void> {
    const namespace = this.#world.namespaces[at]
    if (namespace === undefined || !this.#world.changeRegistry(namespace, change, name)) return
    for (const device of this.#devices) {
      if (device.namespace !== namespace) continue
      const { session, link } = device
      const isDisabled = !namespace.isEnabled(device.name, namespace.version)
      const holds = [...(session?.history ?? [])].some(
        ({ request, isRefused }) =>
          !isRefused && !namespace.maySubscribe(device.name, request.topicFilter, namespace.version),
      )
      const hasTeamWill = [link, ...device.ghosts].some(
        (one) => one?.connect.will?.topicName.startsWith('team/') === true,
      )
      if (isDisabled || holds || hasTeamWill) {
        session?.doom()
        if (link !== null) link.excuses.add('rights changed')
      }
      // What is stored of it stays, and goes on when it is allowed again.
      if (namespace.isDenied(device.name)) link?.excuses.add('denied')
    }
    await this.#world.clock.settle()
    this.#judgeDenied(namespace)
  }

  /** Whoever else was connected has no excuse for having been cut. */
  #judgeDenied(namespace: SimNamespace): void {
    const { broker } = this.#world
    for (const { record, online } of broker.operations.sessions({
      namespace: namespace.id,
      after: null,
      limit: 1_000,
    })) {
      must(
        !(online && namespace.isDenied(record.clientId as DeviceName)),
        'a denied certificate has no session that is connected',
        () => `${record.clientId} in ${namespace.name}`,
      )
    }
  }

  #excuseAll(excuse: string): void {
    for (const { link } of this.#devices) if (link !== null) link.excuses.add(excuse)
  }

  /** After every action. */
  #check(): void {
    this.#world.check()
    const { disk } = this.#world
    for (const device of this.#devices) {
      device.notice()
      for (const link of [device.link, ...device.ghosts]) {
        if (link === null || link.peer.ended !== null) continue
        const { pendingBytes } = link.transport
        must(pendingBytes <= mostPendingBytes, 'a slow reader costs bounded memory', () => `${pendingBytes} bytes`)
      }
      const gone = device.ghosts.findIndex((ghost) => ghost.peer.ended !== null)
      if (gone >= 0) device.ghosts.splice(gone, 1)
    }
    if (!this.#world.setup.shortQueues) return
    for (const namespace of this.#world.namespaces) {
      for (const { uid } of disk.engine.sessions.list({ namespace: namespace.id, after: null, limit: 100 })) {
        const { messages } = disk.engine.queue.size(uid)
        must(messages <= 8 + bindable, 'a queue keeps its limit', () => `${messages} messages`)
      }
    }
  }

  // ------------------------------------------------------------------------------------------ the end

  /** Everything heals, everybody comes back and reads and acknowledges until nothing is left. */
  async rest(): Promise<void> {
    this.#trace('rest')
    const dice = new Dice(0)
    this.#world.setDisk('fine', 0)
    await this.#world.clock.run(15_000)
    for (const device of this.#devices) {
      for (const change of ['enable', 'allow', 'allowAll'] as const) {
        this.#world.changeRegistry(device.namespace, change, device.name)
      }
      device.link?.peer.stall(false)
      for (const ghost of device.ghosts) ghost.peer.reset()
    }
    await this.#world.clock.run(2_000)
    this.#check()
    this.#judgeConnected()
    for (let round = 0; round < quiescenceRounds; round++) {
      for (const device of this.#devices) if (device.link === null) device.connect(lastWish)
      const before = this.ledger.deliveries
      for (const device of this.#devices) await this.#flow(device, dice)
      // The broker looks again a moment later at what was acknowledged.
      await this.#world.clock.run(100)
      this.#check()
      const isBusy = this.#devices.some(
        ({ link, outgoing }) => link === null || link.connack === null || link.hasUnread || outgoing.size > 0,
      )
      if (!isBusy && this.ledger.deliveries === before) break
      must(round < quiescenceRounds - 1, 'everything comes to rest', () => this.#stuck())
    }
    for (const { link } of this.#devices) {
      must(link?.pingsSent === link?.pingsAnswered, '[MQTT-3.12.4-1] PINGREQ is answered', () => `${link?.pingsSent}`)
    }
    this.ledger.judgeOwed()
    await this.#leaveNothing()
  }

  /** Whatever went wrong between broker and store: nobody is left connected there who is not here. */
  #judgeConnected(): void {
    const { broker, namespaces } = this.#world
    for (const { id, name } of namespaces) {
      for (const { record, online } of broker.operations.sessions({ namespace: id, after: null, limit: 1_000 })) {
        must(
          (record.node !== null) === online,
          'who is connected for the store is connected',
          () => `${record.clientId} in ${name} is ${online ? 'connected' : 'not'}`,
        )
      }
    }
  }

  #stuck(): string {
    return this.#devices
      .map(({ name, namespace, link, outgoing }) => {
        const open = [...outgoing].map(
          ([id, { message, isReleased }]) => `${id} ${message.id}${isReleased ? ' released' : ''}`,
        )
        return `${name}@${namespace.name} ${link?.connack == null ? 'not connected' : 'connected'} ${open.join(', ')}`
      })
      .join('; ')
  }

  /** Sessions that end leave no subscription and no connection. */
  async #endSessions(): Promise<void> {
    const { broker, clock } = this.#world
    for (const device of this.#devices) {
      device.connect({ ...lastWish, cleanStart: true, expirySeconds: 0 })
      await this.#flow(device, new Dice(0))
      device.lose()
    }
    await clock.run(2_000)
    this.#check()
    const { connections, namespaces } = broker.operations.stats()
    must(connections === 0, 'no connection is left over', () => `${connections}`)
    for (const { sessions, online, subscriptions } of namespaces) {
      const left = [sessions, online, subscriptions]
      must(
        left.every((count) => count === 0),
        'no session and no subscription is left over',
        () => left.join(' '),
      )
    }
  }

  /** Queues are empty, and when the process ends it has no timer and no connection left. */
  async #leaveNothing(): Promise<void> {
    const { disk, broker, clock, namespaces } = this.#world
    await clock.run(2_000)
    // A will may have become due in this time.
    for (const device of this.#devices) await this.#flow(device, new Dice(0))
    await clock.run(100)
    for (const { id } of namespaces) {
      for (const { uid, clientId } of disk.engine.sessions.list({ namespace: id, after: null, limit: 1_000 })) {
        const { messages } = disk.engine.queue.size(uid)
        must(
          messages === 0 || this.#world.hadFault,
          'what was acknowledged leaves the queue',
          () => `${clientId}: ${messages} messages`,
        )
      }
    }
    await this.#endSessions()
    const drained = broker.drain(5_000)
    await clock.settle()
    await clock.run(6_000)
    await drained
    must(broker.operations.stats().connections === 0, 'no connection is left over', () => '')
    this.#world.check()
  }
}

/** Bytes in the transport at most: eight times the bound of the outbox, and a packet of any size. */
const mostPendingBytes = 8 * 65_536 + 600_000
/** Messages under way are kept beyond the limit of a queue. */
const bindable = 65_535

const lastWish: ConnectWish = {
  version: 5,
  cleanStart: false,
  expirySeconds: 3_600,
  receiveMaximum: null,
  maximumPacketSizeBytes: null,
  topicAliasMaximum: 0,
  keepAliveSeconds: 0,
  will: null,
}

/** Each is malformed or a protocol error on a connection that is up. */
const rudeBytes: readonly (readonly number[])[] = [
  [0x00, 0x00],
  [0x60, 0x02, 0x00, 0x01],
  [0x36, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01],
  [0x82, 0x02, 0x00, 0x01],
  [0x30, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x10, 0x00],
  [0x20, 0x02, 0x00, 0x00],
  [0xc1, 0x00],
  [0x30, 0x04, 0x00, 0x02, 0xc3, 0x28],
  [0xa0, 0x05, 0x00, 0x01, 0x00, 0x01, 0x61],
]
