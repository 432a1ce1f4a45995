import { PacketWriter } from './packet-writer.ts'
import { type AnyProperties, type PropertyCarrier, properties } from './property.ts'

/** Writes Property Length and the properties, in the order of their identifiers. */
export function writeProperties(writer: PacketWriter, carrier: PropertyCarrier, values: Readonly<AnyProperties>): void {
  const body = new PacketWriter()
  for (const row of properties) {
    if (!row.carriers.includes(carrier)) continue
    if (row.key === 'userProperties') {
      for (const [name, value] of values.userProperties ?? []) {
        body.u8(row.id)
        body.text(name)
        body.text(value)
      }
    } else if (row.key === 'subscriptionIdentifiers') {
      const one = values.subscriptionIdentifier
      for (const identifier of (carrier === 'PUBLISH'
        ? values.subscriptionIdentifiers
        : one === undefined
          ? []
          : [one]) ?? []) {
        body.u8(row.id)
        body.variableByteInteger(identifier)
      }
    } else {
      const value = values[row.key]
      if (value === undefined) continue
      body.u8(row.id)
      if (typeof value === 'string') body.text(value)
      else if (value instanceof Uint8Array) body.binary(value)
      else if (row.type === 'byte') body.u8(value as number)
      else if (row.type === 'twoByteInteger') body.u16(value as number)
      else body.u32(value as number)
    }
  }
  const bytes = body.done()
  writer.variableByteInteger(bytes.length)
  writer.octets(bytes)
}

/** True when nothing would be written. */
export function isEmpty(values: object): boolean {
  for (const _ in values) return false
  return true
}
