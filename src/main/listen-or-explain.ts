import { flagOf, type SettingName } from '../config.ts'
import { ownerOfPort } from './port-owner.ts'
import { codeOf, reasonOf, StartError } from './start-error.ts'

/**
 * Opens a listener, or says in one line why it does not. A machine without IPv6 has no `::`; all its interfaces are
 * `0.0.0.0`.
 *
 * @throws StartError
 */
export async function listenOrExplain<Door>(
  name: SettingName,
  host: string,
  port: number,
  listen: (host: string) => Promise<Door>,
): Promise<Door> {
  try {
    return await listen(host)
  } catch (error) {
    const code = codeOf(error)
    if (host === '::' && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL')) {
      return listenOrExplain(name, '0.0.0.0', port, listen)
    }
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    if (code === 'EADDRINUSE') {
      throw new StartError([`${flagOf(name)} ${address}: ${portTaken(name, host, port)}`])
    }
    if (code === 'EACCES') {
      throw new StartError([`${flagOf(name)} ${address}: this user may not open the port; choose one above 1023`])
    }
    throw new StartError([`${flagOf(name)} ${address}: ${reasonOf(error)}`], error)
  }
}

/** Whose it is, as far as this machine tells, and the two ways out. */
function portTaken(name: SettingName, host: string, port: number): string {
  const owner = ownerOfPort(port)
  const whose =
    owner === null
      ? 'the port is taken, often by another MQTT broker or a Sealgate that still runs'
      : owner.pid === process.pid
        ? 'the port is taken by another listener of this process'
        : `the port is taken by ${owner.program} (process ${owner.pid})`
  return `${whose}; end that, or listen elsewhere: ${flagOf(name)} ${host.includes(':') ? `[${host}]` : host}:0 takes any free port`
}
