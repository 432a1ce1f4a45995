import { createHash } from 'node:crypto'
import { printable } from './printable.ts'

/**
 * What is never kept: a record holds no password and no token, not even one that was put into the wrong field (S60).
 */

/** What CONNECT carries beside the evidence: seen by `plan` only, forgotten when the answers are in. */
export interface ConnectSecrets {
  readonly password: Uint8Array | null
  readonly authenticationData: Uint8Array | null
}

export const noSecrets: ConnectSecrets = { password: null, authenticationData: null }

/** A Username longer than this many code points can be no registered authentication name (S2). */
const longestName = 128

/** Three base64url parts, the first of which opens a JSON object: the compact form of RFC 7519. Linear in the text. */
const jsonWebToken = /^(?:Bearer )?eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/
/** Azure's shared access signatures, whole or as their query string. */
const sharedAccessSignature = /^SharedAccessSignature |(?:^|[?&])sig=/

/** True for text in the form of a JWT or a shared access signature. */
function looksLikeToken(text: string): boolean {
  return jsonWebToken.test(text) || sharedAccessSignature.test(text)
}

/** For the evidence: whether the password field holds what belongs into Authentication Data. */
export function passwordLooksLikeToken(password: Uint8Array | null): boolean {
  if (password === null || password.length > 0x1_0000) return false
  return jsonWebToken.test(Buffer.from(password.buffer, password.byteOffset, password.length).toString('latin1'))
}

/**
 * A Username as decisions, events and logs may keep it: the name when a client is registered by it; else, when it looks
 * like a token or is longer than any name, its length and eight digits of its SHA-256 (S60).
 */
export function recordedUsername(username: string | null, isRegisteredName: boolean): string | null {
  if (username === null) return null
  return !isRegisteredName && (looksLikeToken(username) || isLongerThanAnyName(username))
    ? digestOf(username)
    : printable(username)
}

/** The same for a Client Identifier, which may be long. */
export function recordedClientId(clientId: string | null): string | null {
  if (clientId === null) return null
  return looksLikeToken(clientId) ? digestOf(clientId) : printable(clientId)
}

function digestOf(text: string): string {
  const digits = createHash('sha256').update(text).digest('hex').slice(0, 8)
  return `(${text.length} characters, SHA-256 ${digits})`
}

function isLongerThanAnyName(text: string): boolean {
  if (text.length <= longestName) return false
  if (text.length > 2 * longestName) return true
  return [...text].length > longestName
}
