import { setTimeout as sleep } from 'node:timers/promises'
import { Churn } from './churn.ts'
import { type Field, FixedFrames } from './fixed-frames.ts'
import type { LoadResult, TrafficJob, Work } from './job.ts'
import { LatencyRecorder } from './latency.ts'
import { type Link, openAll, openClient, subscribe } from './link.ts'
import { measure, warmUp } from './measure.ts'
import { Publisher } from './publisher.ts'
import { puback, publishHeader, publishPacket } from './wire.ts'

const pubackSize = 4
/** Messages of a publisher that are under way at full load. */
const fullWindow = 10
/** Share of the schedule below which it was not kept. */
const keptSchedule = 0.95
/** No delivery for so long means that messages are lost or the broker hangs. */
const stallMs = 5_000
const drainLookMs = 10

interface Subscriber {
  readonly link: Link
  delivered: number
  /** Acknowledgements of this turn, as the packets that carry them. */
  acks: Buffer
  ackBytes: number
}

/** Topics are of equal length, so that all messages of a run are. */
function topicName(index: number): string {
  return `bench/${String(index).padStart(5, '0')}/data`
}

export async function openTraffic(job: TrafficJob): Promise<Work> {
  const traffic = new Traffic(job)
  await traffic.open()
  await traffic.warmUp()
  return traffic
}

class Traffic implements Work {
  readonly #job: TrafficJob
  readonly #publishers: Publisher[] = []
  readonly #subscribers: Subscriber[] = []
  readonly #bystanders: Link[] = []
  readonly #readyPublishers = new Set<Publisher>()
  readonly #readySubscribers = new Set<Subscriber>()
  readonly #latency: LatencyRecorder
  readonly #churn: Churn
  readonly #flush = () => this.#endOfTurn()
  #flushDue = false
  #stopping = false
  /** Sends as much as there is room for. */
  #saturating = false
  /** Places of the window that are not used while it does. */
  #unused: number
  /** Messages per second on schedule; null: as much as there is room for. */
  #rate: number | null = null
  #delivered = 0
  #failure: string | null = null

  constructor(job: TrafficJob) {
    this.#job = job
    this.#churn = new Churn(job, (reason) => this.#fail(reason))
    // What is sent on schedule has room for a second's delay, and full load is the same for all.
    this.#unused = job.messagesPerSecond === null ? 0 : job.window - fullWindow
    this.#latency = new LatencyRecorder(job.measureLatency ? 1_000_000 : 0)
  }

  async open(): Promise<void> {
    const { target, version, qos, pattern, publishers, subscribers } = this.#job
    const clean = !this.#job.durable
    const fields = (index: number, role: string) => ({
      target,
      version,
      index,
      clientId: `bench-${role}-${String(index).padStart(5, '0')}`,
      cleanStart: role === 'sub' ? clean : true,
    })
    await this.#openBystanders()
    const receivers = await openAll(subscribers, 32, async (index) => {
      const link = await openClient(fields(index, 'sub'))
      const filters = pattern === 'fan-in' ? ['bench/+/data'] : [topicName(pattern === 'fan-out' ? 0 : index)]
      await subscribe(link, version, filters, qos)
      return link
    })
    const senders = await openAll(publishers, 32, (index) => openClient(fields(index, 'pub')))
    for (const [index, link] of senders.entries()) this.#addPublisher(link, index)
    for (const [index, link] of receivers.entries()) this.#addSubscriber(link, index)
  }

