import { createMemoryWorld, type MemoryWorld } from '../../src/adapters/memory/engine.ts'
import { type FakeClock, fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import { createEvents } from '../../src/adapters/node/events.ts'
import { unixMillis } from '../../src/base/time.ts'
import { type Broker, createBroker } from '../../src/broker/broker.ts'
import { defaultSettings } from '../../src/broker/core/settings.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { BrokerEvent } from '../../src/ports/events.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import { type LimitOverrides, profileTable } from '../../src/registry/profile.ts'
import type { ResourceChange } from '../../src/registry/registry.ts'
import type { RegistryView } from '../../src/registry/view.ts'
import { issue, newKey, noon } from '../auth/certificates.ts'
import { Disk, type DiskMode } from './disk.ts'
import type { Setup } from './plan.ts'
import { type DeviceName, deviceNames, type RegistryChange, SimNamespace } from './rights.ts'
import { Violation } from './violation.ts'

const node = 'n1' as NodeId
/** Both namespaces trust the same authority, which gave each device one certificate: the namespace is all that differs. */
const ca = issue({ subject: 'Sim CA', ca: true, key: newKey() })
const chains = new Map<DeviceName, readonly Uint8Array[]>(
  deviceNames.map((name) => [
    name,
    [issue({ subject: name, issuer: ca, key: newKey(), extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] }).der],
  ]),
)

export function chainOf(device: DeviceName): readonly Uint8Array[] {
  return chains.get(device) as readonly Uint8Array[]
}

function certificateOf(of: DeviceName | 'ca'): Uint8Array {
  return of === 'ca' ? ca.der : (chainOf(of)[0] as Uint8Array)
}

interface Process {
  readonly broker: Broker
  readonly disk: Disk
  isAlive: boolean
  onChange: (changes: readonly ResourceChange[]) => void
}

/** The broker with its store, its clock and its registry; its process may die and start again. */
export class World {
  readonly clock: FakeClock = fakeClock(unixMillis(noon * 1_000))
  readonly namespaces: readonly SimNamespace[]
  readonly setup: Setup
  #process: Process
  readonly #memory: MemoryWorld = createMemoryWorld()
  #starts = 0
  /** Writes have failed in this run. */
  hadFault = false
  #violation: Violation | null = null
  readonly trace: (line: string) => void

  constructor(setup: Setup, trace: (line: string) => void) {
    this.setup = setup
    this.trace = trace
    const profile = setup.isEventGrid ? 'event-grid' : 'full'
    this.namespaces = ['plant7', 'plant8'].map(
      (name) => new SimNamespace(name, profile, overridesOf(setup), certificateOf),
    )
    this.#process = this.#start()
  }

  get broker(): Broker {
    return this.#process.broker
  }

  get disk(): Disk {
    return this.#process.disk
  }

  get now(): number {
    return this.clock.clock.monotonicMs()
  }

  /** The store may think that somebody is connected who is not. */
  get isShaken(): boolean {
    return this.hadFault || this.#starts > 1
  }

  /** A queue that is too short ends its session. */
  get endsSessions(): boolean {
    return this.setup.shortQueues && this.setup.isEventGrid
  }

  /** Writes fail at the moment. */
  get isFaulty(): boolean {
    return this.disk.mode === 'refuse' || this.disk.mode === 'loseAnswer'
  }

  setDisk(mode: DiskMode, delayMs: number): void {
    if (mode === 'refuse' || mode === 'loseAnswer') this.hadFault = true
    this.disk.set(mode, delayMs)
  }

  /** The process dies with everything it had not written, and another one starts over the same store. */
  crash(): void {
    const old = this.#process
    old.isAlive = false
    old.disk.crash()
    this.#process = this.#start()
  }

  changeRegistry(namespace: SimNamespace, change: RegistryChange, device: DeviceName): boolean {
    const changes = namespace.apply(change, device)
    if (changes.length === 0) return false
    this.#process.onChange(changes.map((facts) => ({ ...facts, namespace: namespace.namespaceId }) as ResourceChange))
    return true
  }

  /** What went wrong inside the broker since the last look. */
  check(): void {
    if (this.#violation !== null) throw this.#violation
  }

  #start(): Process {
    const seed = this.setup.seed * 100 + ++this.#starts
    const process = { isAlive: true, onChange: () => {} } as unknown as { -readonly [K in keyof Process]: Process[K] }
    const clock = this.#clockOf(process)
    const events = createEvents({
      onFailure: ({ error }) => {
        throw error
      },
    })
    events.on(['bug', 'sessionEnded'], (event) => {
      if (process.isAlive) this.#onEvent(event)
    })
    const view: RegistryView = {
      namespaceByName: (name) => this.namespaces.find((namespace) => namespace.name === name.toLowerCase()),
      namespaceById: (id) => this.namespaces.find((namespace) => namespace.id === id),
      namespaces: () => this.namespaces,
    }
    process.disk = new Disk(this.#memory, node, clock)
    process.broker = createBroker({
      settings: {
        ...defaultSettings,
        nodeId: node,
        domain: 'test',
        refusalDelayMs: 0,
        reasonStrings: true,
        pathWork: manyPaths,
      },
      engine: process.disk.engine,
      registry: {
        view,
        onChange: (callback) => {
          process.onChange = callback
          return () => {}
        },
      },
      clock,
      random: seededRandom(seed),
      log: {
        write: (level, event, facts) => {
          if (level !== 'error' || !process.isAlive) return
          this.trace(`  log ${event} ${JSON.stringify(facts)}`)
          if (!this.hadFault) this.#fail('nothing fails while the store is fine', `${event} ${JSON.stringify(facts)}`)
        },
      },
      events,
    })
    return process
  }

  #onEvent(event: BrokerEvent): void {
    if (event.kind === 'sessionEnded') this.trace(`  session of ${event.clientId} ended: ${event.reason}`)
    if (event.kind !== 'bug') return
    const { error, where } = event
    this.#fail('no bug', `${where}: ${error instanceof Error ? error.stack : String(error)}`)
  }

  #fail(invariant: string, detail: string): void {
    this.#violation ??= new Violation(invariant, detail)
  }

  /** Timers and turns end with the process. */
  #clockOf(process: { readonly isAlive: boolean }): Clock {
    const { clock } = this.clock
    const alive = (callback: () => void) => () => {
      if (process.isAlive) callback()
    }
    return {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, alive(callback)),
      endOfTurn: (callback) => clock.endOfTurn(alive(callback)),
    }
  }
}

/** A rate would only cost time. */
const unlimited = Object.fromEntries(
  profileTable.filter(({ name }) => name.includes('PerSecond')).map(({ name }) => [name, null]),
) as LimitOverrides
const manyPaths = { perSourcePerSecond: 1e6, perSourceBurst: 1e6, perLeafPerSecond: 1e6, perLeafBurst: 1e6 }

/** Small enough that the bounds are met. */
function overridesOf(setup: Setup): LimitOverrides {
  return {
    receiveMaximum: setup.receiveMaximum,
    maximumOutboundInflightMessages: setup.outboundInflight,
    maximumOutboxBytes: 65_536,
    maximumQueuedMessages: setup.shortQueues ? 8 : 100_000,
    maximumQueuedBytes: 1 << 30,
    ...unlimited,
  }
}
