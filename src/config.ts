import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * Every setting of the program in one table. A setting is a flag, an environment variable and a key of the config file,
 * in this order of precedence (`cli/read-config.ts`); docs/configuration.md is generated from here.
 */

export type Mode = 'dev' | 'serve'

export interface Endpoint {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
}

interface Common<T> {
  readonly description: string
  /** One value for both commands, or one for each. */
  readonly default: T | { readonly dev: T; readonly serve: T }
  /** How the default reads in the documentation where it is not the value itself. */
  readonly defaultText?: string
  /** Absent: both commands take it. */
  readonly only?: Mode
}

export type Setting =
  | (Common<string> & { readonly type: 'path' })
  | (Common<string | null> & { readonly type: 'optionalPath' | 'optionalText' | 'optionalUrl' })
  | (Common<string> & { readonly type: 'text'; readonly pattern: RegExp; readonly placeholder: string })
  | (Common<readonly string[]> & { readonly type: 'paths' | 'texts' })
  | (Common<boolean> & { readonly type: 'switch' })
  | (Common<Endpoint | null> & { readonly type: 'endpoint' })
  | (Common<number> & { readonly type: 'number'; readonly unit: string; readonly min: number; readonly max: number })
  | (Common<string> & { readonly type: 'choice'; readonly choices: readonly string[] })

const loopback = (port: number): { dev: Endpoint; serve: Endpoint } => ({
  dev: { host: '127.0.0.1', port },
  serve: { host: '::', port },
})

