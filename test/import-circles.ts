import { dirname, join, normalize } from 'node:path'

export interface Import {
  readonly from: string
  readonly typesOnly: boolean
}

/** What a file imports, statically or when it is needed, values or types. */
export function importsOf(text: string): Import[] {
  const found: Import[] = []
  const pattern = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)/gm
  for (const match of text.matchAll(pattern)) {
    found.push({ from: match[2] ?? match[3] ?? '', typesOnly: match[1] !== undefined })
  }
  return found
}

/**
 * Files that need each other, types counted: each circle whole and sorted.
 *
 * @param texts by path; an import that leads to no key is left out
 */
export function circlesOf(texts: ReadonlyMap<string, string>): string[][] {
  const order = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []

  // Tarjan: a file that reaches nothing older than itself closes a circle with what is open behind it.
  function visit(path: string): number {
    const own = order.size
    order.set(path, own)
    open.push(path)
    let low = own
    for (const { from } of importsOf(texts.get(path) ?? '')) {
      if (!from.startsWith('.')) continue
      const target = normalize(join(dirname(path), from))
      if (!texts.has(target)) continue
      if (!order.has(target)) low = Math.min(low, visit(target))
      else if (open.includes(target)) low = Math.min(low, order.get(target) ?? low)
    }
    if (low === own) {
      const circle = open.splice(open.indexOf(path))
      if (circle.length > 1) circles.push(circle.sort())
    }
    return low
  }

  for (const path of texts.keys()) if (!order.has(path)) visit(path)
  return circles.sort()
}
