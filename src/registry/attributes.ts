/** Of a client; what groups ask for and topic templates put in. */
export type AttributeValue = number | string | readonly string[]
/** Own keys only; made without a prototype (S47). */
export type Attributes = Readonly<Record<string, AttributeValue>>
