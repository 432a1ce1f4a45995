import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface PortOwner {
  readonly pid: number
  /** Name of its program, as the kernel has it. */
  readonly program: string
}

/**
 * Who listens on a TCP port of this machine, from Linux' /proc. Null: nobody, a process of another user, or not Linux.
 * For a message to a person; reads every process' descriptors, so for nothing else.
 */
export function ownerOfPort(port: number): PortOwner | null {
  try {
    const sockets = new Set(listeningInodes(port).map((inode) => `socket:[${inode}]`))
    if (sockets.size === 0) return null
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name) && holds(name, sockets)) {
        return { pid: Number(name), program: readFileSync(`/proc/${name}/comm`, 'utf8').trim() }
      }
    }
  } catch {
    // Not Linux, or a process that ended meanwhile.
  }
  return null
}

/** Of the rows in state 0A (LISTEN): `sl local_address rem_address st … uid timeout inode`, the port in hexadecimal. */
function listeningInodes(port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => local?.endsWith(suffix) === true && state === '0A')
      .map((cells) => cells[9] ?? ''),
  )
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      try {
        return sockets.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`))
      } catch {
        return false
      }
    })
  } catch {
    return false
  }
}
