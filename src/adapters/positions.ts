import type { Position } from '../ports/session-store.ts'

export function comparePositions(a: Position, b: Position): number {
  if (a.entry !== b.entry) return a.entry < b.entry ? -1 : 1
  return a.index - b.index
}
