import { resolve } from 'node:path'
import { err, ok, type Result } from '../base/result.ts'
import {
  type Config,
  defaultOf,
  type Endpoint,
  environmentVariableOf,
  flagOf,
  isRepeatable,
  type Mode,
  type Setting,
  type SettingName,
  settingNames,
  settings,
} from '../config.ts'
import { clientVariables } from './rest/connection-options.ts'

/** What the outside gave, not yet judged: text from flags and environment, any value from the file. */
export interface Sources {
  /** By setting name; a list for repeated flags, `true` for switches. */
  readonly flags: Readonly<Record<string, unknown>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The parsed config file, and its path for messages; null: there is none. */
  readonly file: { readonly path: string; readonly content: unknown } | null
  /** Directory that relative paths start at, those in the file too. */
  readonly workingDirectory: string
}

/** `[::1]:8883`, `127.0.0.1:0`, `:8883` (all interfaces), `off`. */
export function parseEndpoint(text: string): Endpoint | null | undefined {
  if (text === 'off') return null
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/i.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  if (port > 65_535) return undefined
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' || host === '*' ? '::' : host, port }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** Where the config file is, which must be known before anything else is read. */
export function configFileOf(sources: Pick<Sources, 'flags' | 'environment' | 'workingDirectory'>): string | null {
  const given = sources.flags['config'] ?? sources.environment[environmentVariableOf('config')]
  return typeof given === 'string' && given !== '' ? resolve(sources.workingDirectory, given) : null
}

/** Collects every setting; the failure has one line per mistake. */
export function readConfig(mode: Mode, sources: Sources): Result<Config, readonly string[]> {
  const problems: string[] = []
  const collected: Record<string, unknown> = { mode }
  const fromFile = keysOf(sources.file, problems)
  for (const name of settingNames) {
    const setting: Setting = settings[name]
    const given = givenValue(name, setting, sources, fromFile)
    if (given === null) {
      collected[name] = absolute(setting, defaultOf(setting, mode), sources.workingDirectory)
      continue
    }
    if (setting.only !== undefined && setting.only !== mode) {
      problems.push(`${given.where}: only sealgate ${setting.only} takes it`)
      continue
    }
    const parsed = parseValue(setting, given.value)
    if (parsed.ok) collected[name] = absolute(setting, parsed.value, sources.workingDirectory)
    else problems.push(`${given.where}: ${parsed.error}`)
  }
  problems.push(...unknownVariables(sources.environment))
  if (problems.length > 0) return err(problems)

  const config = collected as unknown as Config
  const contradictions = contradictionsOf(config)
  return contradictions.length > 0 ? err(contradictions) : ok(config)
}

function keysOf(file: Sources['file'], problems: string[]): ReadonlyMap<string, unknown> {
  const keys = new Map<string, unknown>()
  if (file === null || file.content === null || file.content === undefined) return keys
  if (typeof file.content !== 'object' || Array.isArray(file.content)) {
    problems.push(`${file.path}: expected keys with values`)
    return keys
  }
  for (const [key, value] of Object.entries(file.content)) {
    if (key !== 'config' && Object.hasOwn(settings, key)) keys.set(key, value)
    else problems.push(`${file.path}: unknown key ${JSON.stringify(key)}`)
  }
  return keys
}

/** A mistyped variable would otherwise be a setting that silently never took effect. */
function unknownVariables(environment: Sources['environment']): string[] {
  const known = new Set<string>([...settingNames.map(environmentVariableOf), ...clientVariables])
  return Object.keys(environment)
    .filter((variable) => variable.startsWith('SEALGATE_') && !known.has(variable))
    .map((variable) => `${variable}: no such setting`)
}

function givenValue(
  name: SettingName,
  setting: Setting,
  sources: Sources,
  fromFile: ReadonlyMap<string, unknown>,
): { readonly where: string; readonly value: unknown } | null {
  const flag = sources.flags[name]
  if (flag !== undefined) return { where: flagOf(name), value: flag }
  const variable = environmentVariableOf(name)
  const text = sources.environment[variable]
  if (text !== undefined && text !== '') {
    return { where: variable, value: isRepeatable(setting) ? text.split(',').map((part) => part.trim()) : text }
  }
  if (fromFile.has(name)) return { where: `${sources.file?.path}: ${name}`, value: fromFile.get(name) }
  return null
}

function parseValue(setting: Setting, value: unknown): Result<unknown, string> {
  switch (setting.type) {
    case 'switch':
      if (value === true || value === 'true' || value === '1') return ok(true)
      if (value === false || value === 'false' || value === '0') return ok(false)
      return err('expected true or false')
    case 'paths':
    case 'texts': {
      const list = Array.isArray(value) ? value : [value]
      if (list.every((item) => typeof item === 'string' && item !== '')) return ok(list)
      return err('expected one or more texts')
    }
    case 'number': {
      const number = typeof value === 'number' ? value : /^\d{1,12}$/.test(String(value)) ? Number(value) : Number.NaN
      if (Number.isInteger(number) && number >= setting.min && number <= setting.max) return ok(number)
      return err(`expected a whole number of ${setting.unit}, ${setting.min} to ${setting.max}`)
    }
    case 'endpoint': {
      if (value === false) return ok(null)
      const endpoint = typeof value === 'string' ? parseEndpoint(value) : undefined
      return endpoint === undefined ? err('expected HOST:PORT, [IPV6]:PORT or off') : ok(endpoint)
    }
    case 'choice':
      if (setting.choices.includes(String(value))) return ok(String(value))
      return err(`expected one of ${setting.choices.join(', ')}`)
    case 'text':
      if (typeof value === 'string' && setting.pattern.test(value)) return ok(value)
      return err(`not a valid ${setting.placeholder}`)
    case 'optionalUrl':
      if (typeof value === 'string' && isHttpUrl(value)) return ok(value.replace(/\/+$/, ''))
      return err('expected a URL that begins with https://')
    default:
      return typeof value === 'string' && value !== '' ? ok(value) : err('expected a text')
  }
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'https:'
}

function absolute(setting: Setting, value: unknown, workingDirectory: string): unknown {
  switch (setting.type) {
    case 'path':
    case 'optionalPath':
      return typeof value === 'string' ? resolve(workingDirectory, value) : value
    case 'paths':
      return (value as readonly string[]).map((path) => resolve(workingDirectory, path))
    default:
      return value
  }
}

function contradictionsOf(config: Config): string[] {
  const problems: string[] = []
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    problems.push('--tls-cert and --tls-key belong together: give both or neither')
  }
  if (config.mqttTcp !== null && config.mqttTcpIdentity === null) {
    problems.push('--mqtt-tcp needs --mqtt-tcp-identity NAME: the registered client that its connections act as')
  }
  if (config.mqttTcp !== null && !config.mqttTcpUnsafe && !isLoopback(config.mqttTcp.host)) {
    problems.push(
      `--mqtt-tcp ${config.mqttTcp.host}: not a loopback address; anyone who reaches it acts as ${config.mqttTcpIdentity}. --mqtt-tcp-unsafe allows it`,
    )
  }
  const doors = [config.mqtts, config.wss, config.https, config.mqttTcp]
  if (doors.every((door) => door === null)) problems.push('every listener is off')
  const taken = new Set<number>()
  for (const door of doors) {
    if (door === null || door.port === 0) continue
    if (taken.has(door.port)) problems.push(`port ${door.port} is given to two listeners`)
    taken.add(door.port)
  }
  return problems
}
