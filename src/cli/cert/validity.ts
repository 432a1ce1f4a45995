import { toUnixSeconds, type UnixMillis, unixSeconds } from '../../base/time.ts'
import type { Validity } from '../../x509/issue.ts'
import { wrongUsage } from '../command-failure.ts'

export interface ValidityOptions {
  readonly days?: string
  readonly notBefore?: string
  readonly notAfter?: string
}

/** For machines whose clock is a little behind ours. */
const backdateSeconds = 3_600
const maximumDays = 36_500

export function validityOf(options: ValidityOptions, defaultDays: number, now: UnixMillis): Validity {
  const { days, notBefore, notAfter } = options
  if (days !== undefined && notAfter !== undefined) throw wrongUsage('--days and --not-after say the same: give one')
  if (days !== undefined && !(/^\d{1,5}$/.test(days) && Number(days) >= 1 && Number(days) <= maximumDays)) {
    throw wrongUsage(`--days ${days}: expected a whole number of days, 1 to ${maximumDays}`)
  }
  const from = notBefore === undefined ? toUnixSeconds(now) - backdateSeconds : instantOf('--not-before', notBefore)
  const start = notBefore === undefined ? toUnixSeconds(now) : from
  const until =
    notAfter === undefined
      ? start + (days === undefined ? defaultDays : Number(days)) * 86_400
      : instantOf('--not-after', notAfter)
  if (until < from) throw wrongUsage('the certificate would end before it begins')
  return { notBefore: unixSeconds(from), notAfter: unixSeconds(until) }
}

/** ISO 8601, a date or a date with a time; UTC where no zone is given. Certificates tell whole seconds. */
function instantOf(flag: string, text: string): number {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/i.exec(text)
  const millis =
    match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2] ?? '00:00'}${match[3]?.toUpperCase() ?? 'Z'}`)
  if (Number.isNaN(millis)) {
    throw wrongUsage(`${flag} ${text}: expected a date such as 2027-03-31 or 2027-03-31T12:00:00Z`)
  }
  return Math.floor(millis / 1_000)
}
