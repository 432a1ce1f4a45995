import type { Core } from '../core/core.ts'
import type { Openings } from '../lifetime/openings.ts'
import type { Reaper } from '../lifetime/reaper.ts'
import type { SessionEnds } from '../lifetime/session-end.ts'
import type { Wills } from '../lifetime/will.ts'
import type { Rejudge } from '../trust/rejudge.ts'

/** Core, and what works on sessions with it: for the ways of a CONNECT and of the packets behind it. */
export interface Services extends Core {
  readonly openings: Openings
  readonly sessionEnds: SessionEnds
  readonly wills: Wills
  readonly reaper: Reaper
  readonly rejudge: Rejudge
}
