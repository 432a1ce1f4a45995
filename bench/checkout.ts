import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Puts the source of a commit into a folder of its own, with the dependencies that are installed here. */
export function checkOut(commit: string, folder: string): string {
  const root = join(import.meta.dirname, '..')
  mkdirSync(folder, { recursive: true })
  const archive = join(folder, 'source.tar')
  execFileSync('git', ['archive', '--output', archive, commit, 'src', 'bin', 'package.json'], { cwd: root })
  execFileSync('tar', ['-xf', archive, '-C', folder])
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}
