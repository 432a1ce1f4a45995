import { hash } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { nodeClock } from './adapters/node/clock.ts'
import { endAtOnce } from './adapters/node/end-at-once.ts'
import { createEvents } from './adapters/node/events.ts'
import { type NodeLog, nodeLog } from './adapters/node/log.ts'
import { createMetrics } from './adapters/node/metrics.ts'
import { withProcessMetrics } from './adapters/node/process-metrics.ts'
import { nodeRandom } from './adapters/node/random.ts'
import type { MetricsSource } from './api/parts.ts'
import type { Api } from './api/server.ts'
import { normalizeServerName } from './base/server-name.ts'
import { plainAddress } from './base/source-address.ts'
import { createBroker } from './broker/broker.ts'
import { defaultSettings } from './broker/core/settings.ts'
import { type Config, type Endpoint, flagOf, packageVersion } from './config.ts'
import { AcceptLimiter } from './listeners/accept-limiter.ts'
import { TlsContexts } from './listeners/tls-context.ts'
import { openAdminToken } from './main/admin-token.ts'
import { applyTemplates } from './main/apply-templates.ts'
import { openBackups } from './main/backups.ts'
import { boundedLog } from './main/bounded-log.ts'
import { checkClock, watchClock } from './main/clock-check.ts'
import { holderOf, openDataDirectory } from './main/data-directory.ts'
import { logDecisions } from './main/decision-logging.ts'
import { type DevSetup, prepareDev } from './main/dev-setup.ts'
import { openDoors } from './main/doors.ts'
import { logExpiry } from './main/expiry-logging.ts'
import { keepHostCertificates } from './main/host-certificates.ts'
import { keepCertificateCurrent } from './main/keep-certificate.ts'
import { watchListFreshness } from './main/list-freshness.ts'
import { listenOrExplain } from './main/listen-or-explain.ts'
import { openManagement } from './main/management.ts'
import { type ReadyFile, removeReadyFile, writeReadyFile } from './main/ready-file.ts'
import { readWatchedLists, watchRevocationLists } from './main/revocation-files.ts'
import { openServerCertificate } from './main/server-certificate.ts'
import { reasonOf, StartError } from './main/start-error.ts'
import { countTurnedAway } from './main/turned-away.ts'
import type { Clock } from './ports/clock.ts'
import type { Engine } from './ports/engine.ts'
import type { DecisionFacts, Events } from './ports/events.ts'
import type { NodeId } from './ports/identity.ts'
import type { Log } from './ports/log.ts'
import type { Metrics } from './ports/metrics.ts'
import type { Random } from './ports/random.ts'
import { openRegistry, type Registry } from './registry/registry.ts'
import { CertificatesSeen } from './registry/seen/certificates-seen.ts'
import { ExpiryWatch } from './registry/seen/expiry-watch.ts'

export { restoreBackup } from './main/restore.ts'
export { StartError } from './main/start-error.ts'

import { logSessionEnds } from './main/session-logging.ts'

/** The world that a broker runs in. Tests and the simulator bring another one. */
export interface Adapters {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly events: Events
  readonly metrics: Metrics & MetricsSource
  /** Shows a refusal to a person, as often as the log would hold it; `enough`: the log need not say it again. */
  readonly tellRefusal?: (refusal: DecisionFacts) => 'enough' | 'logToo'
  /** The place where state lives; given the data directory once it is ours. */
  openEngine(node: NodeId, dataDirectory: string): Promise<Engine>
}

/** A broker whose every listener accepts. */
export interface Running {
  readonly ready: ReadyFile
  /** What `sealgate dev` made; null for `serve`. */
  readonly dev: DevSetup | null
  /** Reads the operator's server certificates again, now instead of within ten seconds; nobody is dropped. */
  reload(): Promise<void>
  /** Drains, closes, flushes. Safe to call again: the same stop. */
  stop(): Promise<void>
}

/** The machine's clock, randomness and log, and a store in the data directory. */
export function nodeAdapters(config: Pick<Config, 'logLevel'>): Adapters & { readonly log: NodeLog } {
  const clock = nodeClock()
  const log = nodeLog({ level: config.logLevel, form: 'auto' })
  return {
    clock,
    random: nodeRandom(),
    log,
    events: createEvents({
      onFailure: ({ kind, error }) => log.write('error', 'eventListenerFailed', { kind, error }),
    }),
    metrics: withProcessMetrics(createMetrics()),
    async openEngine(node, directory) {
      const { openEmbedded } = await import('./adapters/embedded/engine.ts')
      const onBroken = (error: unknown): void => {
        log.write('error', 'storeBroken', { message: 'the system refused a write of the store; ending', error })
        void log.settled().then(endAtOnce)
      }
      return openEmbedded({ node, directory, clock, onBroken })
    },
  }
}

/**
 * Starts one broker; several in one process do not know of each other.
 *
 * @throws StartError with one line per cause; nothing is left open then
 */
