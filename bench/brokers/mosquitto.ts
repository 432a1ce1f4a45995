import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { accepts, caOf, type Driver, freePort, noDelayOff, noDelayOn, startChild, waitFor } from './driver.ts'

function runs(program: string): string | null {
  try {
    return execFileSync(program, ['-h'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch (error) {
    // `-h` prints the version and exits with 3.
    const { stdout } = error as { stdout?: string | null }
    return stdout === undefined || stdout === null || stdout === '' ? null : stdout
  }
}

/** Debian keeps it in sbin, which is not on every user's PATH. */
const programs = ['mosquitto', '/usr/sbin/mosquitto']

export const mosquitto: Driver = {
  name: 'mosquitto',
  settings: [noDelayOn, noDelayOff],
  isCompiled: true,

  async version() {
    for (const program of programs) {
      const version = /mosquitto version (\S+)/.exec(runs(program) ?? '')?.[1]
      if (version !== undefined) return version
    }
    return null
  },

  async start(options) {
    const { folder, material, setting } = options
    const [tcpPort, tlsPort] = [await freePort(), await freePort()]
    const lines = [
      'per_listener_settings true',
      `user ${process.getuid?.() === 0 ? 'root' : ''}`,
      'persistence false',
      'log_dest none',
      `set_tcp_nodelay ${setting.noDelay}`,
      // No limit that the others do not have: what is under way is limited by the generator.
      'max_inflight_messages 0',
      'max_queued_messages 0',
      `listener ${tcpPort} 127.0.0.1`,
      'allow_anonymous true',
      `listener ${tlsPort} 127.0.0.1`,
      'allow_anonymous false',
      `cafile ${caOf(options)}`,
      `certfile ${material.serverCertificate}`,
      `keyfile ${material.serverKey}`,
      'require_certificate true',
      'use_identity_as_username true',
    ]
    const config = join(folder, 'mosquitto.conf')
    writeFileSync(config, `${lines.filter((line) => line !== 'user ').join('\n')}\n`)
    const program = runs(programs[0]!) === null ? programs[1]! : programs[0]!
    const child = startChild(options, program, ['-c', config])
    await waitFor(child, () => accepts(tlsPort))
    return { pid: child.pid, tcpPort, tlsPort, errors: child.errors, stop: child.stop }
  },
}
