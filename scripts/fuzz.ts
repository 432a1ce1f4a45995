import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'

/** `npm run fuzz -- NAME [--seed N] [--runs N] …`: runs fuzz/NAME.ts; without a name, says which there are. */
const root = join(import.meta.dirname, '..')
const targets = globSync('fuzz/*.ts', { cwd: root }).map((file) => basename(file, '.ts'))
const [name, ...options] = process.argv.slice(2)

if (name === undefined || !targets.includes(name)) {
  console.error(`usage: npm run fuzz -- ${targets.sort().join('|')} [--seed N] [--runs N]`)
  process.exit(2)
}
const { status } = spawnSync(process.execPath, [join('fuzz', `${name}.ts`), ...options], {
  cwd: root,
  stdio: 'inherit',
})
process.exit(status ?? 1)
