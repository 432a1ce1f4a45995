import { escapeText } from '../escape-text.ts'

/** One resource as `whatIf` tells of it. */
export interface WhatIfChange {
  readonly resourceId: string
  readonly changeType: 'Create' | 'Modify' | 'NoChange' | 'Delete'
  readonly delta: readonly { readonly path: string; readonly before: unknown; readonly after: unknown }[]
  readonly warnings?: readonly { readonly code: string; readonly message: string }[]
}

const marks = { Create: '+', Modify: '~', NoChange: ' ', Delete: '-' } as const

/** What changes, property by property; what stays is only counted. */
export function changeLines(changes: readonly WhatIfChange[]): string[] {
  const lines: string[] = []
  for (const { resourceId, changeType, delta } of changes) {
    if (changeType === 'NoChange') continue
    lines.push(`${marks[changeType]} ${shortId(resourceId)}`)
    for (const { path, before, after } of delta) lines.push(`    ${path}: ${shown(before)} -> ${shown(after)}`)
  }
  return lines.map(escapeText)
}

export function countLine(changes: readonly WhatIfChange[]): string {
  const count = (type: WhatIfChange['changeType']): number =>
    changes.filter(({ changeType }) => changeType === type).length
  return `${count('Create')} to create, ${count('Modify')} to change, ${count('Delete')} to delete, ${count('NoChange')} unchanged`
}

/** `plant/clients/press-7` */
function shortId(id: string): string {
  return id.replace(/^.*\/providers\/Microsoft\.EventGrid\/namespaces\//i, '')
}

const longest = 200

/** A certificate or a long list is told apart by its beginning. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  const written = typeof value === 'string' ? value : JSON.stringify(value)
  return written.length > longest ? `${written.slice(0, longest)}…` : written
}
