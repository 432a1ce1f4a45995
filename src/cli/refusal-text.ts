import type { Adapters } from '../main.ts'

type Refusal = Parameters<NonNullable<Adapters['tellRefusal']>>[0]

/** A refusal for a person: who, the code, what was compared with what, and what to do about it. */
export function refusalText(refusal: Refusal): string[] {
  const { action, code, remedy } = refusal
  const lines = ['', `refused: ${code}  (${subjectOf(refusal)}, ${action} from ${refusal.remoteAddress})`]
  for (const { step, outcome, expected, presented, detail } of refusal.steps) {
    if (outcome !== 'failed') continue
    lines.push(`  ${step}${detail === null ? '' : `: ${detail}`}`)
    if (expected !== null) lines.push(`    expected   ${expected}`)
    if (presented !== null) lines.push(`    presented  ${presented}`)
  }
  if (remedy !== null) lines.push(`  remedy: ${remedy}`)
  return [...lines.map(harmless), '']
}

function subjectOf({ authenticationName, username, certificateFingerprint, clientId }: Refusal): string {
  const name = authenticationName ?? username
  if (name !== null) return `client ${name}`
  if (certificateFingerprint !== null) return `certificate ${certificateFingerprint.slice(0, 16)}…`
  return clientId === null ? 'a peer' : `Client Identifier ${clientId}`
}

// Records come escaped already; this is the last door before a terminal (S63), so it looks again.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

function harmless(line: string): string {
  return line.replace(unsafe, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}
