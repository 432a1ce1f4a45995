import type { Clock } from '../../ports/clock.ts'
import type { RegistryStore } from '../../ports/registry-store.ts'
import type { Registry } from '../../registry/registry.ts'
import type { Resource } from '../../registry/resource.ts'
import { JsonRecords } from '../json-records.ts'

export interface ResourceGroup {
  readonly name: string
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
}

export interface GroupSettings {
  readonly subscriptionId: string
  /** Exists without having been made. */
  readonly resourceGroup: string
}

interface GroupRecord extends ResourceGroup {
  readonly format: 1
  readonly createdAt: number
}

const localLocation = 'local'
/** Azure Resource Manager: names and restrictions. */
const maximumNameLength = 90

/**
 * Resource groups: the configured one, those that were made, and those that a namespace lies in (a template at start may
 * name any). Names ignore case; the first spelling stays.
 */
export class ResourceGroups {
  readonly #records: JsonRecords<GroupRecord>
  readonly #registry: Registry
  readonly #settings: GroupSettings
  readonly #clock: Clock

  constructor(store: RegistryStore, registry: Registry, settings: GroupSettings, clock: Clock) {
    this.#records = new JsonRecords(store, 'resourceGroup')
    this.#registry = registry
    this.#settings = settings
    this.#clock = clock
  }

  find(name: string): ResourceGroup | null {
    if (name.length > maximumNameLength) return null
    const made = this.#records.get(name.toLowerCase())
    if (made !== undefined) return made
    const { resourceGroup } = this.#settings
    if (name.toLowerCase() === resourceGroup.toLowerCase()) return implicit(resourceGroup)
    const [namespace] = this.namespaces(name, 1)
    return namespace === undefined ? null : implicit(namespace.id.resourceGroup)
  }

  has(name: string): boolean {
    return name.toLowerCase() === this.#settings.resourceGroup.toLowerCase() || this.find(name) !== null
  }

  /** In order of names. */
  list(): readonly ResourceGroup[] {
    const found = new Map<string, ResourceGroup>()
    for (const group of this.#records.all()) found.set(group.name.toLowerCase(), group)
    const implied = [this.#settings.resourceGroup, ...this.namespaces(null).map(({ id }) => id.resourceGroup)]
    for (const name of implied) if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), implicit(name))
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
  }

  async put({ name, location, tags }: ResourceGroup): Promise<void> {
    const before = this.#records.get(name.toLowerCase())
    const createdAt = before?.createdAt ?? this.#clock.now()
    await this.#records.put(name.toLowerCase(), { format: 1, name, location, tags, createdAt })
  }

  async remove(name: string): Promise<void> {
    await this.#records.remove([name.toLowerCase()])
  }

  /** Namespaces of a group, or of all. */
  namespaces(resourceGroup: string | null, limit = Number.MAX_SAFE_INTEGER): readonly Resource[] {
    const { subscriptionId } = this.#settings
    const listed = this.#registry.list({ subscriptionId, resourceGroup }, { limit })
    return listed.ok ? listed.value.resources : []
  }
}

function implicit(name: string): ResourceGroup {
  return { name, location: localLocation, tags: {} }
}
