import assert from 'node:assert/strict'
import type { ListenerKind, Transport, TransportEnd, TransportHandler } from '../../src/ports/transport.ts'

export interface FakeTransportOptions {
  readonly listener?: ListenerKind
  readonly serverName?: string | null
  readonly remoteAddress?: string
  readonly tlsVersion?: 'TLSv1.2' | 'TLSv1.3' | null
  readonly peerChain?: readonly Uint8Array[]
  readonly refusedOrigin?: string
}

/** The peer's end of a fake transport. */
export interface FakePeer {
  /** Hands the bytes to the broker at once, or when it starts or resumes. */
  send(bytes: Uint8Array): void
  /** Everything received so far and not taken. */
  received(): Uint8Array
  /** The door holds so many bytes of a message that is not complete. */
  hold(bytes: number): void
  /** Returns what was received and forgets it. */
  take(): Uint8Array
  /** Called at each write that arrives. */
  onReceive: (() => void) | null
  /** How often the broker called `write` with bytes: one per connection and turn is the rule. */
  readonly writes: number
  /** True: nothing is taken from the broker any more, `pendingBytes` grows. False: takes all of it. */
  stall(stalled: boolean): void
  /** Ends the stream in order, behind what was sent. */
  close(): void
  /** Cuts the stream. */
  reset(): void
  /** How it ended for the broker; null while it stands. */
  readonly ended: TransportEnd | null
  /** True while the broker does not read. */
  readonly paused: boolean
  readonly started: boolean
}

let addresses = 0

/**
 * A transport without a socket. Strict where a socket is strict but seldom shows it: a chunk is overwritten after
 * `onChunk` returns, and ranges of a stalled write are read only when the stall ends.
 */
export function fakeTransport(options: FakeTransportOptions = {}): { readonly transport: Transport; peer: FakePeer } {
  const inbound: Uint8Array[] = []
  let outbound: Uint8Array[] = []
  let received: Uint8Array[] = []
  let handler: TransportHandler | null = null
  let ended: TransportEnd | null = null
  let ending: TransportEnd | null = null
  let pending = 0
  let paused = false
  let stalled = false
  let closing = false
  let peerDone = false
  let delivering = false
  let writes = 0

  function end(how: TransportEnd): void {
    if (ended !== null || ending !== null) return
    ending = how
    queueMicrotask(() => {
      ended = how
      outbound = []
      pending = 0
      handler?.onEnd(how)
    })
  }

  function deliver(): void {
    if (delivering) return
    delivering = true
    try {
      while (handler !== null && !paused && ending === null && inbound.length > 0) {
        const chunk = inbound.shift() as Uint8Array
        handler.onChunk(chunk)
        chunk.fill(0xa5)
      }
    } finally {
      delivering = false
    }
    if (peerDone && handler !== null && !paused && inbound.length === 0) end({ kind: 'peerClosed' })
  }

  function takeOutbound(): void {
    if (stalled || outbound.length === 0) return
    for (const range of outbound) received.push(new Uint8Array(range))
    outbound = []
    pending = 0
    peer.onReceive?.()
  }

  const transport: Transport = {
    listener: options.listener ?? 'mqtts',
    serverName: options.serverName ?? null,
    remoteAddress: options.remoteAddress ?? `fake-${++addresses}`,
    tlsVersion: options.tlsVersion ?? (options.listener === 'mqtt-tcp' ? null : 'TLSv1.3'),
    peerChain: options.peerChain ?? [],
    refusedOrigin: options.refusedOrigin ?? null,
    get pendingBytes() {
      return pending
    },
    start(newHandler) {
      assert.equal(handler, null, 'a transport is started once')
      handler = newHandler
      deliver()
    },
    write(ranges) {
      if (ending !== null || closing) return
      const bytes = ranges.reduce((sum, range) => sum + range.length, 0)
      if (bytes === 0) return
      writes++
      outbound.push(...ranges)
      pending += bytes
      takeOutbound()
    },
    pause() {
      paused = true
    },
    resume() {
      if (!paused) return
      paused = false
      queueMicrotask(deliver)
    },
    close() {
      closing = true
      if (pending === 0) end({ kind: 'closedByUs' })
    },
    destroy() {
      end({ kind: 'closedByUs' })
    },
  }

  const peer = {
    send(bytes: Uint8Array) {
      assert.ok(!peerDone, 'the peer has closed')
      if (ending !== null || bytes.length === 0) return
      inbound.push(new Uint8Array(bytes))
      deliver()
    },
    hold: (bytes: number) => handler?.onHeld?.(bytes),
    received: () => new Uint8Array(Buffer.concat(received)),
    take() {
      const bytes = new Uint8Array(Buffer.concat(received))
      received = []
      return bytes
    },
    onReceive: null as (() => void) | null,
    get writes() {
      return writes
    },
    stall(value: boolean) {
      stalled = value
      const waited = pending > 0
      takeOutbound()
      if (stalled || !waited) return
      if (closing) end({ kind: 'closedByUs' })
      else if (ending === null) handler?.onDrain()
    },
    close() {
      peerDone = true
      deliver()
    },
    reset() {
      inbound.length = 0
      end({ kind: 'error', code: 'ECONNRESET' })
    },
    get ended() {
      return ended
    },
    get paused() {
      return paused
    },
    get started() {
      return handler !== null
    },
  }
  return { transport, peer }
}
