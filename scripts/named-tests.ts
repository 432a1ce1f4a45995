import { globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'

/** One test whose name holds the ids of normative statements. */
export interface NamedTest {
  readonly file: string
  readonly name: string
  /** `MQTT-3.1.0-2`, `MQTT311-3.1.0-2` */
  readonly ids: readonly string[]
  readonly passed: boolean
}

/**
 * Runs the files that name a statement, and those of test/conformance, which put their names together. A test that fails
 * counts whatever its name: it may have kept a named one from running.
 */
export async function runNamedTests(root: string): Promise<readonly NamedTest[]> {
  const files = globSync('test/**/*.test.ts', { cwd: root })
    .filter((file) => file.includes('conformance') || readFileSync(join(root, file), 'utf8').includes('[MQTT'))
    .sort()
  const found = new Map<string, readonly NamedTest[]>()
  const waiting = [...files]
  // A run of its own for each file: a test made by a helper says that it stands in the helper's file.
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift())
      found.set(file, await runFile(root, file))
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work))
  return files.flatMap((file) => found.get(file) ?? [])
}

async function runFile(root: string, file: string): Promise<readonly NamedTest[]> {
  const tests: NamedTest[] = []
  for await (const { type, data } of run({ files: [join(root, file)], cwd: root })) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    if (data.skip !== undefined || data.todo !== undefined) continue
    const ids = idsIn(data.name)
    if (ids.length > 0 || type === 'test:fail') tests.push({ file, name: data.name, ids, passed: type === 'test:pass' })
  }
  return tests
}

/** `[MQTT-4.3.3-1] to [MQTT-4.3.3-6]` names all six. */
export function idsIn(name: string): readonly string[] {
  const pattern = /\[(MQTT(?:311)?-[^\]]*?-)(\d+)\](?: to \[\1(\d+)\])?/g
  return [...name.matchAll(pattern)].flatMap(([, start, first, last = first]) =>
    Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => `${start}${Number(first) + i}`),
  )
}
