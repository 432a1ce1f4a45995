import { assert } from '../base/assert.ts'
import { finish, type Steps } from '../base/steps.ts'
import { EngineError } from '../ports/engine-error.ts'
import type { Revision } from '../ports/identity.ts'
import type { RegistryWrite } from '../ports/registry-store.ts'

/** Registry keys are made of words and uids; a store may have to keep them in its own, bounded keys. */
export const longestKeyBytes = 1024

/** A key put or removed twice in one write has no defined outcome. */
export function assertKeys(write: RegistryWrite): void {
  finish(keySteps(write))
}

export function* keySteps(write: RegistryWrite): Steps<undefined> {
  const keys = new Set<string>()
  for (const list of [write.put, write.remove]) {
    for (const { key } of list) {
      assert(!keys.has(key), `registry key twice in one write: ${key}`)
      assert(Buffer.byteLength(key) <= longestKeyBytes, 'registry key too long')
      keys.add(key)
      yield
    }
  }
}

export interface RegistryState {
  get(key: string): { readonly revision: Revision } | undefined
  lookup(index: string, value: string): string | undefined
}

/** @throws EngineError `conflict` for the first condition that does not hold */
export function checkConditions(write: RegistryWrite, state: RegistryState): void {
  finish(conditionSteps(write, state))
}

export function* conditionSteps(write: RegistryWrite, state: RegistryState): Steps<undefined> {
  for (const list of [write.put, write.remove]) {
    for (const { key, ifRevision } of list) {
      yield
      if (ifRevision === undefined) continue
      if ((state.get(key)?.revision ?? null) !== ifRevision) throw conflict(key)
    }
  }
  const released = new Map<string, Map<string, Set<string>>>()
  for (const { index, value, owner } of write.release) {
    yield
    const ofIndex = released.get(index) ?? new Map<string, Set<string>>()
    released.set(index, ofIndex.set(value, (ofIndex.get(value) ?? new Set()).add(owner)))
  }
  const claimed = new Map<string, Map<string, string>>()
  for (const { index, value, owner } of write.claim) {
    yield
    const inWrite = claimed.get(index) ?? new Map<string, string>()
    claimed.set(index, inWrite)
    const earlier = inWrite.get(value)
    const holder = earlier ?? state.lookup(index, value)
    if (holder !== undefined && holder !== owner) {
      const isReleased = released.get(index)?.get(value)?.has(holder) === true
      if (earlier !== undefined || !isReleased) throw conflict(`${index}:${value}`)
    }
    inWrite.set(value, owner)
  }
}

function conflict(subject: string): EngineError {
  return new EngineError('conflict', `registry condition failed: ${subject}`, { subject })
}
