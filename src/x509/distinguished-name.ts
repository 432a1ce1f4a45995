/** One attribute of a name: type and value as encoded. */
export interface AttributeTypeAndValue {
  /** Dotted decimal, e.g. `2.5.4.3`. */
  readonly oid: string
  /** ASN.1 tag of the value, e.g. 0x0c for UTF8String. */
  readonly tag: number
  /** Content octets of the value. */
  readonly content: Uint8Array
  /** The decoded text; null when the string type or its bytes are not well formed (S5): such a value never matches. */
  readonly text: string | null
}

/** An X.501 name (RFC 5280 4.1.2.4): RDNs in encoding order, each a set of one or more attributes. */
export interface DistinguishedName {
  /** The whole Name SEQUENCE as encoded. */
  readonly der: Uint8Array
  readonly relativeDistinguishedNames: readonly (readonly AttributeTypeAndValue[])[]
}
