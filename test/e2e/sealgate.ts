import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'sealgate.js')

export interface LogEntry {
  readonly level: string
  readonly event: string
  readonly [fact: string]: unknown
}

interface Ready {
  readonly pid: number
  readonly namespace: string | null
  readonly mqtts: { readonly host: string; readonly port: number }
  readonly wss: { readonly host: string; readonly port: number } | null
  readonly https: { readonly host: string; readonly port: number } | null
  readonly mqttTcp: { readonly host: string; readonly port: number } | null
  readonly caFile: string
  readonly tokenFile: string
}

/** Sealgate as its users start it: the launcher in a process of its own. */
export class SealgateProcess {
  readonly child: ChildProcess
  /** Lines on stderr that were no log entries: what a person is told. */
  readonly complaints: string[] = []
  readonly stdout: string[] = []
  readonly ended: Promise<number | null>
  readonly #entries: LogEntry[] = []
  readonly #looking = new Set<() => void>()
  readonly #waiting = new Set<{ readonly matches: (entry: LogEntry) => boolean; resolve(entry: LogEntry): void }>()

  constructor(args: readonly string[], options: { readonly cwd?: string } = {}) {
    this.child = spawn(process.execPath, [launcher, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.stdout.push(line)
      for (const look of this.#looking) look()
    })
    createInterface({ input: this.child.stderr! }).on('line', (line) => this.#read(line))
    // `close`, not `exit`: by then all its output has been read.
    this.ended = new Promise((resolve) => this.child.once('close', (code) => resolve(code)))
  }

  #read(line: string): void {
    if (!line.startsWith('{')) {
      this.complaints.push(line)
      return
    }
    const entry = JSON.parse(line) as LogEntry
    this.#entries.push(entry)
    for (const waiting of this.#waiting) {
      if (!waiting.matches(entry)) continue
      this.#waiting.delete(waiting)
      waiting.resolve(entry)
    }
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  /** The first log entry, past or to come, that fits. Fails when the process ends without it. */
  entry(matches: (entry: LogEntry) => boolean): Promise<LogEntry> {
    const there = this.#entries.find(matches)
    if (there !== undefined) return Promise.resolve(there)
    return new Promise((resolve, reject) => {
      this.#waiting.add({ matches, resolve })
      void this.ended.then((code) => reject(new Error(`ended with ${code}: ${this.complaints.join('\n')}`)))
    })
  }

  /** Resolves when a line on stdout fits; stdout and stderr are read independently of each other. */
  says(what: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!this.stdout.some((line) => what.test(line))) return
        this.#looking.delete(look)
        resolve()
      }
      this.#looking.add(look)
      look()
      void this.ended.then((code) => reject(new Error(`ended with ${code}: ${this.complaints.join('\n')}`)))
    })
  }

  /** Forgets what was logged, so that the next test finds only its own entries. */
  forget(): void {
    this.#entries.length = 0
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal)
    return this.ended
  }
}

/** A `serve` that is ready, by its own word and its ready file. */
export async function serve(
  directory: string,
  args: readonly string[] = [],
): Promise<{ sealgate: SealgateProcess; ready: Ready; readyFile: string }> {
  const readyFile = join(directory, 'ready.json')
  const sealgate = new SealgateProcess([
    'serve',
    ...['--data-dir', join(directory, 'data'), '--ready-file', readyFile],
    ...['--mqtts', '127.0.0.1:0', '--wss', '127.0.0.1:0', '--https', '127.0.0.1:0'],
    ...args,
  ])
  await sealgate.entry(({ event }) => event === 'ready')
  if (!existsSync(readyFile)) throw new Error('ready without a ready file')
  return { sealgate, ready: JSON.parse(readFileSync(readyFile, 'utf8')) as Ready, readyFile }
}

interface TemplateParts {
  readonly namespace: string
  /** By resource name: PEM. */
  readonly caCertificates: Readonly<Record<string, string>>
  /** By resource name, which is the authentication name too. */
  readonly clients: Readonly<Record<string, { readonly scheme?: string; readonly thumbprint?: string }>>
  readonly topicTemplates: readonly string[]
}

/** One namespace in which every client may publish and subscribe to the topic templates. */
export function template(parts: TemplateParts): unknown {
  const { namespace } = parts
  const child = (type: string, name: string, properties: unknown): unknown => ({
    type: `Microsoft.EventGrid/namespaces/${type}`,
    apiVersion: '2025-02-15',
    name: `${namespace}/${name}`,
    dependsOn: [`[resourceId('Microsoft.EventGrid/namespaces', '${namespace}')]`],
    properties,
  })
  const binding = (permission: string): unknown =>
    child('permissionBindings', `everybody-${permission.toLowerCase()}`, {
      clientGroupName: '$all',
      topicSpaceName: 'machines',
      permission,
    })
  return {
    $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
    contentVersion: '1.0.0.0',
    resources: [
      {
        type: 'Microsoft.EventGrid/namespaces',
        apiVersion: '2025-02-15',
        name: namespace,
        location: 'local',
        properties: { topicSpacesConfiguration: { state: 'Enabled' } },
      },
      ...Object.entries(parts.caCertificates).map(([name, encodedCertificate]) =>
        child('caCertificates', name, { encodedCertificate }),
      ),
      ...Object.entries(parts.clients).map(([name, { scheme, thumbprint }]) =>
        child('clients', name, {
          authenticationName: name,
          state: 'Enabled',
          clientCertificateAuthentication:
            thumbprint === undefined
              ? { validationScheme: scheme ?? 'SubjectMatchesAuthenticationName' }
              : { validationScheme: 'ThumbprintMatch', allowedThumbprints: [thumbprint] },
        }),
      ),
      child('topicSpaces', 'machines', { topicTemplates: parts.topicTemplates }),
      binding('Publisher'),
      binding('Subscriber'),
    ],
  }
}
