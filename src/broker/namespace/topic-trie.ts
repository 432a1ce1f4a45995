/**
 * Topic filters of one namespace with what hangs on each, found by topic name. Filters without a wildcard stand in one
 * flat map (one lookup per topic); the others in a tree by level. Filters and names are valid here: parsers saw them.
 */

interface FilterNode<K, V> {
  readonly children: Map<string, FilterNode<K, V>>
  plus: FilterNode<K, V> | null
  /** Held by the filter that ends here. */
  own: Map<K, V> | null
  /** Held by the filter that ends here with `/#`; that one matches the parent level as well (MQTT 5.0 4.7.1.2). */
  hash: Map<K, V> | null
}

function emptyNode<K, V>(): FilterNode<K, V> {
  return { children: new Map(), plus: null, own: null, hash: null }
}

export class TopicTrie<K, V> {
  readonly #literal = new Map<string, Map<K, V>>()
  readonly #root: FilterNode<K, V> = emptyNode()
  #size = 0

  /** Number of (filter, key) pairs. */
  get size(): number {
    return this.#size
  }

  /** Adds or replaces. @returns what was there before */
  set(topicFilter: string, key: K, value: V): V | undefined {
    const holders = this.#holders(topicFilter)
    const before = holders.get(key)
    if (before === undefined && !holders.has(key)) this.#size++
    holders.set(key, value)
    return before
  }

  #holders(topicFilter: string): Map<K, V> {
    if (!hasWildcard(topicFilter)) {
      const there = this.#literal.get(topicFilter)
      if (there !== undefined) return there
      const holders = new Map<K, V>()
      this.#literal.set(topicFilter, holders)
      return holders
    }
    let node = this.#root
    for (const level of topicFilter.split('/')) {
      if (level === '#') {
        node.hash ??= new Map()
        return node.hash
      }
      if (level === '+') {
        node.plus ??= emptyNode()
        node = node.plus
      } else {
        const child: FilterNode<K, V> = node.children.get(level) ?? emptyNode()
        node.children.set(level, child)
        node = child
      }
    }
    node.own ??= new Map()
    return node.own
  }

  /** @returns what was removed */
  delete(topicFilter: string, key: K): V | undefined {
    let removed: V | undefined
    if (!hasWildcard(topicFilter)) {
      const holders = this.#literal.get(topicFilter)
      if (holders === undefined || !holders.has(key)) return undefined
      removed = holders.get(key)
      holders.delete(key)
      if (holders.size === 0) this.#literal.delete(topicFilter)
      this.#size--
      return removed
    }
    const levels = topicFilter.split('/')
    const removeFrom = (node: FilterNode<K, V>, index: number): void => {
      const level = levels[index]
      if (level === undefined || level === '#') {
        const holders = level === undefined ? node.own : node.hash
        if (holders === null || !holders.has(key)) return
        removed = holders.get(key)
        holders.delete(key)
        this.#size--
        if (holders.size > 0) return
        if (level === undefined) node.own = null
        else node.hash = null
        return
      }
      const child = level === '+' ? node.plus : node.children.get(level)
      if (child == null) return
      removeFrom(child, index + 1)
      if (child.own !== null || child.hash !== null || child.plus !== null || child.children.size > 0) return
      if (level === '+') node.plus = null
      else node.children.delete(level)
    }
    removeFrom(this.#root, 0)
    return removed
  }

  /** Calls back for each pair whose filter matches the name. A leading wildcard never matches `$` [MQTT-4.7.2-1]. */
  match(topicName: string, visit: (value: V, key: K) => void): void {
    this.#literal.get(topicName)?.forEach(visit)
    const dollar = topicName.charCodeAt(0) === 0x24
    this.#visit(this.#root, topicName, 0, dollar, visit)
  }

  #visit(node: FilterNode<K, V>, name: string, from: number, dollar: boolean, visit: (value: V, key: K) => void): void {
    if (!dollar) node.hash?.forEach(visit)
    if (from > name.length) {
      node.own?.forEach(visit)
      return
    }
    const slash = name.indexOf('/', from)
    const end = slash < 0 ? name.length : slash
    if (node.children.size > 0) {
      const child = node.children.get(name.slice(from, end))
      if (child !== undefined) this.#visit(child, name, end + 1, false, visit)
    }
    if (node.plus !== null && !dollar) this.#visit(node.plus, name, end + 1, false, visit)
  }
}

