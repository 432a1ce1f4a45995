/** The content of a file as an answer. */
export interface FileAnswer {
  readonly path: string
  readonly bytes: number
  /** It was sent, or nobody wants it any more. */
  dispose(): void
}
