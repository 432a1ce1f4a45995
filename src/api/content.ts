import type { Readable } from 'node:stream'
import type { Steps } from '../base/steps.ts'

/** The content of a request as it came: tens of megabytes are not put together in one turn. */
export type Content = readonly Uint8Array[]

export class ContentTooLarge extends Error {
  readonly code = 'FST_ERR_CTP_BODY_TOO_LARGE'
  readonly statusCode = 413
}

/** @param done called once; what comes after the limit is dropped */
export function gatherContent(
  stream: Readable,
  limit: number,
  done: (error: Error | null, content?: Content) => void,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  const forget = (): void => {
    stream.off('data', onData)
    stream.off('end', onEnd)
    stream.off('error', onError)
  }
  function onData(chunk: Buffer): void {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > limit) onError(new ContentTooLarge())
  }
  function onEnd(): void {
    forget()
    done(null, chunks)
  }
  function onError(error: Error): void {
    forget()
    stream.on('error', () => {})
    stream.resume()
    done(error)
  }
  stream.on('data', onData)
  stream.on('end', onEnd)
  stream.on('error', onError)
}

export function lengthOf(content: Content): number {
  return content.reduce((sum, { length }) => sum + length, 0)
}

export function* octetsOf(content: Content): Steps<Uint8Array> {
  const octets = new Uint8Array(lengthOf(content))
  let at = 0
  for (const chunk of content) {
    octets.set(chunk, at)
    at += chunk.length
    yield
  }
  return octets
}

/** Null: it is not UTF-8. */
export function* textOf(content: Content): Steps<string | null> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const pieces: string[] = []
  try {
    for (const chunk of content) {
      pieces.push(decoder.decode(chunk, { stream: true }))
      yield
    }
    pieces.push(decoder.decode())
  } catch {
    return null
  }
  return pieces.join('')
}
