import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Config } from '../config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Change } from '../registry/change.ts'
import { problemsOf } from '../registry/failure.ts'
import type { Registry } from '../registry/registry.ts'
import { childId, namespaceId, type ResourceType } from '../registry/resource-id.ts'
import { reasonOf, StartError } from './start-error.ts'

/** Applies the templates in their order, each as one transaction; @throws StartError with a line for each problem */
export async function applyTemplates(
  registry: Registry,
  files: readonly string[],
  config: Pick<Config, 'subscriptionId' | 'resourceGroup'>,
  clock: Clock,
  log: Log,
): Promise<void> {
  for (const file of files) {
    let content: { resources: { type: string; name: string; apiVersion: string }[] }
    try {
      const { parse } = await import('yaml')
      content = parse(readFileSync(file, 'utf8'), { logLevel: 'error' })
    } catch (error) {
      throw new StartError([`--apply ${file}: ${reasonOf(error)}`], error)
    }
    const address = { subscriptionId: config.subscriptionId, resourceGroup: config.resourceGroup }
    const changes: Change[] = content.resources.map(({ type, name, apiVersion, ...body }, i) => {
      const [namespace = '', child] = name.split('/')
      const kind = type.split('/').at(-1) as ResourceType
      const parent = { ...address, namespace }
      return {
        kind: 'put',
        id: child === undefined ? namespaceId(parent) : childId(parent, kind as never, child),
        body,
        apiVersion,
        label: `resources[${i}]`,
      }
    })
    const applied = await registry.transact(changes, {
      name: `apply:${basename(file)}`,
      type: 'Application',
      at: clock.now(),
    })
    if (!applied.ok) {
      throw new StartError(
        problemsOf(applied.error, '').map(({ target, message }) => `--apply ${file}: ${target}: ${message}`),
      )
    }
    log.write('info', 'applied', { file, resources: changes.length })
  }
}
