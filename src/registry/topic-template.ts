/** A parsed topic template of a topic space. */
export interface TopicTemplate {
  readonly text: string
}
