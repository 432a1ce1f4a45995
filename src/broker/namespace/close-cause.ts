import type { PacketFailure } from '../../mqtt/packet.ts'
import { ReasonCode } from '../../mqtt/reason-code.ts'
import type { DisconnectionReason } from '../../ports/events.ts'

/** Why a connection ends: what version 5 is told, what the lifecycle event says, what becomes of the will. */
export interface CloseCause {
  readonly reason: DisconnectionReason
  /** Of DISCONNECT; null: the peer ended it, or nothing may be sent. */
  readonly reasonCode: ReasonCode | null
  readonly will: 'publish' | 'discard'
  /** Cut without waiting for what is under way to the peer. */
  readonly abrupt?: boolean
  /** Another owner has the session already: nothing of it is written any more. */
  readonly isFenced?: boolean
  /** The session goes with its connection, whatever its expiry interval. */
  readonly endsSession?: boolean
  /** For the log: where the standard or the table says so. */
  readonly detail?: string
}

export function clientError(reasonCode: ReasonCode, detail: string): CloseCause {
  return { reason: 'ClientError', reasonCode, will: 'publish', detail }
}

export function packetFailure(failure: PacketFailure): CloseCause {
  return clientError(failure.reasonCode, failure.message)
}

export const connectionLost: CloseCause = { reason: 'ConnectionLost', reasonCode: null, will: 'publish' }

export const takenOver: CloseCause = {
  reason: 'SessionTakenOver',
  reasonCode: ReasonCode.SessionTakenOver,
  will: 'discard',
  isFenced: true,
}

export const keepAliveTimeout: CloseCause = {
  reason: 'ClientError',
  reasonCode: ReasonCode.KeepAliveTimeout,
  will: 'publish',
  detail: '[MQTT-3.1.2-22] nothing came within 1.5 times the Keep Alive',
}

export const shuttingDown: CloseCause = {
  reason: 'ServerInitiatedDisconnect',
  reasonCode: ReasonCode.ServerShuttingDown,
  will: 'publish',
}

export const serverError: CloseCause = {
  reason: 'ServerError',
  reasonCode: ReasonCode.UnspecifiedError,
  will: 'publish',
}

/** DISCONNECT knows no 0x88 [MQTT-3.14.2-1]. */
export const storeUnavailable: CloseCause = {
  reason: 'ServerError',
  reasonCode: ReasonCode.ServerBusy,
  will: 'publish',
}

export const sessionOverflow: CloseCause = {
  reason: 'SessionOverflow',
  reasonCode: ReasonCode.QuotaExceeded,
  will: 'publish',
  endsSession: true,
}
