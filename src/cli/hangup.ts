import { readFileSync } from 'node:fs'

const sighup = 1

/**
 * True when whoever started us asked that the end of the terminal shall not be ours (`nohup`): Node.js would overrule that
 * with a handler. Where it cannot be known (no /proc), the signal keeps its usual meaning, and the process ends.
 */
export function mayHandleHangup(): boolean {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
    return ignored !== undefined && (BigInt(`0x${ignored}`) & (1n << BigInt(sighup - 1))) === 0n
  } catch {
    return false
  }
}
