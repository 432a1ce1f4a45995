import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from './markdown.ts'

/** docs/event-grid-authentication.md, from the list of statements and the names of the tests that hold to them. */

interface Statement {
  /** `EGA-7`; never changes. */
  readonly id: string
  readonly says: string
  readonly here: 'same' | 'differs' | 'not here'
  readonly note?: string
}

interface Article {
  readonly page: string
  readonly statements: readonly Statement[]
}

export interface NamedByTest {
  readonly file: string
  readonly name: string
  readonly ids: readonly string[]
}

const root = join(import.meta.dirname, '..')

export function articles(): readonly Article[] {
  return JSON.parse(readFileSync(join(root, 'docs/conformance/event-grid-authentication.json'), 'utf8')) as Article[]
}

/** Tests whose name begins with ids; a name stands as a plain text where the test is declared. */
export function testsOf(text: string, file: string): readonly NamedByTest[] {
  return [...text.matchAll(/^test\(\s*(['"])((?:EGA-\d+ ?)+): (.*?)\1,/gm)].map(([, , ids = '', name = '']) => ({
    file,
    name,
    ids: ids.split(' '),
  }))
}

export function allTests(): readonly NamedByTest[] {
  return globSync('test/**/*.test.ts', { cwd: root })
    .sort()
    .flatMap((file) => testsOf(readFileSync(join(root, file), 'utf8'), file.replaceAll('\\', '/')))
}

/** What is wrong between statements and tests; empty: each statement has a test, each id that a test names is a statement. */
export function faults(all: readonly Article[], tests: readonly NamedByTest[]): readonly string[] {
  const ids = all.flatMap(({ statements }) => statements.map(({ id }) => id))
  const named = new Set(tests.flatMap((one) => one.ids))
  return [
    ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `${id} is there twice`),
    ...ids.filter((id) => !named.has(id)).map((id) => `${id} has no test`),
    ...[...named].filter((id) => !ids.includes(id)).map((id) => `a test names ${id}, which is no statement`),
  ]
}

export function eventGridAuthenticationPage(): string {
  const tests = allTests()
  const files = [...new Set(tests.map(({ file }) => file))]
  const sections = articles().map(({ page, statements }) => {
    const rows = statements.map(({ id, says, here, note }) => [
      id,
      says,
      note === undefined ? here : `${here}. ${note}`,
      tests
        .filter(({ ids }) => ids.includes(id))
        .map(({ name }) => name)
        .join('; '),
    ])
    return `## ${page}\n\n${table(['', 'what the article says', 'here', 'the test that shows it'], rows)}\n`
  })
  const all = articles().flatMap(({ statements }) => statements)
  const count = (here: Statement['here']): number => all.filter((statement) => statement.here === here).length
  return `# Azure's certificate authentication, statement by statement

<!-- Made by \`npm run docs\` from docs/conformance/event-grid-authentication.json and the names of tests. Do not edit. -->

What Microsoft's articles on client certificates of Event Grid namespaces say, in our words, beside what this broker does and the test
that shows it: ${all.length} statements, ${count('same')} the same, ${count('differs')} different on purpose, ${count('not here')} not offered. The tests
stand in ${files.map((file) => `[${file}](../${file})`).join(', ')}: a namespace of the profile \`event-grid\`, certificates made by openssl, MQTT
3.1.1 and 5.0, and the management API as Azure has it. A statement without a test, and a test that names no statement, fail the build.

What the articles leave open, and what was chosen there, stands in [known differences](profile.md).

${sections.join('\n')}`
}