export async function start(given: Config, adapters: Adapters): Promise<Running> {
  const config = { ...given, domain: domainOf(given) }
  const { clock, random, log } = adapters
  /** What has to be undone, the last first. */
  const undo: (() => void | Promise<void>)[] = []
  const undoAll = async (): Promise<void> => {
    for (const step of undo.reverse()) await step()
  }
  try {
    const directory = openDataDirectory(config)
    checkClock(directory, clock, config.acceptClock)
    undo.push(watchClock(directory, clock, log, config.acceptClock))
    const token = openAdminToken(directory, random)
    const certificate = openServerCertificate(config, directory, random, clock.now())
    const dev = config.mode === 'dev' ? prepareDev(directory, clock.now()) : null

    const nodeId = random.uid() as NodeId
    const engine = await openEngine(adapters, nodeId, directory.path)
    undo.push(() => engine.close())
    // The directory is ours: what a killed process left there is no longer true.
    const readyFiles = [directory.file('ready.json'), ...(config.readyFile === null ? [] : [config.readyFile])]
    const removeReadyFiles = (): void => readyFiles.forEach(removeReadyFile)
    removeReadyFiles()
    const registry = await openRegistry({
      store: engine.registry,
      random,
      clock,
      defaultProfile: config.mode === 'dev' ? 'event-grid' : 'full',
      domain: config.domain,
      publicRoots: publicRoots(),
    })
    undo.push(async () => {
      await registry.idle()
      registry.close()
    })
    const templates = dev === null ? config.apply : [dev.templateFile, ...config.apply]
    await applyTemplates(registry, templates, config, clock, log)
    const watched = readWatchedLists(config.revocationList, registry, config)
    const lists = await watchRevocationLists(watched, registry, clock, log)
    undo.push(() => lists.stop())
    undo.push(watchListFreshness(registry.view, clock, log, adapters.metrics))
    warnOfOddities(config, registry, log)

    const { tellRefusal } = adapters
    undo.push(
      logDecisions(adapters.events, log, clock, { acceptedToo: config.logLevel === 'debug', tell: tellRefusal }),
    )
    const certificatesSeen = new CertificatesSeen({ store: engine.registry, registry, clock, log })
    undo.push(() => certificatesSeen.close())
    undo.push(logExpiry(adapters.events, registry.view, log, clock))
    const expiryWatch = new ExpiryWatch({
      store: engine.registry,
      registry,
      certificatesSeen,
      clock,
      events: adapters.events,
      log,
    })
    undo.push(() => expiryWatch.stop())
    expiryWatch.start()
    const brokerLog = boundedLog(log, clock, {
      connectRefused: 'connectsRefused',
      connectUnreadable: 'connectsUnreadable',
      // While the store is in trouble each connection has its lines, perhaps on the same full disk.
      sessionOpenFailed: 'sessionOpensFailed',
      sessionCloseFailed: 'sessionClosesFailed',
      openingForgotten: 'openingsForgotten',
      discardFailed: 'discardsFailed',
      removeFailed: 'removesFailed',
    })
    undo.push(() => brokerLog.stop())
    undo.push(logSessionEnds(adapters.events, log, clock))
    const broker = createBroker({
      settings: {
        ...defaultSettings,
        nodeId,
        domain: config.domain,
        defaultNamespace: config.defaultNamespace,
        plainIdentity: config.mqttTcpIdentity,
        connectTimeoutMs: config.connectTimeout * 1_000,
        pathWork: {
          ...defaultSettings.pathWork,
          perSourcePerSecond: config.handshakeRatePerAddress,
          perSourceBurst: config.handshakeBurstPerAddress,
        },
        ...(config.mode === 'dev' ? { refusalDelayMs: 0, reasonStrings: true } : {}),
      },
      engine,
      registry,
      clock,
      random,
      log: brokerLog,
      events: adapters.events,
      webhook: null,
      certificatesSeen,
    })
    undo.push(
      registry.onChange((changes) => {
        if (!adapters.events.wants('resourceChanged')) return
        for (const { namespace, type, name, change } of changes) {
          adapters.events.emit({
            kind: 'resourceChanged',
            namespace,
            at: clock.now(),
            resourceType: type,
            name,
            change,
          })
        }
      }),
    )
    let isDrained = false
    const drain = async (deadlineMs: number): Promise<void> => {
      if (isDrained) return
      isDrained = true
      await broker.drain(deadlineMs)
    }
    undo.push(() => drain(0))
    const rates = {
      perAddressPerSecond: config.handshakeRatePerAddress,
      perAddressBurst: config.handshakeBurstPerAddress,
      totalPerSecond: config.handshakeRate,
      totalBurst: config.handshakeBurst,
    }
    const limiter = new AcceptLimiter(rates, () => clock.monotonicMs())
    const contexts = new TlsContexts(certificate.current)
    const keeper = keepCertificateCurrent(certificate, contexts, clock, log)
    undo.push(() => keeper.stop())
    const hosts = keepHostCertificates(config.tlsHosts ?? directory.file('tls', 'hosts'), contexts, clock, log)
    undo.push(() => hosts.stop())
    await hosts.look()
    const onTurnedAway = countTurnedAway(clock, log, adapters.metrics)
    const parts = { clock, broker, registry: registry.view, contexts, limiter, onTurnedAway }
    const doors = await openDoors(config, parts, (door) => undo.push(() => door.close()))
    const https = await openHttps(config, (endpoint) =>
      openManagement(config, endpoint, contexts, {
        ...adapters,
        registry,
        store: engine.registry,
        operations: broker.operations,
        backups: openBackups(engine, directory, random),
        certificatesSeen,
        expiryFigures: () => expiryWatch.figures(),
        administratorHash: token.hash,
        serverCertificateNotAfter: () => certificate.notAfter,
        admit: (address) => limiter.admit(plainAddress(address)) === 'admitted',
      }),
    )
    undo.push(async () => https?.close())

    const ready: ReadyFile = {
      pid: process.pid,
      version: packageVersion(),
      namespace: defaultNamespaceOf(config, registry),
      mqtts: endpointOf(doors.mqtts),
      wss: endpointOf(doors.wss),
      https: endpointOf(https),
      mqttTcp: endpointOf(doors.mqttTcp),
      caFile: certificate.caFile,
      tokenFile: token.file,
      subscriptionId: config.subscriptionId,
      resourceGroup: config.resourceGroup,
    }
    undo.push(removeReadyFiles)
    // On a full disk the one in the data directory cannot be written; what makes room there needs a broker that runs.
    const [own = '', asked] = readyFiles
    try {
      writeReadyFile(own, ready)
    } catch (error) {
      log.write('warn', 'readyFileNotWritten', { file: own, error })
    }
    if (asked !== undefined) writeReadyFile(asked, ready)
    log.write('info', 'ready', { ...ready })

    let stopped: Promise<void> | null = null
    const stop = async (): Promise<void> => {
      log.write('info', 'stopping', {})
      removeReadyFiles()
      for (const door of [doors.mqtts, doors.wss, doors.mqttTcp, https]) door?.stopAccepting()
      await drain(config.drainTimeout * 1_000)
      await undoAll()
      log.write('info', 'stopped', {})
    }
    return {
      ready,
      dev,
      async reload() {
        keeper.look()
        await hosts.look()
      },
      stop() {
        stopped ??= stop()
        return stopped
      },
    }
  } catch (error) {
    await undoAll()
    throw error
  }
}

