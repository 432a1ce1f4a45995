import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mutation, mutations } from '../test/conformance/mutations.ts'
import { Dice } from '../test/sim/dice.ts'
import { type NamedTest, runNamedTests } from './named-tests.ts'

/**
 * Checks rows of docs/conformance.md by mutation: breaking the behaviour in a copy of the source must make a test fail
 * that names the statement. `--rows 30 --seed 1` draws the sample; `--row 5:3.1.0-2` takes one; `--all` takes every row.
 * `--find` only checks that every edit still finds its place.
 */
const root = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rows: { type: 'string', default: '30' },
    row: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
    find: { type: 'boolean', default: false },
  },
})

interface Row {
  /** `[MQTT-3.1.0-2]` */
  readonly id: string
  readonly mutation: Mutation
}

const lost = mutations.flatMap(({ edits, breaks }) =>
  edits
    .filter(({ file, find }) => readFileSync(join(root, file), 'utf8').split(find).length !== 2)
    .map(({ file, find }) => `${breaks}: not exactly once in ${file}: ${find}`),
)
for (const line of lost) console.error(line)
if (values.find || lost.length > 0) {
  console.log(`${mutations.length} mutations, ${lost.length} edits without a place`)
  process.exit(lost.length > 0 ? 1 : 0)
}

const rows = drawn(rowsOf(mutations))
const copy = mkdtempSync(join(tmpdir(), 'sealgate-mutate-'))
try {
  for (const name of ['src', 'test', 'docs', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const tests = (await runNamedTests(copy)).filter(({ passed }) => passed)
  const table: string[][] = []
  for (const row of rows) table.push(judge(row, tests))
  print(table)
  const survived = table.filter(([, , verdict]) => verdict !== 'fails')
  console.log(`\n${table.length} rows, ${table.length - survived.length} caught, ${survived.length} not`)
  process.exitCode = survived.length > 0 ? 1 : 0
} finally {
  rmSync(copy, { recursive: true, force: true })
}

function rowsOf(all: readonly Mutation[]): readonly Row[] {
  return all.flatMap((mutation) =>
    mutation.breaks.split(' ').map((id) => ({
      id: `[${id.startsWith('5:') ? 'MQTT' : 'MQTT311'}-${id.slice(2)}]`,
      mutation,
    })),
  )
}

function drawn(all: readonly Row[]): readonly Row[] {
  if (values.all) return all
  if (values.row !== undefined) {
    const wanted = values.row
    return all.filter(({ mutation, id }) =>
      wanted.some(
        (row) => row === id || (mutation.breaks.split(' ').includes(row) && id.endsWith(`-${row.slice(2)}]`)),
      ),
    )
  }
  const dice = new Dice(Number(values.seed))
  const left = [...all]
  const sample: Row[] = []
  while (sample.length < Number(values.rows) && left.length > 0) {
    sample.push(...left.splice(dice.between(0, left.length - 1), 1))
  }
  return sample
}

function judge({ id, mutation }: Row, all: readonly NamedTest[]): string[] {
  const tests = all.filter(({ ids }) => ids.includes(id.slice(1, -1)))
  const where = mutation.edits.map(({ file }) => file).join(', ')
  if (tests.length === 0) return [id, where, 'no test', '']
  const before = new Map(mutation.edits.map(({ file }) => [file, readFileSync(join(copy, file), 'utf8')]))
  for (const { file, find, replace } of mutation.edits) {
    writeFileSync(
      join(copy, file),
      readFileSync(join(copy, file), 'utf8').replace(find, () => replace),
    )
  }
  const pattern = `^(${tests.map(({ name }) => escaped(name)).join('|')})$`
  const files = [...new Set(tests.map(({ file }) => file))]
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter', 'tap', '--test-timeout', '20000', '--test-name-pattern', `/${pattern}/`, ...files],
    { cwd: copy, encoding: 'utf8', timeout: 120_000 },
  )
  for (const [file, text] of before) writeFileSync(join(copy, file), text)
  const failed = stdout
    .split('\n')
    .find((line) => line.includes('not ok') && line.includes(id.slice(0, -1).replace('[', '')))
  const verdict = status === 0 ? 'SURVIVES' : 'fails'
  return [id, where, verdict, failed?.replace(/^\s*not ok \d+ - /, '').slice(0, 100) ?? `${tests.length} tests`]
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}

function print(table: readonly (readonly string[])[]): void {
  console.log('| statement | broken in | named test | which |\n| --- | --- | --- | --- |')
  for (const cells of table) console.log(`| ${cells.join(' | ')} |`)
}
