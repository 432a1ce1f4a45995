import type { Json } from './template-file.ts'

/**
 * A template that is too large for one request is applied in slices: its clients are divided, everything else goes with
 * the first of them. Each slice is a template by itself once the first one is applied.
 */
export interface Slice {
  readonly template: Json
  /** Resources that the slice writes, of which clients. */
  readonly clients: number
}

export interface SliceLimits {
  readonly bytes: number
  readonly clients: number
}

/** What the server takes is 25 MiB; a request that large would keep others waiting. */
export const sliceLimits: SliceLimits = { bytes: 8 * 1_048_576, clients: 5_000 }

export interface Sliced {
  readonly slices: readonly Slice[]
  readonly clients: number
  /** Everything that is no client: joined to a later slice, it can be validated before anything is written. */
  readonly others: readonly unknown[]
}

/** Null: there are no clients to divide. */
export function slicesOf(template: Json, limits: SliceLimits = sliceLimits): Sliced | null {
  const { resources, ...frame } = template
  if (!Array.isArray(resources)) return null
  const clients = resources.filter(isClient)
  if (clients.length === 0) return null
  const others = resources.filter((one) => !isClient(one))
  const slices: Slice[] = []
  let taken: unknown[] = []
  let bytes = 0
  const close = (): void => {
    const members = slices.length === 0 ? [...others, ...taken] : taken
    // What a later slice depends on is there already, and a template may name only what it holds.
    const free = slices.length === 0 ? members : members.map(withoutDependencies)
    slices.push({ template: { ...frame, resources: free }, clients: taken.length })
    taken = []
    bytes = 0
  }
  for (const client of clients) {
    const size = JSON.stringify(client).length
    if (taken.length > 0 && (taken.length === limits.clients || bytes + size > limits.bytes)) close()
    taken.push(client)
    bytes += size
  }
  close()
  return { slices, clients: clients.length, others }
}

function isClient(resource: unknown): boolean {
  const type = typeof resource === 'object' && resource !== null && 'type' in resource ? resource.type : null
  return typeof type === 'string' && type.toLowerCase() === 'microsoft.eventgrid/namespaces/clients'
}

function withoutDependencies(resource: unknown): unknown {
  const { dependsOn: _, ...rest } = resource as Json
  return rest
}
