import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeviceKind, Material } from '../certificates.ts'
import type { ApiTarget } from '../load/job.ts'

export interface StartOptions {
  /** Empty folder for configuration and data. */
  readonly folder: string
  readonly material: Material
  /** The devices of this run; their CA judges them. */
  readonly devices: DeviceKind
  /** Of `Case`; for brokers that have such a thing. */
  readonly rights: 'one' | 'many'
  readonly setting: Setting
  /** Command that pins what follows it to the broker's core; empty when nothing can be pinned. */
  readonly pin: readonly string[]
  readonly nodeOptions: readonly string[]
}

export interface RunningBroker {
  readonly pid: number
  readonly tcpPort: number
  readonly tlsPort: number
  /** Absent: it has no management API. */
  readonly api?: ApiTarget
  /** The end of what it wrote to standard error. */
  errors(): string
  /** Ends the process that was started, politely, then by force. */
  stop(): Promise<void>
}

/** A setting that a peer is measured with; the better one counts. */
export interface Setting {
  readonly label: string
  readonly noDelay: boolean
}

export interface Driver {
  readonly name: string
  readonly settings: readonly Setting[]
  /** Its code was compiled before it runs, so that it is warm at once. */
  readonly isCompiled: boolean
  /** Version as the broker names it; null when it is not on this machine. */
  version(): Promise<string | null>
  start(options: StartOptions): Promise<RunningBroker>
}

export const noDelayOn: Setting = { label: 'TCP_NODELAY on', noDelay: true }
export const noDelayOff: Setting = { label: 'TCP_NODELAY off', noDelay: false }

export interface Child {
  readonly process: ChildProcess
  readonly pid: number
  /** What it wrote last to standard error. */
  errors(): string
  stop(): Promise<void>
}

/** Standard error goes to a file, so that reading it takes no time of anybody's core. */
export function startChild({ pin, folder }: StartOptions, command: string, args: readonly string[]): Child {
  const [program, ...rest] = [...pin, command, ...args]
  const log = join(folder, 'stderr.log')
  const descriptor = openSync(log, 'w')
  const child = spawn(program!, rest, { stdio: ['ignore', 'ignore', descriptor] })
  closeSync(descriptor)
  let failure = ''
  child.on('error', (error) => {
    failure = error.message
  })
  // A run that is ended leaves no broker behind.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  const gone = once(child, 'close').then(
    () => process.off('exit', end),
    () => {},
  )
  return {
    process: child,
    pid: child.pid ?? -1,
    errors: () => (failure === '' ? readFileSync(log, 'utf8').trim().slice(-2_000) : failure),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const cut = setTimeout(() => child.kill('SIGKILL'), 12_000)
      await gone
      clearTimeout(cut)
    },
  }
}

/** Calls `ready` every 50 ms until it returns something; fails when the child ends first or takes more than 20 s. */
export async function waitFor<T>(child: Child, ready: () => Promise<T | null> | T | null): Promise<T> {
  for (let i = 0; i < 400; i++) {
    const value = await ready()
    if (value !== null) return value
    if (child.process.exitCode !== null || child.pid === -1) throw new Error(`did not start: ${child.errors()}`)
    await sleep(50)
  }
  await child.stop()
  throw new Error(`not ready after 20 s: ${child.errors()}`)
}

export function accepts(port: number): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(null))
    socket.once('connect', () => socket.destroy())
  })
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

export function caOf({ material, devices }: StartOptions): string {
  return material.devices[devices].caCertificate
}
