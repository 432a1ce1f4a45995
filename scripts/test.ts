import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

/**
 * Runs the tests: `npm test`, or `npm test -- mqtt x509/path` for the files whose path holds one of the words.
 * Node's own runner is green when it finds nothing; this is not. Nothing is forced to exit: a test that leaves a
 * socket or a timer behind holds its file open, and the run fails at the bound below instead of hiding the leak. Many files
 * wait more than they compute, so as many run at once as there are processors; the runner itself would leave one idle.
 */
const root = join(import.meta.dirname, '..')
const boundMs = 20 * 60_000
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const options = process.argv.slice(2).filter((word) => word.startsWith('--'))
const files = globSync('test/**/*.test.ts', { cwd: root })
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort()

if (files.length === 0) {
  console.error(words.length === 0 ? 'no test file found' : `no test file matches: ${words.join(', ')}`)
  process.exit(1)
}

const concurrency = `--test-concurrency=${availableParallelism()}`
const runner = spawn(process.execPath, ['--test', concurrency, ...options, ...files], { cwd: root, stdio: 'inherit' })
const bound = setTimeout(() => {
  console.error(`the tests did not end within ${boundMs / 60_000} minutes; a test may have left a handle open`)
  runner.kill('SIGKILL')
}, boundMs)
runner.on('exit', (code) => {
  clearTimeout(bound)
  process.exit(code ?? 1)
})
