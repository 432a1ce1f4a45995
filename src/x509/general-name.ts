import { constructed, type DerReader, primitive } from './der.ts'
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.ts'
import { formatIpAddress } from './ip-address.ts'
import { decodeAscii, isMatchable } from './text.ts'

/** RFC 5280 4.2.1.6, read from DER. `text` is null when the octets are not IA5String: such an entry never matches. */
export type GeneralName =
  | {
      readonly kind: 'dNSName' | 'rfc822Name' | 'uniformResourceIdentifier'
      readonly text: string | null
      readonly octets: Uint8Array
    }
  | { readonly kind: 'iPAddress'; readonly octets: Uint8Array }
  | { readonly kind: 'directoryName'; readonly name: DistinguishedName }
  | { readonly kind: 'otherName' | 'x400Address' | 'ediPartyName' | 'registeredID'; readonly octets: Uint8Array }

/** Reads one GeneralName; faults are left in the reader. An iPAddress of an odd length is kept: it matches nothing (S7). */
export function readGeneralName(reader: DerReader, what: string): GeneralName {
  const tag = reader.peek()
  switch (tag) {
    case constructed(0):
      return { kind: 'otherName', octets: reader.content(tag, what) }
    case primitive(1):
      return textName('rfc822Name', reader.content(tag, what))
    case primitive(2):
      return textName('dNSName', reader.content(tag, what))
    case constructed(3):
      return { kind: 'x400Address', octets: reader.content(tag, what) }
    case constructed(4): {
      const inner = reader.enter(tag, what) // a CHOICE cannot be tagged implicitly
      const name = readDistinguishedName(inner, what)
      inner.finish(what)
      return { kind: 'directoryName', name }
    }
    case constructed(5):
      return { kind: 'ediPartyName', octets: reader.content(tag, what) }
    case primitive(6):
      return textName('uniformResourceIdentifier', reader.content(tag, what))
    case primitive(7):
      return { kind: 'iPAddress', octets: reader.content(tag, what) }
    case primitive(8):
      return { kind: 'registeredID', octets: reader.content(tag, what) }
    default:
      reader.fail(`${what}: not a GeneralName`)
      return { kind: 'otherName', octets: new Uint8Array(0) }
  }
}

function textName(
  kind: 'dNSName' | 'rfc822Name' | 'uniformResourceIdentifier',
  octets: Uint8Array,
): Extract<GeneralName, { readonly text: string | null }> {
  return { kind, text: decodeAscii(octets), octets }
}

/** Reads GeneralNames (SIZE 1..MAX); faults are left in the reader. */
export function readGeneralNames(reader: DerReader, what: string): readonly GeneralName[] {
  const inner = reader.sequence(what)
  const names: GeneralName[] = []
  while (inner.more()) names.push(readGeneralName(inner, what))
  if (names.length === 0) reader.fail(`${what}: empty`)
  return names
}

/**
 * The text that a scheme may compare: null for what never matches, which is a name with a character that S2 bans, a
 * dNSName with `*` (S6: it is never a pattern), an iPAddress of other than 4 or 16 octets, and every kind that no scheme
 * reads. Addresses are in RFC 5952 form; compare their octets, not this text.
 */
export function matchableText(generalName: GeneralName): string | null {
  switch (generalName.kind) {
    case 'dNSName':
    case 'rfc822Name':
    case 'uniformResourceIdentifier': {
      const { text } = generalName
      if (text === null || text === '' || !isMatchable(text)) return null
      return generalName.kind === 'dNSName' && text.includes('*') ? null : text
    }
    case 'iPAddress':
      return generalName.octets.length === 4 || generalName.octets.length === 16
        ? formatIpAddress(generalName.octets)
        : null
    default:
      return null
  }
}
