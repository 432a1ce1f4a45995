import { patchPacketIdentifier } from '../../mqtt/publish-encoder.ts'
import type { Transport } from '../../ports/transport.ts'
import type { Arena, ArenaPool } from '../turn/arena.ts'
import type { Turn, TurnOutbox } from '../turn/turn.ts'
import type { KeptMessage } from './kept-message.ts'

/** Ranges up to this many bytes together are copied into one block: one buffer is cheaper than many (bench: QoS 1). */
const coalesceBytes = 128 << 10
/** A burst is handed over before the turn ends, so that a turn's memory stays bounded. */
const earlyFlushBytes = 512 << 10
/** What a subscriber that keeps up may have waiting, as a multiple of the bound for one that does not. */
const burstFactor = 8
const smallestBacklogBlock = 16 << 10
/** Of all outboxes with nothing to list: an idle connection has none of its own (bench: mtls-idle). */
const none: (Arena | null)[] = []
const noNumbers: number[] = []
const noBacklog: Uint8Array[] = []

export interface OutboxOwner {
  /** Everything that was written has been taken. */
  onOutboxDrained(): void
  /** The arenas that this peer pins are needed: it has to go. */
  onOutboxOverrun(): void
}

/**
 * What one connection is about to be sent: byte ranges in arenas, in order, extended when contiguous, handed over as one
 * write at the end of the turn. A range that the transport cannot take by the end of the turn after its own moves into
 * the connection's own bounded memory, so that a slow peer pins no arena.
 */
export class Outbox implements TurnOutbox {
  readonly #turn: Turn
  readonly #transport: Transport
  readonly #owner: OutboxOwner
  #boundBytes: number

  /** Nearly always there is one range, kept here so that no list has to be looked at (bench: tls-one); null: see the lists. */
  #onlyArena: Arena | null = null
  #onlyStart = 0
  #onlyEnd = 0
  #arenas = none
  /** Four per range: start, end, offset of the Packet Identifier to write (0: none), the identifier. */
  #numbers = noNumbers
  #count = 0
  /** Turn of the oldest range. */
  #since = 0
  #isDirty = false

  #backlog = noBacklog
  /** Free bytes at the end of the last backlog block. */
  #backlogFree = 0

  /** The transport has not taken the last write yet; `#held` stays pinned until it has. */
  #busy = false
  #busySince = 0
  /** Of what the transport holds; several only where a burst was not copied into one block. */
  #held: Arena | null = null
  #heldMore: readonly (Arena | null)[] = none
  #ended = false
  /** Somebody waits for room, so the owner is told when there is some; he says whether anybody still does (bench: tls-one). */
  isAwaited = false

  /** Ranges, backlog and what the transport holds. */
  #waitingBytes = 0
  #inTransportBytes = 0

  constructor(turn: Turn, transport: Transport, owner: OutboxOwner, boundBytes: number) {
    this.#turn = turn
    this.#transport = transport
    this.#owner = owner
    this.#boundBytes = boundBytes
    turn.outboxes.add(this)
  }

