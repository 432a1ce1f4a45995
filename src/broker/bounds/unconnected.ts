/** Bytes that all peers together may have waiting before anybody knows who they are (S55). */
const boundBytes = 64 << 20

export interface WaitingPeer {
  /** There is no room for what it keeps us waiting with. */
  onOutOfRoom(): void
}

/** Incomplete bytes of peers that are not connected yet. When there are too many, whoever waits longest goes first. */
export class Unconnected {
  readonly #bytes = new Map<WaitingPeer, number>()
  readonly #boundBytes: number
  #total = 0

  constructor(bound = boundBytes) {
    this.#boundBytes = bound
  }

  /** @param bytes that this peer has waiting now */
  note(peer: WaitingPeer, bytes: number): void {
    const before = this.#bytes.get(peer)
    if (before === undefined && bytes === 0) return
    this.#total += bytes - (before ?? 0)
    // A peer keeps the place of its first byte.
    this.#bytes.set(peer, bytes)
    while (this.#total > this.#boundBytes) {
      const oldest = this.#bytes.keys().next()
      if (oldest.done) return
      this.forget(oldest.value)
      oldest.value.onOutOfRoom()
    }
  }

  forget(peer: WaitingPeer): void {
    this.#total -= this.#bytes.get(peer) ?? 0
    this.#bytes.delete(peer)
  }
}
