import { decodeWith, packetTypes, type Sender } from './decode.ts'
import { byteCount, codeName, describePacket, quote } from './describe.ts'
import { hexByte } from './failure.ts'
import { Framer } from './framer.ts'
import type { PacketFailure, ProtocolVersion } from './packet.ts'
import { PacketReader } from './packet-reader.ts'
import { propertyOf } from './property.ts'

const BYTES_PER_LINE = 16
/** A long payload is shown from its beginning. */
const MOST_LINES_PER_FIELD = 16
const LARGEST_PACKET = 268_435_460

interface Field {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Notes each field that a decoder reads: the annotation cannot say anything else than the decoder did. */
class NotingReader extends PacketReader {
  readonly fields: Field[] = []
  #inside = false

  override u8(what: string): number {
    return this.#note(
      () => super.u8(what),
      (value) => `${what}: ${byteMeaning(what, value)}`,
    )
  }

  override u16(what: string): number {
    return this.#note(
      () => super.u16(what),
      (value) => `${what}: ${what === 'Topic Name' ? byteCount(value) : value}`,
    )
  }

  override u32(what: string): number {
    return this.#note(
      () => super.u32(what),
      (value) => `${what}: ${value}`,
    )
  }

  override variableByteInteger(what: string): number {
    return this.#note(
      () => super.variableByteInteger(what),
      (value) => `${what}: ${value}`,
    )
  }

  override text(what: string, place: string): string {
    return this.#note(
      () => super.text(what, place),
      (value) => `${what}: ${quote(value)}`,
    )
  }

  override binary(what: string): Uint8Array {
    return this.#note(
      () => super.binary(what),
      (value) => `${what}: ${byteCount(value.length)}`,
    )
  }

  override octets(length: number, what: string): Uint8Array {
    return this.#note(
      () => super.octets(length, what),
      (value) => `${what}: ${byteCount(value.length)}`,
    )
  }

  override textBetween(start: number, end: number, what: string, place: string): string {
    const text = super.textBetween(start, end, what, place)
    // Only the topic of PUBLISH is read out of order; it belongs behind its length.
    if (!this.#inside && this.failure === null && start < end) {
      const before = this.fields.findIndex((field) => field.start >= end)
      this.fields.splice(before < 0 ? this.fields.length : before, 0, { start, end, text: `${what}: ${quote(text)}` })
    }
    return text
  }

  #note<T>(read: () => T, say: (value: T) => string): T {
    if (this.#inside) return read()
    this.#inside = true
    const start = this.at
    const value = read()
    this.#inside = false
    if (this.failure === null && this.at > start) this.fields.push({ start, end: this.at, text: say(value) })
    return value
  }
}

/**
 * Packets as annotated text, one line per field (`00 1e  # Keep Alive: 30`), each closed by a line that says what the
 * packet is or why it is none.
 *
 * @param bytes one or several control packets
 * @param version unknown: that of a CONNECT among the bytes, else the one that makes sense of them, 5.0 first
 */
export function annotate(bytes: Uint8Array, version?: ProtocolVersion): string[] {
  const lines: string[] = []
  let known = version
  let used = 0
  const framer = new Framer(LARGEST_PACKET)
  const failure = framer.push(bytes, {
    onFrame(frame, start, bodyStart, end) {
      known = annotateFrame(lines, frame.subarray(start, end), bodyStart - start, known) ?? known
      used = end
      return true
    },
  })
  if (failure !== null) lines.push(refusal(failure))
  else if (used < bytes.length) lines.push(`# incomplete: ${byteCount(bytes.length - used)} of a packet that goes on`)
  if (lines.length === 0) lines.push('# nothing')
  return lines
}

/** @returns the version that a CONNECT brought, or null */
function annotateFrame(
  lines: string[],
  frame: Uint8Array,
  bodyStart: number,
  known: ProtocolVersion | undefined,
): ProtocolVersion | null {
  const first = frame[0]!
  const { reader, result } = bestReading(frame, bodyStart, known)
  const name = packetTypes[first >> 4] ?? 'reserved'
  const flags = (first & 0x0f) === 0 ? '' : `, flags ${hexByte(first & 0x0f)}`
  lines.push(...line(frame, 0, 1, `${name}${flags}`))
  lines.push(...line(frame, 1, bodyStart, `Remaining Length: ${frame.length - bodyStart}`))
  let at = bodyStart
  for (const field of reader.fields) {
    lines.push(...line(frame, field.start, field.end, field.text))
    at = field.end
  }
  if (at < frame.length) lines.push(...line(frame, at, frame.length, 'not read'))
  lines.push(result.ok ? `# ${describePacket(result.value)}` : refusal(result.error))
  return result.ok && result.value.type === 'CONNECT' ? result.value.protocolVersion : null
}

function bestReading(frame: Uint8Array, bodyStart: number, known: ProtocolVersion | undefined) {
  const versions: readonly ProtocolVersion[] = known === undefined ? [5, 4] : [known]
  const readings = versions.flatMap((version) =>
    (['client', 'server'] satisfies Sender[]).map((from) => {
      const reader = new NotingReader(frame, bodyStart, frame.length, version)
      return { reader, result: decodeWith(reader, frame[0]!, from) }
    }),
  )
  // Nothing fits: the reading that came farthest says most.
  const farthest = readings.reduce((best, next) =>
    next.reader.fields.length > best.reader.fields.length ? next : best,
  )
  return readings.find((reading) => reading.result.ok) ?? farthest
}

function byteMeaning(what: string, value: number): string {
  if (what === 'Property') return propertyOf(value)?.name ?? hexByte(value)
  if (what === 'Reason Code') return codeName(value)
  if (what === 'Connect Flags' || what === 'Subscription Options') return `0b${value.toString(2).padStart(8, '0')}`
  return String(value)
}

function refusal(failure: PacketFailure): string {
  return `# refused, ${failure.kind} ${hexByte(failure.reasonCode)}: ${failure.message}`
}

function line(bytes: Uint8Array, start: number, end: number, text: string): string[] {
  const lines: string[] = []
  for (let at = start; at < end; at += BYTES_PER_LINE) {
    if (lines.length === MOST_LINES_PER_FIELD) {
      lines.push(`# … and ${byteCount(end - at)} more`)
      break
    }
    const part = bytes.subarray(at, Math.min(end, at + BYTES_PER_LINE))
    const hex = Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
    lines.push(at === start ? `${hex}  # ${text}` : hex)
  }
  return lines
}
