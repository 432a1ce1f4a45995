import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { caOf, type Driver, noDelayOff, noDelayOn, type StartOptions, startChild, waitFor } from './driver.ts'

/** What a peer that runs inside `node-peer-server.ts` is told. */
export interface NodePeerOptions {
  readonly peer: 'aedes' | 'bare'
  /** Entry point of the package; the bare server needs none. */
  readonly module: string | null
  readonly readyFile: string
  readonly noDelay: boolean
  readonly ca: string
  readonly certificate: string
  readonly key: string
}

export interface NodePeerReady {
  readonly tcpPort: number
  readonly tlsPort: number
}

async function startPeer(peer: NodePeerOptions['peer'], module: string | null, options: StartOptions) {
  const { folder, material, setting, nodeOptions } = options
  const readyFile = join(folder, 'ready.json')
  const told: NodePeerOptions = {
    peer,
    module,
    readyFile,
    noDelay: setting.noDelay,
    ca: caOf(options),
    certificate: material.serverCertificate,
    key: material.serverKey,
  }
  const script = join(import.meta.dirname, 'node-peer-server.ts')
  // As ours is started, see bin/sealgate.js: what both leave to V8 they leave alike.
  const settings = peer === 'bare' ? ['--max-semi-space-size=4', '--v8-pool-size=1'] : []
  if (peer === 'bare' && process.versions.v8.startsWith('13.')) {
    settings.push('--external-memory-accounted-in-global-limit')
  }
  const child = startChild(options, process.execPath, [...settings, ...nodeOptions, script, JSON.stringify(told)])
  const ready = await waitFor(child, () =>
    existsSync(readyFile) ? (JSON.parse(readFileSync(readyFile, 'utf8')) as NodePeerReady) : null,
  )
  return { pid: child.pid, ...ready, errors: child.errors, stop: child.stop }
}

/** aedes is found in this project or in the folder the bench is called from. */
function findAedes(): { entry: string; version: string } | null {
  for (const from of [import.meta.filename, join(process.cwd(), 'here.js')]) {
    try {
      const require = createRequire(from)
      const entry = require.resolve('aedes')
      const folder = entry.slice(
        0,
        entry.lastIndexOf(join('node_modules', 'aedes')) + join('node_modules', 'aedes').length,
      )
      const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
      return { entry, version }
    } catch {
      // Not here.
    }
  }
  return null
}

export const aedes: Driver = {
  name: 'aedes',
  settings: [noDelayOn, noDelayOff],
  isCompiled: false,
  version: async () => findAedes()?.version ?? null,
  start: (options) => startPeer('aedes', findAedes()?.entry ?? null, options),
}

/**
 * No broker: a Node TLS server with the options of our own listener, which answers whatever comes first with CONNACK and
 * looks at nothing, not even at the certificate. What a connection costs here, it costs in any program on Node.
 */
export const bareNode: Driver = {
  name: 'bare Node server',
  settings: [noDelayOn],
  isCompiled: false,
  version: async () => process.version,
  start: (options) => startPeer('bare', null, options),
}
