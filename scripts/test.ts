import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Runs the tests: `npm test`, or `npm test -- mqtt x509/path` for the files whose path holds one of the words.
 * Node's own runner is green when it finds nothing; this is not.
 */
const root = join(import.meta.dirname, '..')
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const options = process.argv.slice(2).filter((word) => word.startsWith('--'))
const files = globSync('test/**/*.test.ts', { cwd: root })
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort()

if (files.length === 0) {
  console.error(words.length === 0 ? 'no test file found' : `no test file matches: ${words.join(', ')}`)
  process.exit(1)
}

const result = spawnSync(process.execPath, ['--test', '--test-force-exit', ...options, ...files], {
  cwd: root,
  stdio: 'inherit',
})
process.exit(result.status ?? 1)
