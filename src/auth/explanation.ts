import type { DecisionStep } from '../ports/events.ts'
import type { Explanation } from './decision.ts'
import { printable, printableList } from './printable.ts'

/** What a step may say; text of any origin, made printable here and only here. A list is joined in its order. */
export interface StepFacts {
  readonly expected?: string | readonly string[] | null
  readonly presented?: string | readonly string[] | null
  readonly detail?: string | null
}

/** One step of a decision as it is kept. */
export function step(name: string, outcome: DecisionStep['outcome'], facts: StepFacts = {}): DecisionStep {
  return {
    step: name,
    outcome,
    expected: shown(facts.expected),
    presented: shown(facts.presented),
    detail: shown(facts.detail),
  }
}

function shown(value: string | readonly string[] | null | undefined): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? printable(value) : printableList(value)
}

/**
 * Steps that say the same as long as they are about the same object, which never changes: made once, for devices that
 * come back (bench: mtls-connect).
 */
export class RememberedSteps<Subject extends object> {
  readonly #steps = new WeakMap<Subject, DecisionStep>()

  of(subject: Subject, make: () => DecisionStep): DecisionStep {
    let known = this.#steps.get(subject)
    if (known === undefined) {
      known = make()
      this.#steps.set(subject, known)
    }
    return known
  }
}

/** The steps of one decision while it is being made. */
export class Trail {
  #steps: DecisionStep[] = []
  #authenticationName: string | null = null
  #nameSource: string | null = null
  #certificateFingerprint: string | null = null

  add(made: DecisionStep): void {
    this.#steps.push(made)
  }

  passed(name: string, facts?: StepFacts): void {
    this.#steps.push(step(name, 'passed', facts))
  }

  failed(name: string, facts?: StepFacts): void {
    this.#steps.push(step(name, 'failed', facts))
  }

  skipped(name: string, facts?: StepFacts): void {
    this.#steps.push(step(name, 'skipped', facts))
  }

  named(authenticationName: string | null, nameSource: string | null): void {
    this.#authenticationName = authenticationName === null ? null : printable(authenticationName)
    this.#nameSource = nameSource
  }

  showed(certificateFingerprint: string): void {
    this.#certificateFingerprint = certificateFingerprint
  }

  explanation(): Explanation {
    return {
      steps: this.#steps,
      authenticationName: this.#authenticationName,
      nameSource: this.#nameSource,
      certificateFingerprint: this.#certificateFingerprint,
    }
  }
}
