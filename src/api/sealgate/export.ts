import { exportResources } from '../../registry/deployment/export.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Resource } from '../../registry/resource.ts'
import { failed } from '../arm/error.ts'
import { namespacePath } from '../arm/paths.ts'
import { namespaceOf } from '../arm/resources.ts'
import type { Route } from '../route.ts'

export const exportRoutes: readonly Route[] = [
  {
    id: 'Sealgate_Export',
    method: 'GET',
    path: `${namespacePath}/export`,
    tag: 'Sealgate',
    summary: 'A template that makes the same namespace again. Holds no secret; changes nothing where it came from.',
    access: { action: 'Microsoft.EventGrid/namespaces/export/action' },
    apiVersion: 'optional',
    answers: { 200: 'Template' },
    handle(call) {
      const { registry } = call.house.parts
      const found = registry.get(namespaceOf(call))
      return found.ok ? { status: 200, stream: templateText(registry, found.value) } : failed(found.error)
    },
  },
]

/** Written while it is read, a resource at a time: a namespace may have a million clients. */
function* templateText(registry: Registry, namespace: Resource): Generator<string> {
  const schema = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#'
  yield `{"$schema":"${schema}","contentVersion":"1.0.0.0","resources":[`
  let comma = ''
  for (const resource of exportResources(registry, namespace)) {
    yield `${comma}\n${JSON.stringify(resource)}`
    comma = ','
  }
  yield '\n]}\n'
}
