import { setTimeout as sleep } from 'node:timers/promises'
import { type Field, FixedFrames } from './fixed-frames.ts'
import type { LoadResult, TrafficJob } from './job.ts'
import { LatencyRecorder } from './latency.ts'
import { type Link, openAll, openClient, subscribe } from './link.ts'
import { measure } from './measure.ts'
import { ResourceWriter } from './resource-writer.ts'
import { puback, publishHeader, publishPacket } from './wire.ts'

const pubackSize = 4
/** Messages of a publisher that are under way at full load. */
const fullWindow = 10
/** No delivery for so long means that messages are lost or the broker hangs. */
const stallMs = 5_000

/**
 * One publisher. Its messages are encoded once, twice over the length of the window, so that whatever the window has
 * room for is one contiguous piece and one write.
 */
class Publisher {
  readonly link: Link
  readonly #frames: Buffer
  readonly #frameSize: number
  readonly #window: number
  /** Monotonic milliseconds at which the message at this place of the window was due. */
  readonly dueAt: Float64Array
  sent = 0
  acknowledged = 0
  delivered = 0

  constructor(link: Link, frames: Buffer, window: number) {
    this.link = link
    this.#frames = frames
    this.#frameSize = frames.length / (2 * window)
    this.#window = window
    this.dueAt = new Float64Array(window)
  }

  room(qos: 0 | 1): number {
    const done = qos === 0 ? this.delivered : Math.min(this.delivered, this.acknowledged)
    return this.#window - (this.sent - done)
  }

  send(count: number, due: number): void {
    const first = this.sent % this.#window
    for (let i = 0; i < count; i++) this.dueAt[(this.sent + i) % this.#window] = due
    this.sent += count
    this.link.write(this.#frames.subarray(first * this.#frameSize, (first + count) * this.#frameSize))
  }

  /** @returns when the next message to be delivered was due */
  deliver(): number {
    return this.dueAt[this.delivered++ % this.#window]!
  }
}

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

export async function runTraffic(job: TrafficJob): Promise<LoadResult> {
  const traffic = new Traffic(job)
  await traffic.open()
  try {
    return await traffic.run()
  } finally {
    traffic.close()
  }
}

class Traffic {
  readonly #job: TrafficJob
  readonly #publishers: Publisher[] = []
  readonly #subscribers: Subscriber[] = []
  readonly #bystanders: Link[] = []
  readonly #readyPublishers = new Set<Publisher>()
  readonly #readySubscribers = new Set<Subscriber>()
  readonly #latency: LatencyRecorder
  readonly #flush = () => this.#endOfTurn()
  #flushDue = false
  #stopping = false
  /** Sends as much as the window allows. */
  #saturating: boolean
  #delivered = 0
  #failure: string | null = null

  constructor(job: TrafficJob) {
    this.#job = job
    this.#saturating = job.messagesPerSecond === null
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
    const unused = this.#job.messagesPerSecond === 'half' ? Math.max(0, this.#job.window - fullWindow) : 0
    for (const publisher of this.#readyPublishers) {
      const room = publisher.room(this.#job.qos) - unused
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

  async run(): Promise<LoadResult> {
    const { messagesPerSecond } = this.#job
    const cipher = this.#subscribers[0]!.link.cipher
    const churn =
      this.#job.churnPerSecond > 0 ? setInterval(() => this.#churn(), 1000 / this.#job.churnPerSecond) : null
    const { api, resourcesPerSecond } = this.#job
    const isWriting = api !== null && resourcesPerSecond > 0
    const writer = isWriting ? new ResourceWriter(api, resourcesPerSecond, (reason) => this.#fail(reason)) : null
    const watch = this.#watch()
    try {
      if (messagesPerSecond === null) this.#saturate()
      else if (messagesPerSecond === 'half') {
        this.#pace((await Promise.race([this.#findSaturation(), watch.failed])) / 2)
      } else this.#pace(messagesPerSecond)
      const measuring = measure(
        this.#job,
        () => this.#delivered,
        () => this.#latency.reset(),
      )
      const measured = await Promise.race([measuring, watch.failed])
      const latencyMs = this.#latency.summary()
      this.#stopping = true
      await this.#drain()
      return { ...measured, latencyMs, bytesPerConnection: null, cipher }
    } finally {
      watch.stop()
      writer?.stop()
      if (churn !== null) clearInterval(churn)
    }
  }

  #saturate(): void {
    for (const publisher of this.#publishers) this.#readyPublishers.add(publisher)
    this.#scheduleFlush()
  }

  /** Messages per second that the broker takes with ten of each publisher under way. */
  async #findSaturation(): Promise<number> {
    this.#saturating = true
    this.#saturate()
    await sleep(this.#job.warmupMs)
    const begun = performance.now()
    const before = this.#delivered
    await sleep(Math.max(1_000, this.#job.measureMs / 2))
    const delivered = this.#delivered - before
    const seconds = (performance.now() - begun) / 1_000
    this.#saturating = false
    await this.#drain()
    return delivered / (this.#job.pattern === 'fan-out' ? this.#subscribers.length : 1) / seconds
  }

  /** Sends on schedule whatever the broker does, so that its pauses show in the latencies of what waited meanwhile. */
  #pace(messagesPerSecond: number): void {
    const start = performance.now()
    let due = 0
    const turn = () => {
      if (this.#stopping) return
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

  #churned = 0
  /** A client that connects, subscribes and leaves. */
  #churn(): void {
    const { target, version } = this.#job
    const index = this.#churned++
    const clientId = `bench-churn-${index}`
    openClient({ target, version, index, clientId, cleanStart: true })
      .then(async (link) => {
        await subscribe(link, version, [`bench/churn/${index}/+`], 0)
        link.leave()
      })
      .catch((error: Error) => this.#fail(`churn: ${error.message}`))
  }

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
    const deadline = performance.now() + stallMs
    while (this.#underWay() > 0) {
      if (this.#failure !== null) throw new Error(this.#failure)
      if (performance.now() > deadline) throw new Error(`${this.#underWay()} messages were lost`)
      await sleep(10)
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
