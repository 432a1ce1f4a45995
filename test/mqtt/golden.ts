import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Sender } from '../../src/mqtt/decode.ts'
import type { Packet, ProtocolVersion } from '../../src/mqtt/packet.ts'

/**
 * One annotated packet of `test/golden/`: `version`, `from`, bytes in hexadecimal with comments behind `#`, and after the
 * line `expect` the packet as JSON, in which `{ "hex": … }` stands for bytes.
 */
export interface Golden {
  readonly name: string
  readonly title: string
  readonly version: ProtocolVersion
  readonly from: Sender
  readonly bytes: Uint8Array
  readonly packet: Packet
}

const folder = join(import.meta.dirname, '..', 'golden')

export function readGoldens(): Golden[] {
  const files = globSync('*.hex', { cwd: folder }).sort()
  assert.ok(files.length > 40, 'golden packets are missing')
  return files.map((file) => readGolden(basename(file, '.hex'), readFileSync(join(folder, file), 'utf8')))
}

function readGolden(name: string, text: string): Golden {
  const [head, json] = text.split('\nexpect\n')
  assert.ok(head !== undefined && json !== undefined, `${name}: no expectation`)
  const lines = head.split('\n')
  const setting = (word: string) => lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1)
  const version = Number(setting('version'))
  const from = setting('from')
  assert.ok(version === 4 || version === 5, `${name}: version`)
  assert.ok(from === 'client' || from === 'server', `${name}: from`)
  const hex = lines.filter((line) => /^[0-9a-f]{2}( |$)/.test(line)).map((line) => line.replace(/#.*/, ''))
  const packet = JSON.parse(json, (_, value) => (typeof value?.hex === 'string' ? bytesOf(value.hex) : value)) as Packet
  return { name, title: lines[0]!.slice(2), version, from, bytes: bytesOf(hex.join('')), packet }
}

/** `00 1E` */
export function bytesOf(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, '')
  assert.match(digits, /^([0-9a-fA-F]{2})*$/)
  return new Uint8Array(Buffer.from(digits, 'hex'))
}
