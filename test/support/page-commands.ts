import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** Code blocks of a page that are for a shell, each with the heading that it stands under. */
export function shellBlocks(path: string): readonly { readonly heading: string; readonly text: string }[] {
  const blocks: { heading: string; text: string }[] = []
  let heading = ''
  for (const [whole, title, text] of readFileSync(join(root, path), 'utf8').matchAll(
    /^#{1,3} (.+)$|^```sh\n([\s\S]*?)^```$/gm,
  )) {
    if (text === undefined) heading = title ?? whole
    else blocks.push({ heading, text })
  }
  return blocks
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * A folder as a reader of the documentation has it: the examples beside them, and `npx sealgate` and `sealgate` are this
 * checkout. The system's programs come first, for Debian's python3-paho-mqtt is for the system's Python.
 */
export function readersShell(directory: string): (script: string) => Ran {
  const bin = join(directory, '.bin')
  mkdirSync(bin)
  const launcher = `exec '${process.execPath}' '${join(root, 'bin', 'sealgate.js')}' "$@"`
  writeFileSync(join(bin, 'sealgate'), `#!/bin/sh\n${launcher}\n`)
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nprogram=$1; shift\nexec "$program" "$@"\n`)
  for (const program of ['sealgate', 'npx']) chmodSync(join(bin, program), 0o755)
  for (const there of ['examples', 'node_modules'])
    if (!existsSync(join(directory, there))) symlinkSync(join(root, there), join(directory, there))
  const path = `${bin}:/usr/bin:/bin:${process.env['PATH']}`
  return (script) =>
    spawnSync('bash', ['-e', '-c', script], {
      cwd: directory,
      encoding: 'utf8',
      timeout: 120_000,
      env: { PATH: path, HOME: directory, PYTHONDONTWRITEBYTECODE: '1' },
    })
}
