import type { UnixMillis } from '../../base/time.ts'

/**
 * A PUBLISH that has to wait: the identifier is not yet in it. It may stand in the queues of many; who sends it writes
 * identifier and expiry into a copy.
 */
export interface KeptMessage {
  readonly frame: Buffer
  readonly qos: 1 | 2
  /** Offset of the Packet Identifier. */
  readonly identifierAt: number
  readonly expiresAt: UnixMillis | null
  /** Offset of the Message Expiry Interval's value; 0: there is none. */
  readonly expiryAt: number
  /** It came by no share group. */
  readonly shared: null
}
