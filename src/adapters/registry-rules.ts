import { assert } from '../base/assert.ts'
import { EngineError, type RegistryWrite, type Revision } from '../ports/engine.ts'

/** Registry keys are made of words and uids; a store may have to keep them in its own, bounded keys. */
export const longestKeyBytes = 1024

/** A key put or removed twice in one write has no defined outcome. */
export function assertKeys(write: RegistryWrite): void {
  const keys = new Set<string>()
  for (const { key } of [...write.put, ...write.remove]) {
    assert(!keys.has(key), `registry key twice in one write: ${key}`)
    assert(Buffer.byteLength(key) <= longestKeyBytes, 'registry key too long')
    keys.add(key)
  }
}

export interface RegistryState {
  get(key: string): { readonly revision: Revision } | undefined
  lookup(index: string, value: string): string | undefined
}

/** @throws EngineError `conflict` for the first condition that does not hold */
export function checkConditions(write: RegistryWrite, state: RegistryState): void {
  for (const { key, ifRevision } of [...write.put, ...write.remove]) {
    if (ifRevision === undefined) continue
    if ((state.get(key)?.revision ?? null) !== ifRevision) throw conflict(key)
  }
  const claimed = new Map<string, Map<string, string>>()
  for (const { index, value, owner } of write.claim) {
    const inWrite = claimed.get(index) ?? new Map<string, string>()
    claimed.set(index, inWrite)
    const earlier = inWrite.get(value)
    const holder = earlier ?? state.lookup(index, value)
    if (holder !== undefined && holder !== owner) {
      const released = write.release.some((r) => r.index === index && r.value === value && r.owner === holder)
      if (earlier !== undefined || !released) throw conflict(`${index}:${value}`)
    }
    inWrite.set(value, owner)
  }
}

function conflict(subject: string): EngineError {
  return new EngineError('conflict', `registry condition failed: ${subject}`, { subject })
}
