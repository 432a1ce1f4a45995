import type { DistinguishedName } from './distinguished-name.ts'

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
