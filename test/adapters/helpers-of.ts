import { readdirSync, readFileSync } from 'node:fs'

/** Process ids of the helpers that allocate for the file: shells that were given its path. What has ended has no command line. */
export function helpersOf(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [program, ...words] = argumentsOf(pid)
      return program === 'sh' && words.includes(path)
    })
}

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
