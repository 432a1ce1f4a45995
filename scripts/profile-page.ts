import {
  type Difference,
  differences,
  limitsNotYetEnforced,
  notYet,
  ownChoices,
} from '../src/cli/profile/known-differences.ts'
import { unitText, valueText } from '../src/cli/profile/show.ts'
import { profileTable, profileValue } from '../src/registry/profile.ts'
import type { ProfileRow } from '../src/registry/profile-row.ts'
import { table } from './markdown.ts'

/** docs/profile.md, from the registry's table and the list of known differences. */
export function profilePage(): string {
  const limits = profileTable.filter(({ row }) => row.policy !== true)
  const policies = profileTable.filter(({ row }) => row.policy === true)
  return `# Profiles

<!-- Made by \`npm run docs\` from src/registry/profile-rows.ts and src/cli/profile/known-differences.ts. Do not edit. -->

A namespace speaks one of two dialects, \`properties.sealgate.profile\`:

- \`event-grid\` behaves as Azure Event Grid documents, limits included, so that what works here works there. \`sealgate dev\` makes its
  namespace so.
- \`full\` is all of MQTT 3.1.1 and 5.0 as the standards have it, with bounds that only protect the broker. \`sealgate serve\` takes it for a
  namespace that names none.

A profile is nothing but the table below. Each limit can be overridden for a namespace as \`properties.sealgate.limits.<name>\` (a number, a
switch, a choice, or \`"none"\` where none is allowed; \`null\` goes back to the profile), each policy as \`properties.sealgate.<name>\`:

\`\`\`
sealgate profile show
sealgate namespace update --limits maximumQoS=2 maximumKeepAliveSeconds=none
\`\`\`

## Limits

Numbers "per unit" are multiplied by the throughput units of the namespace (\`sku.capacity\`). Names in italics are not asked for yet.

${table(
  ['name', 'event-grid', 'full', 'unit', 'override', 'meaning', 'source of event-grid'],
  limits.map(({ name, row }) => [
    nameText(name),
    valueText(profileValue(row, 'event-grid', 1)),
    valueText(profileValue(row, 'full', 1)),
    unitText(row),
    rangeText(row),
    row.meaning,
    row.source,
  ]),
)}

## Policies

The same in both profiles, and opt-in.

${table(
  ['name', 'default', 'override', 'meaning', 'source'],
  policies.map(({ name, row }) => [
    nameText(name),
    valueText(profileValue(row, 'full', 1)),
    rangeText(row),
    row.meaning,
    row.source,
  ]),
)}

## Known differences to Azure Event Grid

Where Azure documents something else:

${differenceTable(differences)}

Where Azure is silent:

${table(
  ['about', 'here'],
  ownChoices.map(({ about, here }) => [about, here]),
)}

Not there yet:

${differenceTable(notYet)}
`
}

function differenceTable(entries: readonly Difference[]): string {
  return table(
    ['about', 'Azure', 'here'],
    entries.map(({ about, azure, here }) => [about, azure, here]),
  )
}

function nameText(name: string): string {
  return limitsNotYetEnforced.includes(name) ? `*\`${name}\`*` : `\`${name}\``
}

function rangeText(row: ProfileRow): string {
  switch (row.kind) {
    case 'number': {
      const [minimum, maximum] = row.range
      const range = `${minimum.toLocaleString('en')} to ${maximum.toLocaleString('en')}`
      return row.nullable ? `${range}, none` : range
    }
    case 'switch':
      return 'true, false'
    case 'choice':
      return row.choices.map((choice) => `\`${choice}\``).join(', ')
  }
}