  /** Filters beside the traffic, spread over connections so that no limit of one session is met. */
  async #openBystanders(): Promise<void> {
    const { target, version, otherFilters } = this.#job
    const perPacket = 100
    const perLink = 1_000
    const links = await openAll(Math.ceil(otherFilters / perLink), 4, async (index) => {
      const link = await openClient({ target, version, index, clientId: `bench-filters-${index}`, cleanStart: true })
      const count = Math.min(perLink, otherFilters - index * perLink)
      for (let at = 0; at < count; at += perPacket) {
        const names = Array.from({ length: Math.min(perPacket, count - at) }, (_, i) => index * perLink + at + i)
        const filters = names.map((i) => `bench/+/kind${i % 100}/+/unit${i}/#`)
        await subscribe(link, version, filters, 0)
      }
      return link
    })
    this.#bystanders.push(...links)
  }

  #addPublisher(link: Link, index: number): void {
    const { version, qos, payloadBytes, window } = this.#job
    const payload = Buffer.alloc(payloadBytes, 0x61)
    payload.writeUInt16BE(index, 0)
    const frames = Array.from({ length: 2 * window }, (_, i) =>
      publishPacket({
        version,
        topicName: topicName(this.#job.pattern === 'fan-out' ? 0 : index),
        qos,
        packetIdentifier: 1 + (i % window),
        payload,
      }),
    )
    const publisher = new Publisher(link, Buffer.concat(frames), window)
    const acks = new FixedFrames(puback, pubackSize)
    link.onEnd = (reason) => this.#fail(`publisher ${index}: ${reason}`)
    link.onBytes = (bytes, length) => {
      publisher.acknowledged += acks.push(bytes, length)
      this.#readyPublishers.add(publisher)
      this.#scheduleFlush()
    }
    this.#publishers.push(publisher)
  }

  #addSubscriber(link: Link, index: number): void {
    const { version, qos, payloadBytes, pattern } = this.#job
    const sample = publishPacket({
      version,
      topicName: topicName(0),
      qos,
      packetIdentifier: 1,
      payload: Buffer.alloc(payloadBytes),
    })
    const most = Math.ceil((256 * 1024) / sample.length) + 1
    // With several publishers behind one subscriber, the first two payload bytes say whose message it is.
    const origin: Field = {
      offset: pattern === 'fan-in' ? sample.length - payloadBytes : -1,
      values: new Uint16Array(most),
    }
    const identifierAt = sample.length - payloadBytes - (version === 5 ? 3 : 2)
    const identifier: Field = { offset: qos === 1 ? identifierAt : -1, values: new Uint16Array(most) }
    const frames = new FixedFrames(publishHeader(qos), sample.length, [origin, identifier])
    const subscriber: Subscriber = { link, delivered: 0, acks: Buffer.alloc(0), ackBytes: 0 }
    const own = pattern === 'pairs' ? this.#publishers[index]! : null
    link.onEnd = (reason) => this.#fail(`subscriber ${index}: ${reason}`)
    link.onBytes = (bytes, length) => {
      const count = frames.push(bytes, length)
      if (count === 0) return
      this.#delivered += count
      subscriber.delivered += count
      if (qos === 1) this.#acknowledge(subscriber, identifier.values, count)
      if (own !== null) this.#credit(own, count)
      else if (pattern === 'fan-in')
        for (let i = 0; i < count; i++) this.#credit(this.#publishers[origin.values[i]!]!, 1)
      this.#scheduleFlush()
    }
    this.#subscribers.push(subscriber)
  }

  #credit(publisher: Publisher, count: number): void {
    if (this.#latency.enabled) {
      const now = performance.now()
      for (let i = 0; i < count; i++) this.#latency.add(now - publisher.deliver())
    } else {
      publisher.delivered += count
    }
    this.#readyPublishers.add(publisher)
  }

  #acknowledge(subscriber: Subscriber, identifiers: Uint16Array, count: number): void {
    if (subscriber.acks.length < subscriber.ackBytes + count * pubackSize) {
      // The socket may still hold the last block, so a new one is taken rather than the old one grown.
      const block = Buffer.allocUnsafe(subscriber.ackBytes + Math.max(count * pubackSize, 64 * pubackSize))
      subscriber.acks.copy(block, 0, 0, subscriber.ackBytes)
      subscriber.acks = block
    }
    let at = subscriber.ackBytes
    for (let i = 0; i < count; i++) {
      const identifier = identifiers[i]!
      subscriber.acks[at++] = puback
      subscriber.acks[at++] = 2
      subscriber.acks[at++] = identifier >>> 8
      subscriber.acks[at++] = identifier & 0xff
    }
    subscriber.ackBytes = at
    this.#readySubscribers.add(subscriber)
  }

  #scheduleFlush(): void {
    if (this.#flushDue) return
    this.#flushDue = true
    setImmediate(this.#flush)
  }

  /** One write per connection and turn: what arrived together is answered together. */
  #endOfTurn(): void {
    this.#flushDue = false
    for (const subscriber of this.#readySubscribers) {
      subscriber.link.write(subscriber.acks.subarray(0, subscriber.ackBytes))
      subscriber.acks = subscriber.acks.subarray(subscriber.ackBytes)
      subscriber.ackBytes = 0
    }
    this.#readySubscribers.clear()
    if (this.#job.pattern === 'fan-out') this.#creditFanOut()
    if (this.#stopping || !this.#saturating) return
    const now = this.#latency.enabled ? performance.now() : 0
    for (const publisher of this.#readyPublishers) {
      const room = publisher.room(this.#job.qos) - this.#unused
      if (room > 0) publisher.send(room, now)
    }
    this.#readyPublishers.clear()
  }

  /** A message to many is delivered when the last of them has it. */
  #creditFanOut(): void {
    const publisher = this.#publishers[0]!
    let least = Number.POSITIVE_INFINITY
    for (const subscriber of this.#subscribers) least = Math.min(least, subscriber.delivered)
    if (least > publisher.delivered) this.#credit(publisher, least - publisher.delivered)
  }

  /** At full load, whatever is measured afterwards: a broker that has been up for a while has seen that. */
  async warmUp(): Promise<void> {
    const { messagesPerSecond } = this.#job
    await this.#churn.warmUp()
    await this.#underLoad(() => {
      this.#saturate()
      return warmUp(this.#job)
    })
    this.#rate = messagesPerSecond === 'half' ? (await this.#rateOneAtATime()) / 2 : messagesPerSecond
  }

  async measure(): Promise<LoadResult> {
    const cipher = this.#subscribers[0]!.link.cipher
    const rate = this.#rate
    return await this.#underLoad(async () => {
      if (rate === null) this.#saturate()
      else this.#pace(rate)
      const measured = await measure(
        this.#job,
        () => this.#delivered,
        () => this.#latency.reset(),
      )
      if (rate !== null) this.#checkSchedule(rate, measured)
      return { ...measured, latencyMs: this.#latency.summary(), bytesPerConnection: null, cipher }
    })
  }

  /** With churn beside it and an eye on what is lost; afterwards all that was sent has arrived. */
  async #underLoad<T>(work: () => Promise<T>): Promise<T> {
    this.#stopping = false
    this.#churn.start()
    const watch = this.#watch()
    try {
      const result = await Promise.race([work(), watch.failed])
      this.#stopping = true
      this.#saturating = false
      await this.#drain()
      return result
    } finally {
      watch.stop()
      this.#churn.stop()
    }
  }

  #saturate(): void {
    this.#saturating = true
    for (const publisher of this.#publishers) this.#readyPublishers.add(publisher)
    this.#scheduleFlush()
  }

  /**
   * Messages per second that the broker takes with one message of each publisher under way. That is the load that traffic on
   * schedule, which comes one by one, is a half of: with ten under way, ten share a read and a write on both sides, and half of
   * what they reach is several times what either side can do with single messages.
   */
  async #rateOneAtATime(): Promise<number> {
    const unused = this.#unused
    this.#unused = this.#job.window - 1
    const { count, seconds } = await this.#underLoad(() => {
      this.#saturate()
      return measure(this.#job, () => this.#delivered)
    })
    this.#unused = unused
    return count / (this.#job.pattern === 'fan-out' ? this.#subscribers.length : 1) / seconds
  }

  /** Latencies are those of the schedule only as long as it is kept. */
  #checkSchedule(rate: number, { count, seconds }: Pick<LoadResult, 'count' | 'seconds'>): void {
    const asked = rate * (this.#job.pattern === 'fan-out' ? this.#subscribers.length : 1)
    const kept = count / seconds
    if (kept < keptSchedule * asked)
      throw new Error(`${Math.round(kept)} of ${Math.round(asked)} messages a second on schedule`)
  }

  /** Sends on schedule whatever the broker does, so that its pauses show in the latencies of what waited meanwhile. */
  #pace(messagesPerSecond: number): void {
    const start = performance.now()
    const schedule = ++this.#schedules
    let due = 0
    const turn = () => {
      if (this.#stopping || schedule !== this.#schedules) return
      const now = performance.now()
      while (start + (due * 1000) / messagesPerSecond <= now) {
        const publisher = this.#publishers[due % this.#publishers.length]!
        if (publisher.room(this.#job.qos) <= 0) break
        publisher.send(1, start + (due * 1000) / messagesPerSecond)
        due++
      }
      setImmediate(turn)
    }
    turn()
  }

  #schedules = 0
  #watch(): { failed: Promise<never>; stop: () => void } {
    let last = -1
    let lastAt = performance.now()
    let timer: NodeJS.Timeout | undefined
    const failed = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        if (this.#failure !== null) reject(new Error(this.#failure))
        if (this.#delivered !== last) {
          last = this.#delivered
          lastAt = performance.now()
        } else if (performance.now() - lastAt > stallMs) {
          reject(new Error(`stalled: ${this.#underWay()} messages neither delivered nor refused`))
        }
      }, 250)
    })
    return { failed, stop: () => clearInterval(timer) }
  }

  /** After the last message everything must arrive: a broker that loses messages is not faster. */
  async #drain(): Promise<void> {
    let last = -1
    // Looks, not time: while others have the processor, neither the broker comes on nor do we look.
    for (let looks = 0; this.#underWay() > 0; looks++) {
      if (this.#failure !== null) throw new Error(this.#failure)
      if (looks * drainLookMs > stallMs) throw new Error(`${this.#underWay()} messages were lost`)
      if (this.#delivered !== last) looks = 0
      last = this.#delivered
      await sleep(drainLookMs)
    }
  }

  #underWay(): number {
    let sent = 0
    for (const publisher of this.#publishers) sent += publisher.sent
    const copies = this.#job.pattern === 'fan-out' ? this.#subscribers.length : 1
    return sent * copies - this.#delivered
  }

  #fail(reason: string): void {
    this.#failure ??= reason
  }

  close(): void {
    this.#stopping = true
    const links = [...this.#publishers, ...this.#subscribers].map(({ link }) => link)
    for (const link of [...links, ...this.#bystanders]) link.destroy()
  }
}
