import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Registry } from '../registry/registry.ts'
import { childId, type ResourceId } from '../registry/resource-id.ts'
import { reasonOf, StartError } from './start-error.ts'

/** As for the server's certificate: how often files are looked at. */
export const lookEveryMs = 10_000
/** What was refused is tried again: the CA may have been registered meanwhile, or its clock caught up. */
const tryAgainMs = 60_000
/** The API takes no larger one either. */
const maximumBytes = 48 * 1_048_576

export interface WatchedList {
  readonly id: ResourceId
  readonly file: string
}

export interface ListWatcher {
  /** Looks now instead of within ten seconds. */
  look(): Promise<void>
  stop(): void
}

/**
 * Keeps revocation lists what files say, which a job on this machine fetches and replaces. A file counts as it is when it
 * changes, whatever the way it was replaced; one that is half written, older or another CA's is refused and told once, and the list
 * before it stays in force.
 */
export async function watchRevocationLists(
  lists: readonly WatchedList[],
  registry: Registry,
  clock: Clock,
  log: Log,
): Promise<ListWatcher> {
  /** By file: its state when it was last taken or refused, and when a refused one is tried again. */
  const seen = new Map<string, { readonly state: string; readonly reason: string | null; readonly againAt: number }>()
  let running: Promise<void> | null = null
  let isStopped = false

  const lookAt = async ({ id, file }: WatchedList): Promise<void> => {
    const facts = { file, namespace: id.namespace, list: id.child?.name ?? '' }
    const refuse = (state: string, reason: string): void => {
      const last = seen.get(file)
      seen.set(file, { state, reason, againAt: clock.monotonicMs() + tryAgainMs })
      if (last?.state === state && last.reason === reason) return
      log.write('error', 'revocationListRefused', { ...facts, reason, kept: 'the list before it stays in force' })
    }
    try {
      const { mtimeMs, size, ino } = await stat(file)
      const state = `${mtimeMs} ${size} ${ino}`
      const last = seen.get(file)
      if (last?.state === state && (last.reason === null || clock.monotonicMs() < last.againAt)) return
      if (size > maximumBytes) return refuse(state, `larger than ${maximumBytes} bytes`)
      const content = await readFile(file)
      if (isStopped) return
      const author = { name: `file:${file}`, type: 'Application', at: clock.now() } as const
      const description = describedIn(registry, id)
      const done = await registry.put(id, { properties: { ...description } }, author, { content })
      if (!done.ok) return refuse(state, done.error.message)
      seen.set(file, { state, reason: null, againAt: 0 })
      const { change, resource, warnings } = done.value
      if (change === 'unchanged') return
      const { thisUpdateInUtc, nextUpdateInUtc, revokedCertificates, crlNumber } = resource?.document.properties ?? {}
      log.write('info', 'revocationListReplaced', {
        ...facts,
        thisUpdateInUtc,
        nextUpdateInUtc,
        crlNumber,
        revokedCertificates,
      })
      for (const { code, message } of warnings) log.write('warn', 'revocationListWarning', { ...facts, code, message })
    } catch (error) {
      refuse('unreadable', reasonOf(error))
    }
  }
  const lookAtAll = async (): Promise<void> => {
    for (const list of lists) if (!isStopped) await lookAt(list)
  }
  const look = (): Promise<void> => {
    running ??= lookAtAll().finally(() => {
      running = null
    })
    return running
  }
  let cancel = (): void => {}
  const lookAgain = (): void => {
    cancel = clock.setTimer(lookEveryMs, () => {
      void look().then(() => isStopped || lookAgain())
    })
  }
  if (lists.length > 0) {
    await look()
    lookAgain()
  }
  return {
    look,
    stop() {
      isStopped = true
      cancel()
    },
  }
}

/** What a person said about the list stays. */
function describedIn(registry: Registry, id: ResourceId): { readonly description?: unknown } {
  const found = registry.get(id)
  const description = found.ok ? found.value.document.properties['description'] : undefined
  return description === undefined ? {} : { description }
}

/**
 * `NAME=FILE`, or `NAMESPACE/NAME=FILE` where there is more than one namespace.
 *
 * @throws StartError for what cannot be meant
 */
export function readWatchedLists(
  texts: readonly string[],
  registry: Registry,
  config: { readonly subscriptionId: string; readonly resourceGroup: string },
): readonly WatchedList[] {
  return texts.map((text) => {
    const match = /^(?:([^/=]+)\/)?([^/=]+)=(.+)$/.exec(text)
    if (match === null) {
      throw new StartError([`--revocation-list ${text}: expected NAME=FILE or NAMESPACE/NAME=FILE`])
    }
    const [, named, name = '', file = ''] = match
    const namespaces = registry.view.namespaces()
    const found =
      named === undefined ? (namespaces.length === 1 ? namespaces[0] : undefined) : registry.view.namespaceByName(named)
    if (found === undefined) {
      const known = namespaces.map((one) => one.name).join(', ') || 'none'
      throw new StartError([
        `--revocation-list ${text}: which namespace? Write NAMESPACE/NAME=FILE; there are: ${known}`,
      ])
    }
    const [, , , , resourceGroup = config.resourceGroup] = found.resourceId.split('/')
    const address = { subscriptionId: config.subscriptionId, resourceGroup, namespace: found.name }
    return { id: childId(address, 'sealgateRevocationLists', name), file: resolve(file) }
  })
}
