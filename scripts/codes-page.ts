import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DecisionCode, decisionCodes } from '../src/auth/decision.ts'
import { table } from './markdown.ts'

const directory = join(import.meta.dirname, '..', 'docs', 'codes')

/** docs/codes/README.md: every code with the sentence that its page begins with. */
export function codesPage(): string {
  return `# Decision codes

<!-- Made by \`npm run docs\` from src/auth/decision.ts and the pages of this directory. Do not edit. -->

Every refusal has one of these codes: in the log, in \`sealgate decisions\`, in \`sealgate explain\` and in the API. A code is never renamed. The peer
learns a reason code of MQTT only; the code itself as Reason String where the namespace allows it and the certificate was proven.

${table(
  ['code', 'meaning'],
  decisionCodes.map((code) => [`[\`${code}\`](${code}.md)`, meaningOf(code)]),
)}
`
}

/** The first paragraph below the title. */
function meaningOf(code: DecisionCode): string {
  const [, paragraph = ''] = readFileSync(join(directory, `${code}.md`), 'utf8').split('\n\n')
  return paragraph.replaceAll('\n', ' ').trim()
}
