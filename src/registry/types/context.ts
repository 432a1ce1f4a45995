import type { UnixSeconds } from '../../base/time.ts'
import type { Warning } from '../failure.ts'
import type { Fields } from '../fields.ts'
import type { NamespaceLimits } from '../profile.ts'

/** What the reading of a document may depend on besides the document. */
export interface ReadContext {
  /** Resource name. */
  readonly name: string
  /** Null: a caller that can express every property (our own tools). */
  readonly apiVersion: string | null
  readonly limits: NamespaceLimits
  readonly now: UnixSeconds
  readonly warnings: Warning[]
}

const maximumDescriptionLength = 4096

export function readDescription(properties: Fields): { readonly description?: string } {
  const description = properties.text('description', maximumDescriptionLength)
  return description === undefined ? {} : { description }
}

const plainName = /^[a-zA-Z0-9-]{3,50}$/
const clientName = /^[-a-zA-Z0-9:._]{1,128}$/

/** A sentence that says what to write, or null for a name that may be used. */
export function nameProblem(type: string, name: string): string | null {
  if (type === 'clients') {
    return clientName.test(name)
      ? null
      : 'A client name has 1 to 128 characters: letters, digits, and - : . _ (the authentication name may hold others).'
  }
  if (plainName.test(name)) return null
  if (name === '$all') return '$all is built in: it can be named in a permission binding, never created or changed.'
  return 'A name has 3 to 50 characters: letters, digits and hyphens.'
}
