/** Ends what was asked for: a watch, a subscription. */
export type Stop = () => void
