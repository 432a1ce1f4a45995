/** A parsed client group query (docs: registry). */
export interface AttributeQuery {
  readonly text: string
}