interface NameNode<V> {
  children: Map<string, NameNode<V>> | null
  name: string | null
  value: V | undefined
}

/** Topic names with what hangs on each, found by filter: retained topics, cached routes. */
export class TopicNames<V> {
  readonly #byName = new Map<string, V>()
  readonly #root: NameNode<V> = { children: null, name: null, value: undefined }

  get size(): number {
    return this.#byName.size
  }

  get(topicName: string): V | undefined {
    return this.#byName.get(topicName)
  }

  set(topicName: string, value: V): void {
    this.#byName.set(topicName, value)
    let node = this.#root
    for (const level of topicName.split('/')) {
      node.children ??= new Map()
      const child: NameNode<V> = node.children.get(level) ?? { children: null, name: null, value: undefined }
      node.children.set(level, child)
      node = child
    }
    node.name = topicName
    node.value = value
  }

  delete(topicName: string): boolean {
    if (!this.#byName.delete(topicName)) return false
    const levels = topicName.split('/')
    const path: NameNode<V>[] = [this.#root]
    let node = this.#root
    for (const level of levels) {
      node = node.children?.get(level) as NameNode<V>
      path.push(node)
    }
    node.name = null
    node.value = undefined
    for (let depth = levels.length; depth > 0; depth--) {
      const here = path[depth] as NameNode<V>
      if (here.name !== null || here.children !== null) break
      const parent = path[depth - 1] as NameNode<V>
      parent.children?.delete(levels[depth - 1] as string)
      if (parent.children?.size === 0) parent.children = null
    }
    return true
  }

  clear(): void {
    this.#byName.clear()
    this.#root.children = null
  }

  all(): IterableIterator<[topicName: string, value: V]> {
    return this.#byName.entries()
  }

  /** Names that the filter matches with their values. Lazy, and safe against changes on the way. */
  *matching(topicFilter: string): Generator<readonly [topicName: string, value: V]> {
    if (!hasWildcard(topicFilter)) {
      const value = this.#byName.get(topicFilter)
      if (value !== undefined) yield [topicFilter, value]
      return
    }
    yield* below(this.#root, topicFilter.split('/'), 0)
  }
}

function* below<V>(
  node: NameNode<V>,
  levels: readonly string[],
  index: number,
): Generator<readonly [topicName: string, value: V]> {
  const level = levels[index]
  if (level === undefined) {
    if (node.name !== null) yield [node.name, node.value as V]
    return
  }
  if (level === '#') {
    yield* whole(node, index === 0)
    return
  }
  if (node.children === null) return
  if (level !== '+') {
    const child = node.children.get(level)
    if (child !== undefined) yield* below(child, levels, index + 1)
    return
  }
  for (const [word, child] of node.children) {
    if (index > 0 || word.charCodeAt(0) !== 0x24) yield* below(child, levels, index + 1)
  }
}

/** The node and all below it. [MQTT-4.7.2-1]: from the root, nothing that begins with `$`. */
function* whole<V>(node: NameNode<V>, isRoot: boolean): Generator<readonly [topicName: string, value: V]> {
  if (node.name !== null) yield [node.name, node.value as V]
  if (node.children === null) return
  for (const [word, child] of node.children) if (!isRoot || word.charCodeAt(0) !== 0x24) yield* whole(child, false)
}

function hasWildcard(topicFilter: string): boolean {
  return topicFilter.includes('+') || topicFilter.includes('#')
}
