import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { accepts, caOf, type Driver, freePort, noDelayOff, noDelayOn, startChild, waitFor } from './driver.ts'

export const flashmq: Driver = {
  name: 'FlashMQ',
  settings: [noDelayOn, noDelayOff],
  isCompiled: true,

  async version() {
    try {
      const text = execFileSync('flashmq', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? 'unknown'
    } catch {
      return null
    }
  },

  async start(options) {
    const { folder, material, setting } = options
    const [tcpPort, tlsPort] = [await freePort(), await freePort()]
    const storage = join(folder, 'storage')
    mkdirSync(storage)
    const listen = (port: number, lines: readonly string[]) =>
      ['listen {', '  protocol mqtt', `  port ${port}`, '  inet_protocol ip4', '  inet4_bind_address 127.0.0.1']
        .concat(`  tcp_nodelay ${setting.noDelay}`, '  allow_anonymous true', ...lines.map((line) => `  ${line}`), '}')
        .join('\n')
    const config = join(folder, 'flashmq.conf')
    const tls = [
      `fullchain ${material.serverCertificate}`,
      `privkey ${material.serverKey}`,
      `client_verification_ca_file ${caOf(options)}`,
    ]
    const common = ['thread_count 1', 'log_level error', `storage_dir ${storage}`]
    writeFileSync(config, `${[...common, listen(tcpPort, []), listen(tlsPort, tls)].join('\n')}\n`)
    const child = startChild(options, 'flashmq', ['--config-file', config])
    await waitFor(child, () => accepts(tlsPort))
    return { pid: child.pid, tcpPort, tlsPort, errors: child.errors, stop: child.stop }
  },
}
