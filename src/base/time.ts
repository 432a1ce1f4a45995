import type { Brand } from './brand.ts'

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type UnixMillis = Brand<number, 'UnixMillis'>

/** Whole seconds since 1970-01-01T00:00:00Z; the grain of certificate dates (RFC 5280 4.1.2.5). */
export type UnixSeconds = Brand<number, 'UnixSeconds'>

export function unixMillis(value: number): UnixMillis {
  return value as UnixMillis
}

export function unixSeconds(value: number): UnixSeconds {
  return value as UnixSeconds
}

export function toUnixSeconds(millis: UnixMillis): UnixSeconds {
  return Math.floor(millis / 1000) as UnixSeconds
}

let lastSeconds: UnixSeconds | null = null
let lastText = ''

/** `2026-09-14T08:21:00Z`; years outside 0000–9999 in the extended form of ECMA-262. */
export function formatUnixSeconds(seconds: UnixSeconds): string {
  // Records of one second say the same time (bench: mtls-connect).
  if (seconds !== lastSeconds) {
    lastText = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
    lastSeconds = seconds
  }
  return lastText
}