/** In the spelling of server names, which it is compared with. */
function domainOf({ domain }: Config): string | null {
  const normalized = normalizeServerName(domain)
  if (domain !== null && normalized === null) {
    throw new StartError([`${flagOf('domain')} ${JSON.stringify(domain)}: not a host name`])
  }
  return normalized
}

function endpointOf(door: Endpoint | null): Endpoint | null {
  return door && { host: door.host, port: door.port }
}

/** SHA-256 of the roots that Node.js bundles: registering one of them lets a public CA name every client (S13). */
function publicRoots(): ReadonlySet<string> {
  return new Set(
    rootCertificates.map((pem) => hash('sha256', Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'), 'hex')),
  )
}

/** A directory that another process holds, a store of a later version, a full disk: told in one line each. */
async function openEngine(adapters: Adapters, node: NodeId, directory: string): Promise<Engine> {
  try {
    return await adapters.openEngine(node, directory)
  } catch (error) {
    throw new StartError([`${reasonOf(error)}${holderOf(directory)}`], error)
  }
}

/** Null: there is no management API. */
async function openHttps(config: Config, open: (endpoint: Endpoint) => Promise<Api>): Promise<Api | null> {
  const { https } = config
  if (https === null) return null
  return listenOrExplain('https', https.host, https.port, (host) => open({ host, port: https.port }))
}

function defaultNamespaceOf(config: Config, registry: Registry): string | null {
  if (config.defaultNamespace !== null) return config.defaultNamespace
  const all = registry.view.namespaces()
  return all.length === 1 ? all[0]!.name : null
}

/** Settings that are no mistake and yet rarely meant. */
function warnOfOddities(config: Config, registry: Registry, log: Log): void {
  const { defaultNamespace, mqttTcp, mqttTcpIdentity } = config
  if (defaultNamespace !== null && registry.view.namespaceByName(defaultNamespace) === undefined) {
    log.write('warn', 'defaultNamespaceMissing', { defaultNamespace })
  }
  if (mqttTcp === null || mqttTcpIdentity === null) return
  log.write('warn', 'plainListener', {
    message: `${flagOf('mqttTcp')} is open: whoever reaches it acts as the client ${mqttTcpIdentity}, without TLS or certificate`,
    host: mqttTcp.host,
    port: mqttTcp.port,
    identity: mqttTcpIdentity,
  })
  const name = defaultNamespaceOf(config, registry)
  const namespace = name === null ? undefined : registry.view.namespaceByName(name)
  if (namespace?.clientByResourceName(mqttTcpIdentity) === undefined) {
    log.write('warn', 'plainIdentityMissing', { namespace: name, identity: mqttTcpIdentity })
  }
}
