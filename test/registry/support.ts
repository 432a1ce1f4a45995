import assert from 'node:assert/strict'
import { createMemoryWorld } from '../../src/adapters/memory/engine.ts'
import { fakeClock } from '../../src/adapters/memory/fake-clock.ts'
import { seededRandom } from '../../src/adapters/memory/seeded-random.ts'
import type { Result } from '../../src/base/result.ts'
import { unixMillis } from '../../src/base/time.ts'
import type { NodeId } from '../../src/ports/identity.ts'
import type { RegistryStore } from '../../src/ports/registry-store.ts'
import type { Author, Changed } from '../../src/registry/change.ts'
import type { Problem, RegistryFailure } from '../../src/registry/failure.ts'
import { limitsOf } from '../../src/registry/profile.ts'
import { openRegistry, type Registry, type RegistryParts } from '../../src/registry/registry.ts'
import { type ChildType, childId, namespaceId, type ResourceId } from '../../src/registry/resource-id.ts'
import { parseTopicTemplate, type TopicTemplate } from '../../src/registry/topic-template.ts'

export const eventGridLimits = limitsOf('event-grid')

export function templateOf(text: string): TopicTemplate {
  const parsed = parseTopicTemplate(text)
  assert.ok(parsed.ok, `${text}: ${parsed.ok ? '' : parsed.error.message}`)
  return parsed.value
}

export const start = unixMillis(Date.UTC(2026, 10, 22))
export const author: Author = { name: 'ops', type: 'User', at: start }
export const later: Author = { name: 'ops-2', type: 'Application', at: unixMillis(start + 60_000) }

export function memoryStore(): RegistryStore {
  const { clock } = fakeClock(start)
  return createMemoryWorld().engine('node-1' as NodeId, clock).registry
}

export function parts(store: RegistryStore, more: Partial<RegistryParts> = {}): RegistryParts {
  return { store, random: seededRandom(7), clock: fakeClock(start).clock, defaultProfile: 'event-grid', ...more }
}

export async function emptyRegistry(more: Partial<RegistryParts> = {}): Promise<Registry> {
  return openRegistry(parts(memoryStore(), more))
}

const address = { subscriptionId: '00000000-0000-0000-0000-000000000000', resourceGroup: 'local' }

/** `ns('plant')`, `ns('plant', 'clients', 'press-1')` */
export function ns(namespace: string, type?: ChildType, name?: string): ResourceId {
  const parent = { ...address, namespace }
  return type === undefined ? namespaceId(parent) : childId(parent, type, name ?? '')
}

export function collection(namespace: string, type: ChildType) {
  return { ...address, namespace, type }
}

export const namespaceBody = {
  location: 'local',
  properties: { topicSpacesConfiguration: { state: 'Enabled' } },
}

/** A registry with the namespace `plant`. */
export async function plantRegistry(more: Partial<RegistryParts> = {}): Promise<Registry> {
  const registry = await emptyRegistry(more)
  must(await registry.put(ns('plant'), namespaceBody, author))
  return registry
}

export function must<Value>(result: Result<Value, RegistryFailure>): Value {
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.error))
  return result.value
}

export function failure(result: Result<unknown, RegistryFailure>): RegistryFailure {
  assert.ok(!result.ok, 'it was done')
  return result.error
}

export function problems(result: Result<unknown, RegistryFailure>): readonly Problem[] {
  const error = failure(result)
  assert.ok(error.kind === 'invalid', `${error.kind}: ${error.message}`)
  return error.problems
}

/** `target code` of each problem. */
export function briefly(result: Result<unknown, RegistryFailure>): readonly string[] {
  return problems(result).map(({ target, code, message }) => {
    assert.match(message, /[.!]$/, message)
    return `${target} ${code}`
  })
}

export function propertiesOf(changed: Changed): Readonly<Record<string, unknown>> {
  assert.ok(changed.resource !== null)
  return changed.resource.document.properties
}

export const put = async (registry: Registry, type: ChildType, name: string, properties: unknown, by = author) =>
  registry.put(ns('plant', type, name), { properties }, by)

/** As JSON carries it: prototypes play no part. */
export function plain<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value))
}
