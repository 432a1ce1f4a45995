import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { DurableClient } from './client.ts'
import { type Flow, Ledger, type Receiver } from './ledger.ts'
import { Patience } from './patience.ts'
import { RegistryWriter } from './registry-writer.ts'
import { Server } from './server.ts'
import type { SmallDisk } from './small-disk.ts'
import { crashTemplate } from './template.ts'

export interface CrashOptions {
  readonly rounds: number
  readonly seed: number
  /** Freezes and thaws the broker before most of the kills. */
  readonly freeze: boolean
  /** Rounds between two looks at whether everything has arrived. */
  readonly checkEvery: number
  /** The data directory is made on it, and somebody else fills it before most of the kills; null: on the machine's disk. */
  readonly disk: SmallDisk | null
  readonly tell: (line: string) => void
}

export interface CrashReport {
  readonly ledger: Ledger
  readonly kills: number
  readonly killsDuringStart: number
  readonly freezes: number
  readonly fills: number
  /** Starts on a disk without any room. */
  readonly startsWhenFull: number
  /** From the moment at which there was room again to the first acknowledged message. */
  readonly resumedMs: readonly number[]
  readonly startsMs: readonly number[]
  readonly registryWrites: number
  readonly wills: number
}

/** How long nothing may arrive of what is acknowledged when nobody kills anybody. Bounds are in time as `Patience` counts it. */
const arrivalBoundMs = 30_000
/** How long it may take until messages are acknowledged again when there is room again. */
const resumeBoundMs = 20_000
/** What has not come in time is waited for on, so that the report can tell late from lost. */
const lateBoundMs = 120_000
const window = 20

/** What a broker without room has to say of itself; the end of a session that could not be written is tried again. */
const saysOfFullDisk = new Set(['storeTakesNothingNew', 'clockNotSaved', 'commitFailed', 'sessionCloseFailed'])

/** One publisher with its flows; keeps its window full while it runs. */
interface PublisherRole {
  readonly client: DurableClient
  readonly flows: readonly { readonly flow: Flow; readonly retain: boolean }[]
  /** Breaks its connection now and then. */
  readonly isFlaky: boolean
}

interface SubscriberRole {
  readonly client: DurableClient
  readonly receiver: Receiver
  readonly topicFilter: string
  readonly habit: 'online' | 'flaky' | 'mostlyOffline'
  isSubscribed: boolean
}

