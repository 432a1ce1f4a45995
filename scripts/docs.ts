import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  defaultOf,
  environmentVariableOf,
  flagOf,
  isRepeatable,
  placeholderOf,
  type Setting,
  settingNames,
  settings,
} from '../src/config.ts'
import { cliPage } from './cli-page.ts'
import { codesPage } from './codes-page.ts'
import { eventGridAuthenticationPage } from './event-grid-authentication-page.ts'
import { managementApiPage } from './management-api-page.ts'
import { table } from './markdown.ts'
import { metricsPage } from './metrics-page.ts'
import { profilePage } from './profile-page.ts'

/**
 * Writes the pages that are made from the source: `npm run docs`. With `--check` nothing is written, and a page that
 * differs from its source fails.
 */
const root = join(import.meta.dirname, '..')
const check = process.argv.includes('--check')

const pages: Readonly<Record<string, () => string>> = {
  'docs/configuration.md': configurationPage,
  'docs/management-api.md': managementApiPage,
  'docs/cli.md': cliPage,
  'docs/profile.md': profilePage,
  'docs/codes/README.md': codesPage,
  'docs/metrics.md': metricsPage,
  'docs/event-grid-authentication.md': eventGridAuthenticationPage,
}

let stale = 0
for (const [path, page] of Object.entries(pages)) {
  const file = join(root, path)
  const text = page()
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  if (check) {
    console.error(`${path} differs from its source: npm run docs`)
    stale++
    continue
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  console.log(`${path} written`)
}
process.exit(stale > 0 ? 1 : 0)

function configurationPage(): string {
  const rows = settingNames.map((name) => {
    const setting: Setting = settings[name]
    const placeholder = placeholderOf(setting)
    const flag = placeholder === null ? flagOf(name) : `${flagOf(name)} ${placeholder}`
    const notes = [
      setting.description,
      ...(setting.type === 'number' ? [`${setting.min} to ${setting.max} ${setting.unit}.`] : []),
      ...(isRepeatable(setting) ? ['Repeatable.'] : []),
      ...(setting.only === undefined ? [] : [`Only \`sealgate ${setting.only}\`.`]),
    ].join(' ')
    return [
      `\`${flag}\``,
      `\`${environmentVariableOf(name)}\``,
      name === 'config' ? '–' : `\`${name}\``,
      defaultText(setting),
      notes,
    ]
  })
  return `# Configuration

<!-- Made by \`npm run docs\` from src/config.ts. Do not edit. -->

Every setting is a flag, an environment variable and a key of the config file (\`--config\`, YAML or JSON). A flag wins over the
environment, the environment over the file, the file over the default. Relative paths start at the working directory. A repeatable
flag is a list in the file and a comma-separated text in the environment. A mistake in any of them ends the start with exit code 2 and
one line for each.

An address is \`HOST:PORT\`, \`[IPV6]:PORT\`, \`:PORT\` for all interfaces, or \`off\`. Port 0 is any free port; the ready file says which.

${table(['flag', 'environment', 'file', 'default', 'meaning'], rows)}
`
}

function defaultText(setting: Setting): string {
  if (setting.defaultText !== undefined) return setting.defaultText
  const [dev, serve] = [shown(defaultOf(setting, 'dev')), shown(defaultOf(setting, 'serve'))]
  return dev === serve ? dev : `dev ${dev}, serve ${serve}`
}

function shown(value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return '–'
  if (typeof value === 'object' && 'port' in value && 'host' in value) {
    const host = String(value.host)
    return `\`${host.includes(':') ? `[${host}]` : host}:${value.port}\``
  }
  return `\`${String(value)}\``
}
