/** The door a peer came through. */
export type ListenerKind = 'mqtts' | 'wss' | 'mqtt-tcp'

/** Why a transport ended, as far as the door can tell. */
export type TransportEnd =
  | { readonly kind: 'peerClosed' }
  | { readonly kind: 'closedByUs' }
  | { readonly kind: 'error'; readonly code: string }

/** What the core hands to a transport once, before the first byte is delivered. */
export interface TransportHandler {
  /** Bytes in order. The view is only valid during the call; keep a copy of what is needed later. */
  onChunk(chunk: Uint8Array): void
  /**
   * The door holds this many bytes that it cannot deliver yet (a message that is not complete), or holds none any more.
   * Told from the start of the flow until the first `write`, so that strangers' bytes are counted wherever they wait.
   */
  onHeld?(bytes: number): void
  /** `pendingBytes` fell back to zero after it was above zero at the end of a `write`. */
  onDrain(): void
  /** Called exactly once; nothing is called after it. */
  onEnd(end: TransportEnd): void
}

/**
 * One MQTT peer's byte stream with the facts that its door established. Facts never change: a namespace or an identity
 * is never derived from anything that can.
 */
export interface Transport {
  readonly listener: ListenerKind
  /** SNI host name, lower case, one trailing dot dropped; null when absent, an IP literal or not ASCII. */
  readonly serverName: string | null
  /** Textual IP address without port; for tests anything unique. */
  readonly remoteAddress: string
  readonly tlsVersion: 'TLSv1.2' | 'TLSv1.3' | null
  /** Certificates the peer sent and whose leaf key it proved to hold: DER, leaf first; empty when it sent none. */
  readonly peerChain: readonly Uint8Array[]
  /**
   * Web page (its origin) that opened the stream and may not use its visitor's certificate: `peerChain` is empty though
   * one was shown. Null or absent: there is no such page.
   */
  readonly refusedOrigin?: string | null

  /** Bytes accepted by `write` that the operating system has not taken yet. */
  readonly pendingBytes: number
  /** Starts the flow. Chunks that arrived before wait, at most one receive buffer of them. */
  start(handler: TransportHandler): void
  /**
   * Queues the ranges as one write. The caller may reuse the memory once `pendingBytes` is zero (at return or at
   * `onDrain`). Ignored after the end.
   */
  write(ranges: readonly Uint8Array[]): void
  /** Stops reading; the peer is slowed by its own socket. At most one receive buffer is still delivered. */
  pause(): void
  resume(): void
  /** Sends what was written, then ends the stream; cuts it when the peer does not follow within some seconds. */
  close(): void
  /** Cuts the stream at once. */
  destroy(): void
}

/** What a listener calls for each peer whose transport stands (for TLS: after the handshake is complete). */
export type AcceptTransport = (transport: Transport) => void

/** A door that never got as far as a transport: the handshake failed. Facts for the decision log, never trusted. */
export interface HandshakeFailure {
  readonly listener: ListenerKind
  readonly serverName: string | null
  readonly remoteAddress: string
  /** Reason as the TLS library names it, cut at 256 bytes. */
  readonly reason: string
}
