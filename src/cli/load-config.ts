import { readFileSync } from 'node:fs'
import { err, type Result } from '../base/result.ts'
import type { Config, Mode } from '../config.ts'
import { configFileOf, readConfig, type Sources } from './read-config.ts'

/** Settings from flags, environment and config file; the failure has one line per mistake. */
export async function loadConfig(
  mode: Mode,
  sources: Pick<Sources, 'flags' | 'environment' | 'workingDirectory'>,
): Promise<Result<Config, readonly string[]>> {
  const path = configFileOf(sources)
  if (path === null) return readConfig(mode, { ...sources, file: null })
  let content: unknown
  try {
    const text = readFileSync(path, 'utf8')
    // JSON is YAML too, and this reader refuses a key that stands twice.
    const { parse } = await import('yaml')
    content = parse(text, { logLevel: 'error' })
  } catch (error) {
    return err([`--config ${path}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`])
  }
  return readConfig(mode, { ...sources, file: { path, content } })
}