  setBound(bytes: number): void {
    this.#boundBytes = bytes
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** True when nothing is queued, copied or in the transport. */
  get isEmpty(): boolean {
    return this.#waitingBytes === 0
  }

  /** May a message of this size be appended? A peer that keeps up may burst above its bound within a turn. */
  accepts(size: number): boolean {
    const after = this.#waitingBytes + size
    if (after <= this.#boundBytes) return !this.#ended
    if (this.#ended || this.isSlow) return false
    return after <= this.#boundBytes * burstFactor
  }

  /** True above the bound: time to stop reading what makes us answer. */
  get isOverBound(): boolean {
    return this.#waitingBytes > this.#boundBytes
  }

  /** The transport has not taken in a whole turn what was written. */
  get isSlow(): boolean {
    return this.#busy && this.#turn.number > this.#busySince + 1
  }

  append(arena: Arena, start: number, end: number): void {
    if (this.#ended) return
    this.#waitingBytes += end - start
    if (this.#onlyArena === arena && this.#onlyEnd === start) {
      this.#onlyEnd = end
      return
    }
    const last = this.#count - 1
    if (last >= 0 && this.#arenas[last] === arena) {
      const at = last << 2
      if (this.#numbers[at + 1] === start && this.#numbers[at + 2] === 0) {
        this.#numbers[at + 1] = end
        return
      }
    }
    this.#push(arena, start, end, 0, 0)
  }

  /** A range that others share: `identifier` is written at `at` in this peer's copy only. */
  appendPatched(arena: Arena, start: number, end: number, at: number, identifier: number): void {
    if (this.#ended) return
    this.#waitingBytes += end - start
    this.#push(arena, start, end, at, identifier)
  }

  /** Bytes of any origin; copied. */
  send(bytes: Uint8Array, pool: ArenaPool = this.#turn.acknowledgements): void {
    const arena = pool.reserve(bytes.length)
    const start = arena.used
    arena.bytes.set(bytes, start)
    arena.used = start + bytes.length
    this.append(arena, start, arena.used)
  }

  /** A copy of what waited in a queue, with what is this peer's own. @param expirySeconds written where there is an expiry */
  sendWaiting(
    { frame, identifierAt, expiryAt }: Pick<KeptMessage, 'frame' | 'identifierAt' | 'expiryAt'>,
    identifier: number,
    expirySeconds: number,
  ): void {
    const arena = this.#turn.acknowledgements.reserve(frame.length)
    const start = arena.used
    arena.bytes.set(frame, start)
    patchPacketIdentifier(arena.bytes, start + identifierAt, identifier)
    if (expiryAt > 0) arena.bytes.writeUInt32BE(expirySeconds, start + expiryAt)
    arena.used = start + frame.length
    this.append(arena, start, arena.used)
  }

  #push(arena: Arena, start: number, end: number, patchAt: number, identifier: number): void {
    const isFirst = this.#isWithoutRange
    if (isFirst && patchAt === 0) {
      this.#onlyArena = arena
      this.#onlyStart = start
      this.#onlyEnd = end
    } else {
      this.#spill()
      this.#list(arena, start, end, patchAt, identifier)
    }
    arena.pins++
    if (!this.#isDirty) {
      this.#isDirty = true
      this.#since = this.#turn.number
      this.#turn.dirty(this)
    } else if (isFirst) {
      this.#since = this.#turn.number
    }
    if (!this.#busy && this.#waitingBytes > earlyFlushBytes) this.#flush()
  }

  get #isWithoutRange(): boolean {
    return this.#onlyArena === null && this.#count === 0
  }

  /** The only range goes before those that follow it. */
  #spill(): void {
    if (this.#onlyArena === null) return
    this.#list(this.#onlyArena, this.#onlyStart, this.#onlyEnd, 0, 0)
    this.#onlyArena = null
  }

  #list(arena: Arena, start: number, end: number, patchAt: number, identifier: number): void {
    if (this.#arenas === none) this.#arenas = []
    if (this.#numbers === noNumbers) this.#numbers = []
    const at = this.#count << 2
    this.#arenas[this.#count++] = arena
    const numbers = this.#numbers
    numbers[at] = start
    numbers[at + 1] = end
    numbers[at + 2] = patchAt
    numbers[at + 3] = identifier
  }

  /** Called by the turn when this outbox was marked dirty in it. */
  endOfTurn(): void {
    this.#isDirty = false
    if (this.#ended) return
    if (!this.#busy) {
      this.#flush()
      return
    }
    if (this.#isWithoutRange) return
    if (this.#turn.number > this.#since) {
      this.#moveToBacklog()
    } else {
      this.#isDirty = true
      this.#turn.dirty(this)
    }
  }

  /** Hands over at once what is there; for the last words of a connection. */
  flushNow(): void {
    if (this.#ended) return
    if (!this.#busy) {
      this.#flush()
      return
    }
    // Over TLS every write is under way until the next turn, so a peer that was just sent something still hears why it
    // has to go. One that takes nothing does not: its backlog is dropped.
    if (this.isSlow) return
    if (!this.#isWithoutRange) this.#moveToBacklog()
    if (this.#backlog.length === 0) return
    this.#transport.write(this.#takeBacklog())
  }

  /** The transport took everything. */
  drained(): void {
    if (!this.#busy) return
    this.#release()
    if (this.#ended) return
    if (!this.#isWithoutRange || this.#backlog.length > 0) this.#markDirty()
    if (this.isAwaited) this.#owner.onOutboxDrained()
  }

  /**
   * Nothing more is sent: what waits here is dropped. What the transport holds stays pinned until `drained` or `gone`,
   * else it would send somebody else's bytes.
   */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#dropRanges()
    this.#backlog = noBacklog
    this.#waitingBytes = this.#inTransportBytes
  }

  /** The transport is over. Whether it still sends what it held nobody says, so that memory is given up. */
  gone(): void {
    this.end()
    this.#turn.outboxes.delete(this)
    if (!this.#busy) return
    if (this.#held !== null) this.#held.isTainted = true
    for (const arena of this.#heldMore) if (arena !== null) arena.isTainted = true
    this.#release()
  }

  holds(arena: Arena): boolean {
    return (
      this.#held === arena ||
      this.#onlyArena === arena ||
      this.#heldMore.includes(arena) ||
      this.#arenas.includes(arena)
    )
  }

  overrun(): void {
    this.#owner.onOutboxOverrun()
  }

  #markDirty(): void {
    if (this.#isDirty) return
    this.#isDirty = true
    this.#turn.dirty(this)
  }

  #unpin(index: number): void {
    const arena = this.#arenas[index]
    if (arena != null) arena.pins--
    this.#arenas[index] = null
  }

  /** Unpins all ranges. */
  #dropRanges(): void {
    if (this.#onlyArena !== null) this.#onlyArena.pins--
    this.#onlyArena = null
    for (let i = 0; i < this.#count; i++) this.#unpin(i)
    this.#count = 0
  }

  #release(): void {
    if (this.#held !== null) {
      this.#held.pins--
      this.#held = null
    }
    if (this.#heldMore !== none) {
      for (const arena of this.#heldMore) if (arena !== null) arena.pins--
      this.#heldMore = none
    }
    this.#busy = false
    this.#waitingBytes -= this.#inTransportBytes
    this.#inTransportBytes = 0
  }

  #flush(): void {
    if (this.#isWithoutRange && this.#backlog.length === 0) return
    const written = this.#waitingBytes
    let ranges: Uint8Array[]
    if (this.#onlyArena !== null && this.#backlog.length === 0) {
      ranges = [this.#onlyArena.bytes.subarray(this.#onlyStart, this.#onlyEnd)]
    } else {
      this.#spill()
      const total = this.#listedBytes
      ranges = this.#takeBacklog()
      if (this.#count > 0 && total <= coalesceBytes) ranges.push(this.#coalesce(total))
      else for (let i = 0; i < this.#count; i++) ranges.push(this.#rangeAt(i))
    }
    this.#transport.write(ranges)
    if (this.#ended) return
    if (this.#transport.pendingBytes === 0) {
      this.#dropRanges()
      this.#waitingBytes -= written
      // Who stopped because too much waited goes on.
      if (written > this.#boundBytes) this.#owner.onOutboxDrained()
      return
    }
    this.#held = this.#onlyArena
    this.#onlyArena = null
    if (this.#count > 0) {
      this.#heldMore = this.#arenas
      this.#arenas = none
      this.#count = 0
    }
    this.#busy = true
    this.#busySince = this.#turn.number
    this.#inTransportBytes = written
  }

  #rangeAt(index: number): Uint8Array {
    const at = index << 2
    const start = this.#numbers[at] as number
    const range = (this.#arenas[index] as Arena).bytes.subarray(start, this.#numbers[at + 1])
    const patchAt = this.#numbers[at + 2] as number
    if (patchAt === 0) return range
    const own = Buffer.from(range)
    own.writeUInt16BE(this.#numbers[at + 3] as number, patchAt - start)
    return own
  }

  /** Copies all ranges into one block of the current arena; from then on only that block is pinned. */
  #coalesce(total: number): Uint8Array {
    const block = this.#turn.arenas.reserve(total)
    const start = block.used
    block.used = start + total
    this.#copyTo(block.bytes, start)
    block.pins++
    this.#onlyArena = block
    return block.bytes.subarray(start, start + total)
  }

  /** Copies and unpins all ranges; the count is left at zero. */
  #copyTo(target: Buffer, start: number): void {
    const numbers = this.#numbers
    let to = start
    for (let i = 0, at = 0; i < this.#count; i++, at += 4) {
      const from = numbers[at] as number
      const end = numbers[at + 1] as number
      const arena = this.#arenas[i] as Arena
      arena.bytes.copy(target, to, from, end)
      const patchAt = numbers[at + 2] as number
      if (patchAt !== 0) {
        const identifier = numbers[at + 3] as number
        target[to + patchAt - from] = identifier >> 8
        target[to + patchAt - from + 1] = identifier & 0xff
      }
      to += end - from
      this.#unpin(i)
    }
    this.#count = 0
  }

  get #listedBytes(): number {
    let total = 0
    for (let i = 0, at = 0; i < this.#count; i++, at += 4) {
      total += (this.#numbers[at + 1] as number) - (this.#numbers[at] as number)
    }
    return total
  }

  #moveToBacklog(): void {
    this.#spill()
    const total = this.#listedBytes
    const last = this.#backlog[this.#backlog.length - 1]
    if (last !== undefined && this.#backlogFree >= total) {
      const block = Buffer.from(last.buffer, last.byteOffset, last.length + total)
      this.#copyTo(block, last.length)
      this.#backlog[this.#backlog.length - 1] = block
      this.#backlogFree -= total
      return
    }
    const size = Math.max(total, smallestBacklogBlock)
    const block = Buffer.allocUnsafeSlow(size)
    this.#copyTo(block, 0)
    if (this.#backlog === noBacklog) this.#backlog = []
    this.#backlog.push(block.subarray(0, total))
    this.#backlogFree = size - total
  }

  /** The taker's own: he may add to it. */
  #takeBacklog(): Uint8Array[] {
    const taken = this.#backlog === noBacklog ? [] : this.#backlog
    this.#backlog = noBacklog
    this.#backlogFree = 0
    return taken
  }
}
