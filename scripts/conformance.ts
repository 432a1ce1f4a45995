import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type NamedTest, runNamedTests } from './named-tests.ts'

/**
 * Writes docs/conformance.md: every normative statement of MQTT 5.0 and 3.1.1 with the tests that name it and how they
 * ended. The tests are run, so names that are made while they run count, and a test that fails is none. `--check` writes
 * nothing and fails when a statement that concerns a server has neither a test nor a reason, when a test fails or names
 * a statement that does not exist, or when the page is out of date. `--missing` prints what is missing.
 */
const root = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, missing: { type: 'boolean', default: false } },
})

interface Statement {
  readonly id: string
  readonly concerns: 'server' | 'client' | 'both'
  /** In our own words. */
  readonly statement: string
  /** Why there is no test. */
  readonly reason?: string
}

interface Standard {
  readonly title: string
  /** What stands before the id in the name of a test. */
  readonly prefix: string
  readonly statements: readonly Statement[]
}

const standards: readonly Standard[] = [
  { title: 'MQTT 5.0', prefix: 'MQTT', statements: read('mqtt-5.0') },
  { title: 'MQTT 3.1.1', prefix: 'MQTT311', statements: read('mqtt-3.1.1') },
]

const tests = await runNamedTests(root)
const faults = [...unknownIds(), ...tests.filter(({ passed }) => !passed).map(({ name }) => `fails: ${name}`)]
const missing = standards.flatMap(({ prefix, statements }) =>
  statements
    .filter((row) => row.concerns !== 'client' && row.reason === undefined && testsOf(prefix, row.id).length === 0)
    .map(({ id, statement }) => `[${prefix}-${id}] ${statement}`),
)
const page = makePage()
const path = join(root, 'docs/conformance.md')

if (values.missing) for (const line of missing) console.log(line)
if (values.check) {
  faults.push(...missing.map((line) => `neither a test nor a reason: ${line}`))
  if (!existsSync(path) || readFileSync(path, 'utf8') !== page) {
    faults.push('docs/conformance.md is out of date: npm run conformance')
  }
} else {
  writeFileSync(path, page)
}
for (const fault of faults) console.error(fault)
console.log(summary())
process.exit(faults.length > 0 ? 1 : 0)

function read(name: string): readonly Statement[] {
  return JSON.parse(readFileSync(join(root, 'docs/conformance', `${name}.json`), 'utf8')) as readonly Statement[]
}

function testsOf(prefix: string, id: string): readonly NamedTest[] {
  return tests.filter(({ ids }) => ids.includes(`${prefix}-${id}`))
}

function unknownIds(): string[] {
  const known = new Set(standards.flatMap(({ prefix, statements }) => statements.map(({ id }) => `${prefix}-${id}`)))
  return tests.flatMap(({ ids, file }) =>
    ids.filter((id) => !known.has(id)).map((id) => `${file}: no such statement [${id}]`),
  )
}

function verdictOf(prefix: string, { id, concerns, reason }: Statement): string {
  const named = testsOf(prefix, id)
  if (named.length > 0) return named.every(({ passed }) => passed) ? 'kept' : '**broken**'
  if (reason !== undefined) return 'not tested'
  return concerns === 'client' ? 'concerns clients' : '**missing**'
}

function summary(): string {
  return standards
    .map(({ title, prefix, statements }) => {
      const server = statements.filter(({ concerns }) => concerns !== 'client')
      const count = (verdict: string): number => server.filter((row) => verdictOf(prefix, row) === verdict).length
      const tested = count('kept')
      return `${title}: ${server.length} statements concern a server: ${tested} kept, ${count('**broken**')} broken, ${count('not tested')} with a reason, ${count('**missing**')} missing`
    })
    .join('\n')
}

function makePage(): string {
  const parts = standards.map(({ title, prefix, statements }) => {
    const rows = statements.map((row) => {
      const named = testsOf(prefix, row.id)
      const shown = named.slice(0, 3).map(({ name, file }) => `${withoutIds(name)} (\`${file}\`)`)
      if (named.length > shown.length) shown.push(`and ${named.length - shown.length} more`)
      const evidence = named.length > 0 ? shown.join('<br>') : (row.reason ?? '')
      return [`${prefix}-${row.id}`, row.statement, evidence, verdictOf(prefix, row)]
    })
    return `## ${title}\n\n${table(['statement', 'in our words', 'tests', 'verdict'], rows)}\n`
  })
  return `# Conformance

<!-- Made by \`npm run conformance\` from docs/conformance/*.json and the names of the tests. Do not edit. -->

The normative statements of both versions of the standard by their numbers, what each asks for in our own words, and the tests that
name it. "kept": every such test passes. "not tested": the reason stands in place of the tests. \`scripts/mutate.ts\` breaks the source on
purpose, a sample of rows at a time, and sees that the named test fails.

${summary().split('\n').join('  \n')}

${parts.join('\n')}`
}

function withoutIds(name: string): string {
  return name.replaceAll(/\[MQTT(?:311)?-[^\]]*\](?:,| to| and)?\s*/g, '').trim()
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => {
    const escaped = cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' '))
    return `| ${escaped.join(' | ')} |`
  }
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