export const settings = {
  dataDir: {
    type: 'path',
    default: { dev: '.sealgate', serve: 'data' },
    description:
      'Directory of everything that outlives the process: made certificates, tokens, state. Made with mode 0700.',
  },
  config: {
    type: 'optionalPath',
    default: null,
    description: 'File with further settings, YAML or JSON: one key for each setting of this table.',
  },
  readyFile: {
    type: 'optionalPath',
    default: null,
    description:
      'Written in one step when every listener accepts, removed at stop: JSON with the process id, addresses and files. DATA/ready.json holds the same in any case.',
  },
  mqtts: {
    type: 'endpoint',
    default: loopback(8883),
    description: 'MQTT over TLS.',
  },
  wss: {
    type: 'endpoint',
    default: loopback(8444),
    description: 'MQTT over WebSocket, path `/mqtt`.',
  },
  https: {
    type: 'endpoint',
    default: loopback(8443),
    description: 'Management API, health, metrics.',
  },
  mqttTcp: {
    type: 'endpoint',
    default: null,
    description:
      'Plain MQTT, for tests and for proxies that end TLS. Whoever reaches it acts as the client of `--mqtt-tcp-identity`.',
  },
  mqttTcpIdentity: {
    type: 'optionalText',
    default: null,
    description: 'Resource name of the client that every connection of `--mqtt-tcp` acts as, in the default namespace.',
  },
  mqttTcpUnsafe: {
    type: 'switch',
    default: false,
    description: 'Lets `--mqtt-tcp` listen on an address that other machines reach.',
  },
  tlsCert: {
    type: 'optionalPath',
    default: null,
    description:
      'Your own server certificate, PEM, followed by its intermediates. Read again when it or its key changes. Without it one is made in DATA/tls.',
  },
  tlsKey: {
    type: 'optionalPath',
    default: null,
    description: 'Private key of `--tls-cert`, PEM, not encrypted. Refused when other users can read it.',
  },
  tlsHosts: {
    type: 'optionalPath',
    default: null,
    defaultText: 'DATA/tls/hosts',
    description:
      'Directory of server certificates for single hosts: `HOST.pem`, followed by its intermediates, and `HOST.key`, for clients that ask for HOST. Files that come, change and go are followed; every other host gets the certificate above.',
  },
  serverName: {
    type: 'texts',
    default: ['localhost', '127.0.0.1', '::1', hostname()],
    defaultText: '`localhost`, `127.0.0.1`, `::1` and the name of the machine',
    description: 'Name or address in the made server certificate.',
  },
  domain: {
    type: 'optionalText',
    default: null,
    description: "A namespace's host is `<namespace>.DOMAIN`; clients name it in TLS and so choose the namespace.",
  },
  defaultNamespace: {
    type: 'optionalText',
    default: null,
    defaultText: 'the only namespace, if there is just one',
    description: 'Namespace of clients that name no host or an unknown one.',
  },
  publicUrl: {
    type: 'optionalUrl',
    default: null,
    description: 'Base of absolute links in answers of the management API.',
  },
  apply: {
    type: 'paths',
    default: [],
    description: 'ARM template, JSON or YAML, applied before any listener accepts. An error in it stops the start.',
  },
  revocationList: {
    type: 'texts',
    default: [],
    description:
      'Revocation list that is read from a file, and again when the file changes: `NAME=FILE`, or `NAMESPACE/NAME=FILE` where there is more than one namespace.',
  },
  logLevel: {
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    description: 'Least severe level that is logged.',
  },
  subscriptionId: {
    type: 'text',
    pattern: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    placeholder: 'UUID',
    default: '00000000-0000-0000-0000-000000000000',
    description: 'Azure subscription id in resource ids.',
  },
  resourceGroup: {
    type: 'text',
    pattern: /^[-\w.()]{1,90}$/,
    placeholder: 'NAME',
    default: 'local',
    description: 'Resource group in resource ids.',
  },
  drainTimeout: {
    type: 'number',
    unit: 'seconds',
    min: 0,
    max: 10,
    default: 10,
    description: 'Longest time that a stop waits for what is under way. A second signal ends the process at once.',
  },
  handshakeTimeout: {
    type: 'number',
    unit: 'seconds',
    min: 1,
    max: 60,
    default: 10,
    description: 'Longest time that a TLS handshake may take.',
  },
  connectTimeout: {
    type: 'number',
    unit: 'seconds',
    min: 1,
    max: 60,
    default: 10,
    description: 'Longest time from a completed handshake to CONNECT, and of the headers of an HTTP request.',
  },
  handshakeRatePerAddress: {
    type: 'number',
    unit: 'per second',
    min: 0,
    max: 1_000_000,
    default: 500,
    description:
      'New connections per second of one IPv4 address or IPv6 /64, further ones are cut; and signatures verified per second to find certification paths for it. 0: no limit.',
  },
  handshakeBurstPerAddress: {
    type: 'number',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 5_000,
    description:
      'New connections that one address may open at once, and signatures verified for it, before its rate counts.',
  },
  handshakeRate: {
    type: 'number',
    unit: 'per second',
    min: 0,
    max: 1_000_000,
    default: 1_000,
    description: 'New connections per second of all addresses together. 0: no limit.',
  },
  handshakeBurst: {
    type: 'number',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 10_000,
    description: 'New connections of all addresses at once before the rate counts.',
  },
  maximumConnections: {
    type: 'number',
    unit: 'connections',
    min: 1,
    max: 10_000_000,
    default: 200_000,
    description: 'Open connections of one listener; further ones are cut.',
  },
  reset: {
    type: 'switch',
    default: false,
    only: 'dev',
    description: 'Wipes the data directory first, if `dev` made it.',
  },
  acceptClock: {
    type: 'switch',
    default: false,
    description: 'Starts although the clock is behind the time of the last run or the date of this build.',
  },
  adoptDevData: {
    type: 'switch',
    default: false,
    only: 'serve',
    description: 'Starts on a data directory that `sealgate dev` made, with its certificate authorities and clients.',
  },
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof settings

type ValueOf<S extends Setting> = S['type'] extends 'path' | 'text' | 'choice'
  ? S extends { readonly choices: readonly (infer C)[] }
    ? C
    : string
  : S['type'] extends 'optionalPath' | 'optionalText' | 'optionalUrl'
    ? string | null
    : S['type'] extends 'paths' | 'texts'
      ? readonly string[]
      : S['type'] extends 'switch'
        ? boolean
        : S['type'] extends 'endpoint'
          ? Endpoint | null
          : number

/** Paths in it are absolute. */
export type Config = { readonly mode: Mode } & {
  readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]>
}

export const settingNames = Object.keys(settings) as SettingName[]

export function flagOf(name: SettingName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

export function environmentVariableOf(name: SettingName): string {
  return `SEALGATE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** What stands for the value in usage texts; null for a switch. */
export function placeholderOf(setting: Setting): string | null {
  switch (setting.type) {
    case 'path':
      return 'DIR'
    case 'optionalPath':
    case 'paths':
      return 'FILE'
    case 'endpoint':
      return 'HOST:PORT'
    case 'number':
      return 'N'
    case 'text':
      return setting.placeholder
    case 'choice':
      return setting.choices.join('|')
    case 'optionalUrl':
      return 'URL'
    case 'switch':
      return null
    default:
      return 'NAME'
  }
}

export function isRepeatable(setting: Setting): boolean {
  return setting.type === 'paths' || setting.type === 'texts'
}

export function defaultOf(setting: Setting, mode: Mode): unknown {
  const value = setting.default
  if (value !== null && typeof value === 'object' && 'dev' in value) return value[mode]
  return value
}

/** From package.json, which stands beside `src` and `dist` alike. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
