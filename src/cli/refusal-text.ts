import type { Adapters } from '../main.ts'
import { escapeText } from './escape-text.ts'
import { codePage, presentedText, words } from './operations/decision-lines.ts'

type Refusal = Parameters<NonNullable<Adapters['tellRefusal']>>[0]

/** A refusal for a person: who, the code, what was compared with what, and what to do about it. */
export function refusalText(refusal: Refusal): string[] {
  const { action, code, remedy } = refusal
  const lines = ['', `refused: ${code}  (${subjectOf(refusal)}, ${action} from ${refusal.remoteAddress})`]
  for (const { step, outcome, expected, presented, detail } of refusal.steps) {
    if (outcome !== 'failed') continue
    lines.push(`  ${words(step)}${detail === null ? '' : `: ${detail}`}`)
    if (expected !== null) lines.push(`    expected   ${expected}`)
    if (presented !== null) lines.push(`    presented  ${presentedText(presented)}`)
  }
  if (remedy !== null) lines.push(`  remedy: ${remedy}`)
  if (code !== null) lines.push(`  read more: ${codePage(code, process.cwd())}`)
  // Records come escaped already; this is the last door before a terminal (S63), so it looks again.
  return [...lines.map(escapeText), '']
}

function subjectOf({ authenticationName, username, certificateFingerprint, clientId }: Refusal): string {
  const name = authenticationName ?? username
  if (name !== null) return `client ${name}`
  if (certificateFingerprint !== null) return `certificate ${certificateFingerprint.slice(0, 16)}…`
  return clientId === null ? 'a peer' : `Client Identifier ${clientId}`
}
