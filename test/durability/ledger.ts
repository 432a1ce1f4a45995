import type { Answer, Sent } from './client.ts'

/** How a message went, from the publisher's side. A refused one must not come to anybody. */
const State = { Open: 0, Accepted: 1, Refused: 2 } as const

export interface Violation {
  readonly kind:
    | 'lost'
    /** Came, but later than it may take. */
    | 'late'
    | 'duplicate'
    | 'order'
    | 'refusedButDelivered'
    | 'sessionLost'
    | 'registryLost'
    | 'retainedLost'
    | 'willLost'
    | 'failedStart'
    | 'notResumed'
    | 'brokerError'
  readonly detail: string
}

/** All messages of one publisher to one topic with one QoS, numbered from 0. */
class Flow {
  readonly name: string
  readonly topicName: string
  readonly qos: 1 | 2
  #states: Uint8Array = new Uint8Array(1024)
  count = 0
  accepted = 0
  refused = 0

  constructor(name: string, topicName: string, qos: 1 | 2) {
    this.name = name
    this.topicName = topicName
    this.qos = qos
  }

  next(): number {
    this.#states = grown(this.#states, this.count)
    return this.count++
  }

  set(number: number, accepted: boolean): void {
    this.#states[number] = accepted ? State.Accepted : State.Refused
    if (accepted) this.accepted++
    else this.refused++
  }

  isAccepted(number: number): boolean {
    return this.#states[number] === State.Accepted
  }

  isRefused(number: number): boolean {
    return this.#states[number] === State.Refused
  }
}

/** What one receiver saw of one flow. */
class Receipt {
  #counts: Uint8Array = new Uint8Array(1024)
  highest = -1
  received = 0
  repeats = 0
  /** Everything below was looked at and is complete. */
  checkedTo = 0