export async function runCrash(options: CrashOptions): Promise<CrashReport> {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-crash-'))
  try {
    return await new CrashRun(options, directory).run()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

class CrashRun {
  readonly #options: CrashOptions
  readonly #ledger = new Ledger()
  readonly #dataDirectory: string
  readonly #readyFile: string
  readonly #template: string
  readonly #random: () => number
  readonly #publishers: PublisherRole[] = []
  readonly #subscribers: SubscriberRole[] = []
  readonly #startsMs: number[] = []
  readonly #registry = new RegistryWriter(() => this.#server?.ready ?? null)
  #server: Server | null = null
  #port = 0
  #isPublishing = false
  #round = 0
  #kills = 0
  #killsDuringStart = 0
  #freezes = 0
  #fills = 0
  #startsWhenFull = 0
  readonly #resumedMs: number[] = []
  #acceptedAt = 0
  /** Number last acknowledged, and last sent, of the retained flow. */
  #retainedAccepted = -1
  readonly #wills: { readonly topicName: string; count: number }[] = []

  constructor(options: CrashOptions, directory: string) {
    this.#options = options
    this.#dataDirectory = join(options.disk?.path ?? directory, 'data')
    this.#readyFile = join(directory, 'ready.json')
    this.#template = join(directory, 'template.json')
    mkdirSync(directory, { recursive: true })
    writeFileSync(this.#template, JSON.stringify(crashTemplate()))
    const random = seededRandom(options.seed)
    this.#random = () => {
      const [a = 0, b = 0, c = 0] = random.bytes(3)
      return (a * 65_536 + b * 256 + c) / 16_777_216
    }
    this.#makeRoles()
  }

  #makeRoles(): void {
    const publisher = (name: string, version: 4 | 5, flows: number, isFlaky: boolean): void => {
      const client = new DurableClient(
        { clientId: name, version, keepsSession: true, receiveMaximum: 100 },
        {
          onMessage: () => {},
          onAnswer: (message, answer, attempts) => {
            this.#ledger.answered(message, answer, attempts)
            if (answer === 'refused') {
              // Whoever is told that there is no room waits before it tries again.
              setTimeout(() => this.#fill(role), 10)
              return
            }
            if (this.#acceptedAt === 0) this.#acceptedAt = performance.now()
            if (message.retain) this.#retainedAccepted = numberOf(message.payload)
            this.#fill(role)
          },
          onSessionLost: () => this.#ledger.fail('sessionLost', `the session of ${name} is gone`),
          onGone: () => {},
        },
      )
      const made = Array.from({ length: flows }, (_, i) => {
        const qos = i % 2 === 0 ? 1 : 2
        return { flow: this.#ledger.flow(`${name}/${i}`, `crash/${name}/${i}`, qos), retain: false } as const
      })
      const role: PublisherRole = { client, flows: made, isFlaky }
      this.#publishers.push(role)
    }
    publisher('p5', 5, 4, false)
    publisher('p4', 4, 2, false)
    publisher('flaky', 5, 2, true)
    const last = this.#publishers[2] as PublisherRole
    const state = { flow: this.#ledger.flow('state', 'state/flaky', 1), retain: true } as const
    this.#publishers[2] = { ...last, flows: [...last.flows, state] }

    const subscriber = (
      name: string,
      how: { version: 4 | 5; habit: SubscriberRole['habit']; qos?: 1 | 2; receiveMaximum?: number; slowMs?: number },
      receiver = this.#ledger.receiver(name, how.qos ?? 2),
      topicFilter = '#',
    ): void => {
      const { slowMs } = how
      const client: DurableClient = new DurableClient(
        {
          clientId: name,
          version: how.version,
          keepsSession: true,
          receiveMaximum: how.receiveMaximum ?? 65_535,
          ...(slowMs === undefined ? {} : { delayMs: () => this.#random() * slowMs }),
        },
        {
          onMessage: ({ topicName, payload }) => {
            if (topicName.startsWith('wills/')) this.#onWill(receiver, topicName)
            else this.#ledger.received(receiver, payload)
          },
          onAnswer: () => {},
          onSessionLost: () => this.#ledger.fail('sessionLost', `the session of ${name} is gone`),
          onGone: () => {},
        },
      )
      this.#subscribers.push({ client, receiver, topicFilter, habit: how.habit, isSubscribed: false })
    }
    subscriber('fast5', { version: 5, habit: 'online' })
    subscriber('fast4', { version: 4, habit: 'online' })
    subscriber('slow', { version: 5, habit: 'online', receiveMaximum: 10, slowMs: 6 })
    subscriber('flakySubscriber', { version: 5, habit: 'flaky', receiveMaximum: 50 })
    subscriber('offline', { version: 5, habit: 'mostlyOffline' })
    subscriber('atMost1', { version: 4, habit: 'mostlyOffline', qos: 1 })
    const share = this.#ledger.receiver('share', 2, false, 'crash/')
    subscriber('member1', { version: 5, habit: 'online' }, share, '$share/all/crash/#')
    subscriber('member2', { version: 4, habit: 'flaky' }, share, '$share/all/crash/#')
  }

  async run(): Promise<CrashReport> {
    const { rounds, checkEvery, tell } = this.#options
    try {
      await this.#start()
      // Everybody subscribes before anything is published, so everybody is owed everything.
      for (const role of this.#subscribers) await this.#connectSubscriber(role)
      for (this.#round = 1; this.#round <= rounds; this.#round++) {
        this.#ledger.where = `round ${this.#round}`
        await this.#playRound()
        if (this.#round % checkEvery === 0 || this.#round === rounds) await this.#check()
        if (this.#ledger.violations.length > 20) break
      }
      tell(`rounds done; stopping in order`)
      const code = await this.#server?.kill('SIGTERM')
      if (code !== 0) this.#ledger.fail('brokerError', `the last stop ended with code ${code}`)
    } finally {
      this.#registry.end()
      for (const { client } of [...this.#publishers, ...this.#subscribers]) client.cut()
      await this.#server?.kill('SIGKILL')
    }
    return {
      ledger: this.#ledger,
      kills: this.#kills,
      killsDuringStart: this.#killsDuringStart,
      freezes: this.#freezes,
      fills: this.#fills,
      startsWhenFull: this.#startsWhenFull,
      resumedMs: this.#resumedMs,
      startsMs: this.#startsMs,
      registryWrites: this.#registry.confirmed,
      wills: this.#wills.length,
    }
  }

  // ----------------------------------------------------------------------------------------------- the broker

  #spawn(): Server {
    const flags = ['--apply', this.#template, '--mqtt-tcp-identity', 'device', '--handshake-rate-per-address', '0']
    return Server.spawn({
      dataDirectory: this.#dataDirectory,
      readyFile: this.#readyFile,
      flags: [...flags, '--handshake-rate', '0'],
    })
  }

  async #start(): Promise<void> {
    const server = this.#spawn()
    this.#server = server
    if (!(await server.isReady(this.#readyFile))) {
      this.#ledger.fail('failedStart', server.errors)
      await server.kill('SIGKILL')
      throw new Error(`the broker does not start: ${server.errors}`)
    }
    this.#startsMs.push(server.startedInMs)
    this.#port = server.ready?.mqttTcp?.port ?? 0
  }

  async #killAndRestart(): Promise<void> {
    const server = this.#server as Server
    await server.kill('SIGKILL')
    this.#kills++
    this.#lookAtErrors(server)
    // Now and then it dies again while it starts.
    while (this.#random() < 0.2) {
      const again = this.#spawn()
      await sleep(this.#random() * 600)
      await again.kill('SIGKILL')
      this.#killsDuringStart++
    }
    await this.#start()
  }

  /** A broker that is killed has no reason to complain about anything before. */
  #lookAtErrors(server: Server): void {
    const lines = server.errors.split('\n').filter((line) => {
      if (line === '' || line.startsWith('{"level":"warn"')) return false
      return this.#options.disk === null || !saysOfFullDisk.has(eventOf(line))
    })
    if (lines.length > 0) this.#ledger.fail('brokerError', lines.slice(0, 3).join('\n'))
  }

  // ----------------------------------------------------------------------------------------------- one round

  async #playRound(): Promise<void> {
    const { freeze, disk } = this.#options
    this.#isPublishing = true
    const stopHabits = this.#startHabits()
    await this.#connectAll()
    await this.#checkRegistry()
    await this.#checkRetained()
    const willClient = this.#leaveWill()
    const registering = this.#registry.write(`c${this.#round}`)
    await sleep(20 + this.#random() * 700)
    if (this.#round === 1) await this.#hasBegun()
    if (freeze && this.#random() < 0.8) {
      this.#freezes++
      this.#server?.signal('SIGSTOP')
      await sleep(20 + this.#random() * 3_000)
      this.#server?.signal('SIGCONT')
      await sleep(this.#random() * 400)
    }
    if (disk !== null && this.#random() < 0.8) await this.#fillDisk(disk)
    this.#isPublishing = false
    stopHabits()
    await this.#killAndRestart()
    ;(await willClient)?.cut()
    await registering
  }

  /** Every kind of work was done once before the first kill, however slow the machine is. */
  async #hasBegun(): Promise<void> {
    const patience = new Patience(() => this.#server?.pid ?? -1)
    while (this.#registry.confirmed === 0 && patience.spentMs() < arrivalBoundMs) await sleep(20)
  }

  /** Somebody else takes all the room, sometimes the broker dies without any, and then there is room again. */
  async #fillDisk(disk: SmallDisk): Promise<void> {
    this.#fills++
    disk.fill(this.#random() < 0.5 ? 0 : Math.floor(this.#random() * 2 ** 20))
    await sleep(100 + this.#random() * 1_500)
    if (this.#random() < 0.4) {
      await this.#killAndRestart()
      this.#startsWhenFull++
      await this.#connectAll()
      await sleep(this.#random() * 500)
    }
    disk.clear()
    const clearedAt = performance.now()
    const patience = new Patience(() => this.#server?.pid ?? -1)
    this.#acceptedAt = 0
    while (this.#acceptedAt === 0 && patience.spentMs() < resumeBoundMs) {
      for (const role of this.#publishers) if (!role.client.isConnected) await this.#connectPublisher(role)
      await sleep(20)
    }
    if (this.#acceptedAt === 0)
      this.#ledger.fail('notResumed', `nothing is acknowledged ${resumeBoundMs} ms after there was room again`)
    else this.#resumedMs.push(this.#acceptedAt - clearedAt)
  }

  async #connectAll(): Promise<void> {
    await Promise.all([
      ...this.#publishers.map((role) => this.#connectPublisher(role)),
      ...this.#subscribers.map((role) => {
        const stays = role.habit === 'mostlyOffline' && this.#random() < 0.75
        return stays ? role.client.cut() : this.#connectSubscriber(role)
      }),
    ])
  }

  async #connectPublisher(role: PublisherRole): Promise<void> {
    if (await role.client.connect(this.#port)) this.#fill(role)
  }

  async #connectSubscriber(role: SubscriberRole): Promise<void> {
    if (!(await role.client.connect(this.#port)) || role.isSubscribed) return
    const granted = await role.client.subscribe([{ topicFilter: role.topicFilter, qos: role.receiver.maximumQoS }])
    if (!granted) throw new Error(`${role.client.options.clientId} could not subscribe`)
    role.isSubscribed = true
  }

  #fill({ client, flows }: PublisherRole): void {
    while (this.#isPublishing && client.isConnected && client.underWay < window) {
      const { flow, retain } = flows[Math.floor(this.#random() * flows.length)] as (typeof flows)[number]
      client.publish(this.#ledger.write(flow, 40 + Math.floor(this.#random() ** 4 * 4_000), retain))
    }
  }

  /** Connections that break by themselves while the round goes on. */
  #startHabits(): () => void {
    const timers = [
      ...this.#publishers.flatMap((role) =>
        role.isFlaky ? [this.#every(300, () => void this.#connectPublisher(role))] : [],
      ),
      ...this.#subscribers.flatMap((role) => {
        if (role.habit !== 'flaky') return []
        return [
          this.#every(400, () => {
            if (this.#random() < 0.5) role.client.cut()
            else void this.#connectSubscriber(role)
          }),
        ]
      }),
    ]
    return () => {
      for (const timer of timers) clearInterval(timer)
    }
  }

  #every(averageMs: number, work: () => void): NodeJS.Timeout {
    return setInterval(work, averageMs * (0.5 + this.#random()))
  }

  // ----------------------------------------------------------------------------------------------- wills

  /** A client that will not be able to say goodbye. Resolves when its will is the broker's to keep. */
  async #leaveWill(): Promise<DurableClient | null> {
    const topicName = `wills/${this.#round}`
    const will = { topicName, payload: Buffer.from('gone'), qos: 2, retain: false, properties: {} } as const
    const options = { clientId: `will-${this.#round}`, version: 5, keepsSession: false, receiveMaximum: 10 } as const
    const handler = { onMessage: () => {}, onAnswer: () => {}, onSessionLost: () => {}, onGone: () => {} }
    const client = new DurableClient({ ...options, will }, handler)
    if (!(await client.connect(this.#port))) return null
    this.#wills.push({ topicName, count: 0 })
    return client
  }

  #onWill(receiver: Receiver, topicName: string): void {
    if (receiver.name !== 'fast5') return
    const will = this.#wills.find((known) => known.topicName === topicName)
    if (will === undefined) return
    will.count++
    if (will.count > 1) this.#ledger.fail('duplicate', `the will ${topicName} came ${will.count} times`)
  }

  // ----------------------------------------------------------------------------------------------- what must hold

  /** What was confirmed since the last look is there. */
  async #checkRegistry(): Promise<void> {
    for (const missing of await this.#registry.missing()) this.#ledger.fail('registryLost', missing)
  }

  /** The retained message is the last acknowledged one, or a later one. */
  async #checkRetained(): Promise<void> {
    const accepted = this.#retainedAccepted
    if (accepted < 0) return
    let found = -1
    let client: DurableClient | null = null
    const handler = {
      onMessage: ({ payload }: { readonly payload: Uint8Array }) => {
        found = Math.max(found, numberOf(payload))
      },
      onAnswer: () => {},
      onSessionLost: () => {},
      onGone: () => {},
    }
    client = new DurableClient({ clientId: 'probe', version: 5, keepsSession: false, receiveMaximum: 100 }, handler)
    if (!(await client.connect(this.#port))) return
    await client.subscribe([{ topicFilter: 'state/#', qos: 1 }])
    for (let i = 0; i < 100 && found < 0; i++) await sleep(10)
    client.leave()
    if (found < accepted)
      this.#ledger.fail('retainedLost', `the retained message is ${found}, acknowledged was ${accepted}`)
  }

  async #waitForLate(isComplete: () => boolean): Promise<void> {
    const from = performance.now()
    while (!isComplete() && performance.now() - from < lateBoundMs) await sleep(100)
    const seconds = Math.round((performance.now() - from) / 1_000)
    if (isComplete()) this.#ledger.fail('late', `everything came, ${seconds} s after the bound`)
  }

  /** Everybody connects, publishers finish what they began, and everything acknowledged arrives. */
  async #check(): Promise<void> {
    for (const { client } of this.#subscribers) client.isHurried = true
    await Promise.all([
      ...this.#publishers.map((role) => this.#connectPublisher(role)),
      ...this.#subscribers.map((role) => this.#connectSubscriber(role)),
    ])
    let arrived = -1
    const patience = new Patience(() => this.#server?.pid ?? -1)
    const isComplete = (): boolean =>
      this.#publishers.every(({ client }) => client.underWay === 0) &&
      this.#ledger.receivers.every((receiver) => this.#ledger.missing(receiver) === 0) &&
      this.#wills.every(({ count }) => count > 0)
    // However slow the machine is: what is lost is what nothing moves for any more.
    do {
      const { accepted, delivered } = this.#ledger
      const now = accepted + delivered + this.#wills.filter(({ count }) => count > 0).length
      if (now !== arrived) patience.restart()
      arrived = now
      await sleep(50)
    } while (!isComplete() && patience.spentMs() < arrivalBoundMs)
    if (!isComplete()) await this.#waitForLate(isComplete)
    for (const [i, { client }] of this.#publishers.entries()) {
      if (client.underWay > 0) this.#ledger.fail('lost', `publisher ${i}: ${client.underWay} are never acknowledged`)
    }
    this.#ledger.checkAllArrived()
    for (const will of this.#wills) {
      if (will.count > 0) continue
      this.#ledger.fail('willLost', `the will ${will.topicName} was never published`)
      will.count = 1
    }
    await this.#checkRegistry()
    for (const { client } of this.#subscribers) client.isHurried = false
    this.#options.tell(
      `round ${this.#round}: ${this.#ledger.accepted} acknowledged, ${this.#ledger.delivered} delivered, ` +
        `${this.#ledger.repeats} repeats (QoS 1), ${this.#registry.confirmed} registry writes, ${this.#ledger.refused} refused, ` +
        `${this.#ledger.violations.length} violations`,
    )
  }
}

/** Of a line of the log; empty: it is none. */
function eventOf(line: string): string {
  return /"event":"(\w+)"/.exec(line)?.[1] ?? ''
}

function numberOf(payload: Uint8Array): number {
  return Number(Buffer.from(payload).toString('latin1', 0, 64).split(' ')[1])
}
