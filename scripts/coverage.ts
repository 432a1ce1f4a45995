import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Branch coverage of src/mqtt and src/broker by the tests that run them in one process: `npm run coverage`. It fails when a
 * room is below 95 %, when a branch that no test takes has no reason in uncovered-branches.json, and when a reason there
 * speaks of a line that is not in the source any more. What is listed and was taken this time is only mentioned: which of
 * two timers fires first may differ from run to run.
 */
const root = join(import.meta.dirname, '..')
const rooms = ['mqtt', 'broker'] as const
const leastPercent = 95
const tests = ['test/{mqtt,broker,conformance,sim}/**/*.test.ts', 'test/durability/full-store.test.ts']

/** By reason: `broker/message/outbox.ts: if (this.#ended) return`. */
const reasons = JSON.parse(readFileSync(join(import.meta.dirname, 'uncovered-branches.json'), 'utf8')) as Readonly<
  Record<string, readonly string[]>
>

interface Branch {
  readonly file: string
  readonly line: number
  readonly isTaken: boolean
}

const branches = measure()
const faults: string[] = []
for (const room of rooms) {
  const own = branches.filter(({ file }) => file.startsWith(`${room}/`))
  const taken = own.filter(({ isTaken }) => isTaken).length
  const percent = own.length === 0 ? 0 : (100 * taken) / own.length
  console.log(`src/${room}: ${taken} of ${own.length} branches, ${percent.toFixed(2)} %`)
  if (percent < leastPercent) faults.push(`src/${room} is below ${leastPercent} %`)
}
const listed = new Set(Object.values(reasons).flat())
const open = new Set(branches.filter(({ isTaken }) => !isTaken).map(nameOf))
for (const name of open) if (!listed.has(name)) faults.push(`no test and no reason: ${name}`)
for (const name of listed) {
  if (!isInSource(name)) faults.push(`not in the source any more: ${name}`)
  else if (!open.has(name)) console.log(`listed, and taken this time: ${name}`)
}
for (const fault of faults) console.error(fault)
console.log(`${open.size} lines with a branch that no test takes, ${faults.length} faults`)
process.exitCode = faults.length > 0 ? 1 : 0

function measure(): readonly Branch[] {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-coverage-'))
  const report = join(directory, 'lcov')
  try {
    const { status } = spawnSync(
      process.execPath,
      [
        ...['--test', '--experimental-test-coverage', ...rooms.map((room) => `--test-coverage-include=src/${room}/**`)],
        ...['--test-reporter=lcov', `--test-reporter-destination=${report}`],
        ...['--test-reporter=dot', '--test-reporter-destination=stderr'],
        ...globSync(tests, { cwd: root }).sort(),
      ],
      { cwd: root, stdio: 'inherit' },
    )
    if (status !== 0) faults.push('a test fails')
    return parse(readFileSync(report, 'utf8'))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** `SF:<file>`, then `BRDA:<line>,<block>,<branch>,<count>` for each branch. */
function parse(lcov: string): readonly Branch[] {
  const found: Branch[] = []
  let file = ''
  for (const text of lcov.split('\n')) {
    if (text.startsWith('SF:')) file = text.slice(text.indexOf('src/') + 4)
    const branch = /^BRDA:(\d+),\d+,\d+,(\d+)$/.exec(text)
    if (branch !== null) found.push({ file, line: Number(branch[1]), isTaken: branch[2] !== '0' })
  }
  return found
}

function linesOf(file: string): readonly string[] {
  return readFileSync(join(root, 'src', file), 'utf8').split('\n')
}

function nameOf({ file, line }: Branch): string {
  return `${file}: ${linesOf(file)[line - 1]?.trim()}`
}

function isInSource(name: string): boolean {
  const [file = '', ...rest] = name.split(': ')
  const text = rest.join(': ')
  return globSync(join('src', file), { cwd: root }).length > 0 && linesOf(file).some((line) => line.trim() === text)
}
