import type { Core } from './core.ts'
import type { Openings } from './openings.ts'
import type { Reaper } from './reaper.ts'
import type { Rejudge } from './rejudge.ts'
import type { SessionEnds } from './session-end.ts'
import type { Wills } from './will.ts'

/** Core, and what works on sessions with it: for the ways of a CONNECT and of the packets behind it. */
export interface Services extends Core {
  readonly openings: Openings
  readonly sessionEnds: SessionEnds
  readonly wills: Wills
  readonly reaper: Reaper
  readonly rejudge: Rejudge
}