  add(number: number): number {
    this.#counts = grown(this.#counts, number)
    const count = (this.#counts[number] as number) + 1
    this.#counts[number] = Math.min(count, 255)
    if (count === 1) this.received++
    else this.repeats++
    return count
  }

  has(number: number): boolean {
    return (this.#counts[number] ?? 0) > 0
  }
}

function grown(array: Uint8Array, index: number): Uint8Array {
  if (index < array.length) return array
  const larger = new Uint8Array(Math.max(array.length * 2, index + 1))
  larger.set(array)
  return larger
}

/** One subscription, or one share group with all its members. */
export class Receiver {
  readonly name: string
  /** The subscription's; a QoS 2 message is received exactly once where this is 2. */
  readonly maximumQoS: 1 | 2
  /** False: several members receive, so only each member's own order counts. */
  readonly isOrdered: boolean
  /** What it subscribed to begins with this. */
  readonly prefix: string
  readonly receipts = new Map<Flow, Receipt>()

  constructor(name: string, maximumQoS: 1 | 2, isOrdered: boolean, prefix: string) {
    this.name = name
    this.maximumQoS = maximumQoS
    this.isOrdered = isOrdered
    this.prefix = prefix
  }

  receiptOf(flow: Flow): Receipt {
    const known = this.receipts.get(flow)
    if (known !== undefined) return known
    const made = new Receipt()
    this.receipts.set(flow, made)
    return made
  }
}

/** Knows what was published, what was acknowledged and who has received what. */
export class Ledger {
  readonly flows = new Map<string, Flow>()
  readonly receivers: Receiver[] = []
  readonly violations: Violation[] = []
  /** Where the run stands, for the report. */
  where = ''

  fail(kind: Violation['kind'], detail: string): void {
    this.violations.push({ kind, detail: `${this.where}: ${detail}` })
  }

  flow(name: string, topicName: string, qos: 1 | 2): Flow {
    const flow = new Flow(name, topicName, qos)
    this.flows.set(name, flow)
    return flow
  }

  receiver(name: string, maximumQoS: 1 | 2, isOrdered = true, prefix = ''): Receiver {
    const receiver = new Receiver(name, maximumQoS, isOrdered, prefix)
    this.receivers.push(receiver)
    return receiver
  }

  /** The next message of a flow. */
  write(flow: Flow, sizeBytes: number, retain = false): Sent {
    const payload = Buffer.alloc(sizeBytes, 0x2e)
    payload.write(`${flow.name} ${flow.next()} `, 0)
    return { topicName: flow.topicName, payload, qos: flow.qos, retain }
  }

  /** A refusal of a message that went out more than once says nothing: the first may have been taken, its answer lost. */
  answered(message: Sent, answer: Answer, attempts: number): void {
    const { flow, number } = this.#read(message.payload)
    if (answer === 'accepted' || attempts === 1) flow?.set(number, answer === 'accepted')
  }

  received(receiver: Receiver, payload: Uint8Array): void {
    const { flow, number } = this.#read(payload)
    if (flow === undefined) return
    const { name } = flow
    if (flow.isRefused(number)) {
      this.fail('refusedButDelivered', `${name} ${number} was refused, and ${receiver.name} has it`)
    }
    const receipt = receiver.receiptOf(flow)
    const count = receipt.add(number)
    if (count > 1) {
      if (flow.qos === 2 && receiver.maximumQoS === 2) {
        this.fail('duplicate', `${receiver.name} has ${name} ${number} for the ${count}. time`)
      }
      return
    }
    if (receiver.isOrdered && number < receipt.highest) {
      this.fail('order', `${receiver.name} has ${name} ${number} after ${receipt.highest}`)
    }
    receipt.highest = Math.max(receipt.highest, number)
  }

  /** Acknowledged messages that the receiver does not have, over all flows. */
  missing(receiver: Receiver): number {
    let missing = 0
    for (const flow of this.#owed(receiver)) missing += missingOf(flow, receiver.receiptOf(flow)).length
    return missing
  }

  /** Everything that is acknowledged should have arrived by now. */
  checkAllArrived(): void {
    for (const receiver of this.receivers) {
      for (const flow of this.#owed(receiver)) {
        const receipt = receiver.receiptOf(flow)
        const missing = missingOf(flow, receipt)
        if (missing.length > 0) {
          this.fail(
            'lost',
            `${receiver.name} lacks ${missing.length} of ${flow.name}: ${missing.slice(0, 5).join(' ')} …`,
          )
        }
        // Told once.
        receipt.checkedTo = flow.count
      }
    }
  }

  #owed({ prefix }: Receiver): Flow[] {
    return [...this.flows.values()].filter(({ topicName }) => topicName.startsWith(prefix))
  }

  /** Messages that came more than once where that is allowed. */
  get repeats(): number {
    let repeats = 0
    for (const { receipts } of this.receivers) for (const receipt of receipts.values()) repeats += receipt.repeats
    return repeats
  }

  get published(): number {
    return sum(this.flows, ({ count }) => count)
  }

  get accepted(): number {
    return sum(this.flows, ({ accepted }) => accepted)
  }

  get refused(): number {
    return sum(this.flows, ({ refused }) => refused)
  }

  get delivered(): number {
    let delivered = 0
    for (const { receipts } of this.receivers) for (const receipt of receipts.values()) delivered += receipt.received
    return delivered
  }

  #read(payload: Uint8Array): { readonly flow: Flow | undefined; readonly number: number } {
    const [name = '', number = ''] = Buffer.from(payload).toString('latin1', 0, 64).split(' ')
    return { flow: this.flows.get(name), number: Number(number) }
  }
}

function missingOf(flow: Flow, receipt: Receipt): number[] {
  const missing: number[] = []
  let isComplete = true
  for (let number = receipt.checkedTo; number < flow.count; number++) {
    if (receipt.has(number) || flow.isRefused(number)) {
      if (isComplete) receipt.checkedTo = number + 1
    } else {
      isComplete = false
      if (flow.isAccepted(number)) missing.push(number)
    }
  }
  return missing
}

function sum(flows: ReadonlyMap<string, Flow>, of: (flow: Flow) => number): number {
  let total = 0
  for (const flow of flows.values()) total += of(flow)
  return total
}

export type { Flow }
