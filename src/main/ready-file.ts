import { rmSync } from 'node:fs'
import type { Endpoint } from '../config.ts'
import { writeFileAtomically } from './files.ts'
import { reasonOf, StartError } from './start-error.ts'

/** What scripts learn of a running Sealgate. Extended, never renamed. */
export interface ReadyFile {
  readonly pid: number
  readonly version: string
  /** The default namespace; null when there are none or several and none is named. */
  readonly namespace: string | null
  /** Addresses as bound; null: no such listener. */
  readonly mqtts: Endpoint | null
  readonly wss: Endpoint | null
  readonly https: Endpoint | null
  readonly mqttTcp: Endpoint | null
  /** Certificate that verifies the made server certificate; null with `--tls-cert`. */
  readonly caFile: string | null
  readonly tokenFile: string
  readonly subscriptionId: string
  readonly resourceGroup: string
}

/** @throws StartError */
export function writeReadyFile(path: string, ready: ReadyFile): void {
  try {
    writeFileAtomically(path, `${JSON.stringify(ready, null, 2)}\n`, 0o644)
  } catch (error) {
    throw new StartError([`ready file ${path}: ${reasonOf(error)}`], error)
  }
}

/** @throws StartError when something else stands in its place */
export function removeReadyFile(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch (error) {
    throw new StartError([`ready file ${path}: ${reasonOf(error)}`], error)
  }
}
