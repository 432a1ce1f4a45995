/** Limits and switches of a namespace: the profile's table with the namespace's overrides. */
export interface NamespaceLimits {
  readonly maximumPacketSizeBytes: number
}
