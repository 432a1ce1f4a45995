import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { escapeText } from '../escape-text.ts'

/** A decision as the API tells it. Its texts are escaped once more where they are shown. */
export interface DecisionDocument {
  readonly id?: string
  readonly at: string
  readonly lastAt?: string
  readonly count?: number
  readonly action: string
  readonly outcome: 'accepted' | 'refused'
  readonly code: string | null
  readonly remedy: string | null
  readonly namespaceName: string | null
  readonly protocol: string | null
  readonly remoteAddress?: string | null
  readonly clientId: string | null
  readonly username: string | null
  readonly authenticationName: string | null
  readonly nameSource: string | null
  readonly method: string | null
  readonly certificateFingerprint: string | null
  readonly steps: readonly DecisionStep[]
}

export interface DecisionStep {
  readonly step: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  readonly expected: string | null
  readonly presented: string | null
  readonly detail: string | null
}

const marks = { passed: 'ok     ', failed: 'FAILED ', skipped: 'skipped' } as const

/** Every step with what was compared, then what to do and where to read more. */
export function decisionLines(decision: DecisionDocument, workingDirectory: string): string[] {
  const { code, remedy } = decision
  const lines = decision.steps.flatMap(({ step, outcome, expected, presented, detail }) => [
    `  ${marks[outcome]}  ${words(step)}${detail === null ? '' : `: ${detail}`}`,
    ...(expected === null ? [] : [`             expected   ${expected}`]),
    ...(presented === null ? [] : [`             presented  ${presentedText(presented)}`]),
  ])
  if (remedy !== null) lines.push('', `  What to do: ${remedy}`)
  if (code !== null) lines.push(`  Read more:  ${codePage(code, workingDirectory)}`)
  return lines.map(escapeText)
}

/** An empty text is an answer too: the field is not there. */
export function presentedText(presented: string): string {
  return presented === '' ? '(nothing)' : presented
}

/** Whom it was about, by the best name that there is. */
export function subjectOf({
  authenticationName,
  username,
  certificateFingerprint,
  clientId,
}: DecisionDocument): string {
  const name = authenticationName ?? username
  if (name !== null) return name
  if (certificateFingerprint !== null) return `certificate ${certificateFingerprint.slice(0, 16)}…`
  return clientId === null || clientId === '' ? 'a peer' : `client id ${clientId}`
}

/** The page of a code in this installation, from where the user stands if it is below. */
export function codePage(code: string, workingDirectory: string): string {
  const name = /^[A-Za-z]{1,64}$/.test(code) ? `docs/codes/${code}.md` : 'docs/codes/README.md'
  const path = join(import.meta.dirname, '..', '..', '..', name)
  if (!existsSync(path)) return name
  const near = relative(workingDirectory, path)
  return near.startsWith('..') ? path : near
}

/** `certificationPath` → `certification path` */
export function words(step: string): string {
  return step.replaceAll(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
}
