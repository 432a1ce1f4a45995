import { err, ok, type Result } from '../../base/result.ts'
import type { AuthPacket, ConnectPacket, Packet, PacketFailure } from '../../mqtt/packet.ts'
import { ReasonCode, ReturnCode } from '../../mqtt/reason-code.ts'
import type { AuthenticationMethod, AuthenticationStep } from '../../ports/authentication-method.ts'
import type { TokenFailure, VerifiedToken } from '../../ports/token-verifier.ts'
import { type CloseCause, clientError, connectionLost, packetFailure } from '../namespace/close-cause.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { Exchange, Peer } from '../packets/peer.ts'
import { answerRefused } from './connect-refusal.ts'

/** AUTH 0x18 that one exchange may send; no method in use needs more than a few. */
export const maximumQuestions = 16

export interface ExchangeEnd {
  readonly token: Result<VerifiedToken, TokenFailure>
  /** The method's last word to the peer. */
  readonly data: Uint8Array | null
}

/**
 * One enhanced authentication (MQTT 5.0 4.12), at CONNECT or later: the method's steps on one side, AUTH 0x18 to and fro
 * on the other. It ends when the method says so, when it asks too often, or when it is cancelled: the peer left or broke
 * the rules, or the time is up. Before CONNACK the peer is read only while it is asked something.
 */
export class AuthExchange implements Exchange {
  readonly #connection: Peer
  readonly #namespace: Namespace
  readonly #name: string
  readonly #abort = new AbortController()
  readonly #cancelled = new Promise<null>((resolve) => {
    this.#abort.signal.addEventListener('abort', () => resolve(null))
  })
  #answer: ((data: Uint8Array | null) => void) | null = null
  #isBroken = false

  /** @param name Authentication Method of CONNECT; every AUTH repeats it [MQTT-4.12.0-5] */
  constructor(connection: Peer, namespace: Namespace, name: string) {
    this.#connection = connection
    this.#namespace = namespace
    this.#name = name
  }

  /** AUTH 0x18 was sent and is not answered yet. */
  get isAsking(): boolean {
    return this.#answer !== null
  }

  /** The peer broke the rules before CONNACK, and its refusal is on its way. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** @param first Authentication Data of the packet that began it */
  async run(method: AuthenticationMethod, first: Uint8Array | null): Promise<ExchangeEnd> {
    try {
      let step = await this.#unlessCancelled(method.begin(this.#namespace.id, first, this.#abort.signal))
      for (let asked = 0; step?.kind === 'continue'; asked++) {
        if (asked === maximumQuestions) {
          return failed({ kind: 'tokenInvalid', detail: `the method asks for more than ${maximumQuestions} answers` })
        }
        step = await this.#unlessCancelled(this.#ask(step))
      }
      if (step === null) return failed({ kind: 'keysUnavailable', detail: 'the exchange did not end in time' })
      return step.kind === 'done' ? { token: ok(step.identity), data: step.data } : failed(step.failure)
    } finally {
      this.cancel()
    }
  }

  /** Whoever waits for it goes on at once, whatever the method does. */
  cancel(): void {
    this.#answer = null
    this.#connection.waitForAnswer(false)
    this.#abort.abort()
  }

  #unlessCancelled(step: Promise<AuthenticationStep>): Promise<AuthenticationStep | null> {
    return Promise.race([step, this.#cancelled])
  }

  async #ask({ data, next }: Extract<AuthenticationStep, { kind: 'continue' }>): Promise<AuthenticationStep> {
    const connection = this.#connection
    const answered = new Promise<Uint8Array | null>((resolve) => {
      this.#answer = resolve
    })
    connection.core.turn.begin()
    connection.send({
      type: 'AUTH',
      reasonCode: ReasonCode.ContinueAuthentication,
      properties: { authenticationMethod: this.#name, ...(data === null ? {} : { authenticationData: data }) },
    })
    connection.waitForAnswer(true)
    return next(await answered)
  }

  /** @param packet while the peer is asked, and without fault */
  onAnswer(packet: AuthPacket): void {
    const answer = this.#answer
    this.#answer = null
    this.#connection.waitForAnswer(false)
    answer?.(packet.properties.authenticationData ?? null)
  }

  /** What comes between CONNECT and CONNACK: the answer, a farewell, or a reason to refuse. */
  onPacketBeforeConnack(connect: ConnectPacket, packet: Result<Packet, PacketFailure>): void {
    if (!packet.ok) {
      this.#refuse(connect, packetFailure(packet.error))
    } else if (packet.value.type === 'DISCONNECT') {
      this.#connection.end(connectionLost)
    } else if (packet.value.type !== 'AUTH') {
      const detail = `[MQTT-3.1.2-30] ${packet.value.type} before CONNACK: only AUTH and DISCONNECT may come`
      this.#refuse(connect, clientError(ReasonCode.ProtocolError, detail))
    } else {
      const fault = authFault(packet.value, ReasonCode.ContinueAuthentication, this.#name, this.#namespace)
      if (fault === null) this.onAnswer(packet.value)
      else this.#refuse(connect, fault)
    }
  }

  /** There is no DISCONNECT before CONNACK [MQTT-3.14.0-1]: the fault is told in CONNACK. */
  #refuse(connect: ConnectPacket, { reasonCode, detail }: CloseCause): void {
    this.#isBroken = true
    this.cancel()
    answerRefused(this.#connection, connect, {
      kind: 'packet',
      reasonCode: reasonCode ?? ReasonCode.ProtocolError,
      returnCode: ReturnCode.NotAuthorized,
      detail: detail ?? '',
    })
  }
}

function failed(failure: TokenFailure): ExchangeEnd {
  return { token: err(failure), data: null }
}

/**
 * What is wrong with a client's AUTH; null: nothing.
 *
 * @param expected Reason Code that fits now; null: none does
 * @param method Authentication Method of CONNECT
 */
export function authFault(
  { reasonCode, properties }: AuthPacket,
  expected: ReasonCode | null,
  method: string | null,
  namespace: Namespace,
): CloseCause | null {
  const { limits } = namespace
  if (!limits.userPropertiesOutsidePublish && (properties.userProperties?.length ?? 0) > 0) {
    namespace.limitBites('userPropertiesOutsidePublish')
    return clientError(ReasonCode.ImplementationSpecificError, 'User Properties are not allowed in AUTH')
  }
  if (method === null) {
    return clientError(ReasonCode.ProtocolError, '[MQTT-4.12.0-7] CONNECT named no Authentication Method')
  }
  if (properties.authenticationMethod !== method) {
    return clientError(ReasonCode.BadAuthenticationMethod, '[MQTT-4.12.0-5] another Authentication Method')
  }
  if (reasonCode !== expected) {
    return clientError(ReasonCode.ProtocolError, '3.15.2.1 an AUTH that answers and begins nothing')
  }
  if ((properties.authenticationData?.length ?? 0) > limits.maximumAuthenticationDataBytes) {
    namespace.limitBites('maximumAuthenticationDataBytes')
    return clientError(ReasonCode.ImplementationSpecificError, 'the Authentication Data is too long')
  }
  return null
}
