import type { ChildType } from '../../registry/resource-id.ts'
import type { Schema } from './schema.ts'

/** A flag of `create` and `update`, and where its value goes in the document. */
export interface Flag {
  /** With its dashes and, for several words, `<…>`. */
  readonly flag: string
  readonly placeholder: string
  readonly description: string
  readonly path: readonly string[]
  readonly schema: Schema
  /** Other spellings that scripts for Azure use. */
  readonly aliases?: readonly string[]
  readonly required?: true
  /** Fixed when the resource is made. */
  readonly createOnly?: true
  /** The value is a certificate, in a file or as text. */
  readonly certificate?: true
  /** The value is a revocation list, in a file: it is sent beside the document. */
  readonly list?: true
}

export interface Column {
  readonly heading: string
  readonly value: (document: ResourceDocument) => string | number | null | undefined
}

export interface ResourceDocument {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly location?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly sku?: { readonly name: string; readonly capacity: number }
  readonly properties: Readonly<Record<string, unknown>>
  readonly warnings?: readonly { readonly code: string; readonly message: string }[]
}

export interface Kind {
  /** As in `sealgate namespace client`; empty: the namespace itself. */
  readonly command: string
  readonly type: ChildType | null
  readonly one: string
  readonly many: string
  readonly flags: readonly Flag[]
  readonly columns: readonly Column[]
  /** What a name may be, for messages. */
  readonly example: string
}

/** A place below `properties`. */
export const properties = (name: string): readonly string[] => ['properties', name]
export const property =
  (...path: readonly string[]) =>
  ({ properties: start }: ResourceDocument): string | null => {
    let value: unknown = start
    for (const key of path)
      value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
    if (value === undefined || value === null) return null
    return typeof value === 'string' ? value : JSON.stringify(value)
  }

export const nameColumn: Column = { heading: 'name', value: (document) => document.name }
