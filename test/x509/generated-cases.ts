import { buildingCases } from './generated-building.ts'
import { constrainedCases } from './generated-names.ts'
import { profileCases } from './generated-profile.ts'

/** One question to the path rules, with certificates made for it. */
export interface GeneratedCase {
  /** `category::what`. */
  readonly id: string
  readonly leaf: Uint8Array
  readonly sent: readonly Uint8Array[]
  readonly anchors: readonly Uint8Array[]
  /** Our verdict: `ok`, a kind of failure, or `chainInvalid` with its rule. */
  readonly expected: string
}

/** Every case; all are judged at the same instant, the `now` of the kit. */
export function generateCases(): readonly GeneratedCase[] {
  return [...profileCases(), ...buildingCases(), ...constrainedCases()]
}
