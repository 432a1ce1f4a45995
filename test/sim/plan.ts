import { Dice } from './dice.ts'
import { type DiskMode, diskModes } from './disk.ts'
import { deviceNames, type RegistryChange, registryChanges } from './rights.ts'

/** How far the loop goes on after an action: the next one may come in the same turn. */
export type Pause = 'none' | 'turn' | 'settle'

interface Step {
  readonly pause: Pause
  /** For what is decided inside the action, so that leaving others out does not change it. */
  readonly seed: number
}

/** What one client does. Whatever is not possible in its state does nothing. */
export const clientActions = [
  'connect',
  'connectClean',
  'write',
  'read',
  'acknowledge',
  'flow',
  'subscribe',
  'unsubscribe',
  'publish',
  'burst',
  'ping',
  'stall',
  'unstall',
  'lose',
  'close',
  'disconnect',
  'disconnectWithWill',
  'ghost',
  'impostor',
  'rude',
] as const
export type ClientAction = (typeof clientActions)[number]

export type Action =
  | (Step & { readonly kind: ClientAction; readonly client: number })
  | (Step & { readonly kind: 'everybody' })
  | (Step & { readonly kind: 'disk'; readonly mode: DiskMode; readonly delayMs: number })
  | (Step & { readonly kind: 'crash' })
  | (Step & {
      readonly kind: 'registry'
      readonly change: RegistryChange
      readonly device: number
      readonly namespace: number
    })
  | (Step & { readonly kind: 'time'; readonly ms: number })

/** How a run is set up, beside its actions. */
export interface Setup {
  readonly seed: number
  /** Per namespace. */
  readonly devices: number
  /** Queues so short that they overflow: then nothing is expected to arrive, all else holds. */
  readonly shortQueues: boolean
  readonly receiveMaximum: number
  readonly outboundInflight: number
  readonly hasFaults: boolean
  readonly hasCrashes: boolean
  readonly hasRegistryChanges: boolean
  readonly hasRudeness: boolean
  readonly isEventGrid: boolean
  /** Clients come back before the broker has missed them, and the process dies often: what is half done changes hands. */
  readonly isRestless: boolean
}

export interface Plan {
  readonly setup: Setup
  readonly actions: readonly Action[]
}

const weights: Readonly<Record<ClientAction, number>> = {
  connect: 10,
  connectClean: 2,
  write: 10,
  read: 10,
  acknowledge: 6,
  flow: 14,
  subscribe: 9,
  unsubscribe: 2,
  publish: 16,
  burst: 4,
  ping: 1,
  stall: 2,
  unstall: 3,
  lose: 4,
  close: 1,
  disconnect: 2,
  disconnectWithWill: 1,
  ghost: 2,
  impostor: 1,
  rude: 1,
}

/** Of a disk that is slow and does all it says. */
const slowModes: readonly DiskMode[] = ['slow', 'slow', 'lateAnswer', 'fine']

/** Everything about a run follows from its seed and the number of its actions. */
export function makePlan(seed: number, steps: number): Plan {
  const dice = new Dice(seed)
  const setup: Setup = {
    seed,
    devices: dice.between(2, deviceNames.length),
    shortQueues: dice.chance(0.1),
    receiveMaximum: dice.pick([2, 5, 20, 65_535]),
    outboundInflight: dice.pick([1, 3, 10, 4_096]),
    hasFaults: dice.chance(0.5),
    hasCrashes: dice.chance(0.35),
    hasRegistryChanges: dice.chance(0.35),
    hasRudeness: dice.chance(0.3),
    isEventGrid: dice.chance(0.15),
    isRestless: dice.chance(0.2),
  }
  const actions: Action[] = []
  for (let client = 0; client < setup.devices * 2; client++) {
    actions.push({ kind: 'connect', client, pause: 'none', seed: dice.next() })
    actions.push({ kind: 'subscribe', client, pause: 'none', seed: dice.next() })
  }
  while (actions.length < steps) actions.push(makeAction(setup, dice))
  return { setup, actions }
}

function makeAction(setup: Setup, dice: Dice): Action {
  const step: Step = { pause: dice.weighted({ none: 5, turn: 3, settle: 2 }), seed: dice.next() }
  const kind = dice.weighted({
    client: 100,
    everybody: 8,
    time: 5,
    disk: setup.isRestless ? 12 : setup.hasFaults ? 7 : 0,
    crash: setup.isRestless ? 6 : setup.hasCrashes ? 2 : 0,
    registry: setup.hasRegistryChanges ? 5 : 0,
  })
  switch (kind) {
    case 'everybody':
    case 'crash':
      return { ...step, kind }
    case 'time':
      return { ...step, kind, ms: dice.pick([1, 20, 60, 1_000, 3_000, 11_000, 70_000]) }
    case 'disk':
      return {
        ...step,
        kind,
        mode: dice.pick(setup.isRestless ? slowModes : ['fine', ...diskModes]),
        delayMs: dice.pick([1, 15, 400]),
      }
    case 'registry':
      return {
        ...step,
        kind,
        change: dice.pick(registryChanges),
        device: dice.between(0, setup.devices - 1),
        namespace: dice.between(0, 1),
      }
    case 'client': {
      const action = dice.weighted({
        ...weights,
        ...(setup.hasRudeness ? {} : { rude: 0 }),
        ...(setup.isRestless ? { connect: 30 } : {}),
      })
      return { ...step, kind: action, client: dice.between(0, setup.devices * 2 - 1) }
    }
  }
}

/** One line, for a failure that was made short. */
export function describeAction(action: Action): string {
  const pause = action.pause === 'none' ? '' : `, then ${action.pause}`
  switch (action.kind) {
    case 'everybody':
    case 'crash':
      return `${action.kind}${pause}`
    case 'time':
      return `time ${action.ms} ms${pause}`
    case 'disk':
      return `disk ${action.mode} ${action.delayMs} ms${pause}`
    case 'registry':
      return `registry ${action.change} ${deviceNames[action.device]} in namespace ${action.namespace}${pause}`
    default:
      return `client ${action.client} ${action.kind}${pause}`
  }
}
