import { assert } from '../../base/assert.ts'
import type { BrokerEvent, BrokerEventKind, Events } from '../../ports/events.ts'

/** Listeners are rooms of ours, a handful; more is a leak. */
const mostListeners = 64

/** A listener may emit; events that make events for ever are cut off here. */
const deepest = 8

export interface EmitterOptions {
  /** A listener threw, or emitted in a circle. */
  readonly onFailure?: (failure: { readonly kind: BrokerEventKind; readonly error: unknown }) => void
}

export interface Emitter extends Events {
  /** Events of which at least one listener failed or that were cut off. */
  readonly failures: number
}

/**
 * Calls the listeners of a kind one after the other, in the caller's turn and in the order of their registration.
 * Nothing is queued here, so nothing can grow; a listener that has to wait keeps a bounded queue of its own.
 */
export function createEvents(options: EmitterOptions = {}): Emitter {
  const listeners = new Map<BrokerEventKind, { readonly call: (event: BrokerEvent) => void }[]>()
  let depth = 0
  let failures = 0

  function fail(kind: BrokerEventKind, error: unknown): void {
    failures++
    try {
      options.onFailure?.({ kind, error })
    } catch {
      // Whoever is told of failures has failed too; it is counted, and emitting never throws.
    }
  }

  return {
    get failures() {
      return failures
    },
    emit(event) {
      const called = listeners.get(event.kind)
      if (called === undefined) return
      if (depth >= deepest) {
        fail(event.kind, new Error('events emit events without end'))
        return
      }
      depth++
      for (const listener of called) {
        try {
          listener.call(event)
        } catch (error) {
          fail(event.kind, error)
        }
      }
      depth--
    },
    wants: (kind) => listeners.has(kind),
    on(kinds, call) {
      const listener = { call }
      for (const kind of new Set(kinds)) {
        const others = listeners.get(kind) ?? []
        assert(others.length < mostListeners, `too many listeners for ${kind}`)
        // A new array each time: an `emit` under way goes on with the one it started with.
        listeners.set(kind, [...others, listener])
      }
      return () => {
        for (const kind of kinds) {
          const others = (listeners.get(kind) ?? []).filter((other) => other !== listener)
          if (others.length === 0) listeners.delete(kind)
          else listeners.set(kind, others)
        }
      }
    },
  }
}
