import type { UnixSeconds } from '../base/time.ts'
import type { PathVerdicts } from './path-verdicts.ts'

/** How far a certificate's dates are stretched against the broker's clock. */
export interface ClockSkew {
  /** Devices use certificates fresh from a CA whose clock is ahead. */
  readonly notBeforeSeconds: number
  /** Zero by default: expired is expired. */
  readonly notAfterSeconds: number
}

export const defaultSkew: ClockSkew = { notBeforeSeconds: 300, notAfterSeconds: 0 }

/** What a decision needs beside evidence and registry. State lives outside and never changes an outcome. */
export interface AuthenticationContext {
  readonly now: UnixSeconds
  /** Default: `defaultSkew`. */
  readonly skew?: ClockSkew
  /** Path verdicts of earlier decisions; absent: every path is searched anew (`explain`, dry run: S62). */
  readonly verdicts?: PathVerdicts
  /**
   * Asked once before a path is searched, not for a remembered verdict: false refuses the connection as
   * `connectRateExceeded`, unless its refusal is certain without the path (S55). Absent: always allowed.
   */
  readonly mayDoPathWork?: () => boolean
  /** Told after a search: how many signatures were verified for it that nobody had verified before. */
  readonly didPathWork?: (signatures: number) => void
}
