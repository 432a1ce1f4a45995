/** Topics that were sent lately without an alias, at most this many: only what repeats is worth one. */
const remembered = 64

/**
 * Aliases that we use towards one client, which allows them: a topic gets one when it is sent for the second time, and
 * the oldest alias is given away when all are in use (MQTT 5.0 3.3.2.3.4).
 */
export class OutgoingAliases {
  readonly #maximum: number
  readonly #byTopic = new Map<string, number>()
  readonly #topics: string[] = []
  #next = 0
  #seen = new Set<string>()

  /** @param maximum 1 to 65,535 */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /**
   * The alias for the next PUBLISH of this topic; `sent` makes it so.
   *
   * @returns 0: none; positive: new, the topic goes with it; negative: known to the client, the topic may be left out
   */
  aliasOf(topicName: string): number {
    const known = this.#byTopic.get(topicName)
    if (known !== undefined) return -known
    return this.#seen.has(topicName) ? this.#next + 1 : 0
  }

  /** The PUBLISH with this alias is on its way: only now the client knows what the alias stands for. */
  sent(topicName: string, alias: number): void {
    if (alias < 0) return
    if (alias === 0) {
      if (this.#seen.size >= remembered) this.#seen.clear()
      this.#seen.add(topicName)
      return
    }
    this.#seen.delete(topicName)
    const place = alias - 1
    this.#next = alias % this.#maximum
    const before = this.#topics[place]
    if (before !== undefined) this.#byTopic.delete(before)
    this.#topics[place] = topicName
    this.#byTopic.set(topicName, alias)
  }
}
