import { connackReasonCode, connackReturnCode, reasonStringFor } from '../../auth/connack-reason.ts'
import type { Accepted, DecisionCode, Refused } from '../../auth/decision.ts'
import { printable } from '../../auth/printable.ts'
import { remedyFor } from '../../auth/remedy.ts'
import type { ConnectPacket, PacketFailure, ProtocolVersion } from '../../mqtt/packet.ts'
import { type ReasonCode, ReturnCode, returnCodeFor } from '../../mqtt/reason-code.ts'
import type { DecisionStep } from '../../ports/events.ts'
import type { OpenOutcome } from '../../ports/session-store.ts'
import type { NamespaceLimits } from '../../registry/profile.ts'
import { type ConnectRate, takeoversPerSecond } from '../bounds/namespace-rates.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { Peer } from '../packets/peer.ts'

export type ConnectRefusal =
  /** Recorded whole, told small. */
  | { readonly kind: 'decision'; readonly refused: Refused }
  /** The packet itself asks for what is not served. */
  | {
      readonly kind: 'packet'
      readonly reasonCode: ReasonCode
      readonly returnCode: ReturnCode
      readonly detail: string
    }

export const unknownNamespace: ConnectRefusal = {
  kind: 'decision',
  refused: {
    outcome: 'refused',
    code: 'unknownNamespace',
    remedy: remedyFor('unknownNamespace'),
    provenPath: false,
    explanation: {
      steps: [step('namespace', 'the host name of a namespace', null, 'the server name belongs to no namespace')],
      authenticationName: null,
      nameSource: null,
      certificateFingerprint: null,
    },
  },
}

function step(name: string, expected: string | null, presented: string | null, detail: string | null): DecisionStep {
  return {
    step: name,
    outcome: 'failed',
    expected: expected === null ? null : printable(expected),
    presented: presented === null ? null : printable(presented),
    detail,
  }
}

/** Of a client whose identity was accepted: its own path is proven (S61). */
function refusalOf(accepted: Accepted, code: DecisionCode, failed: DecisionStep): Refused {
  return {
    outcome: 'refused',
    code,
    remedy: remedyFor(code),
    provenPath: true,
    explanation: { ...accepted.explanation, steps: [...accepted.explanation.steps, failed] },
  }
}

export function willRefusal(accepted: Accepted, topicName: string, fault: string | null): Refused {
  return refusalOf(
    accepted,
    'willNotAuthorized',
    step('will', 'a topic that this client may publish to', topicName, fault),
  )
}

export function nameRefusal(accepted: Accepted, clientId: string): Refused {
  const { authenticationName } = accepted.principal
  return refusalOf(
    accepted,
    'clientIdNotAllowed',
    step('clientIdPolicy', authenticationName, clientId, 'a Client Identifier that this client may use'),
  )
}

/** Names the limit, so that whoever looks for the cause need not guess which of them it is. */
export function rateRefusal(accepted: Accepted, { limits }: Namespace, exceeded: ConnectRate): Refused {
  return refusalOf(accepted, 'connectRateExceeded', step('connectRate', allowedRate(limits, exceeded), null, null))
}

function allowedRate(limits: NamespaceLimits, exceeded: ConnectRate): string {
  switch (exceeded) {
    case 'connectsPerSecondPerSession':
      return `${limits[exceeded]} per second of one session (limit ${exceeded})`
    case 'connectsPerSecond':
      return `${limits[exceeded]} per second in the namespace (limit ${exceeded})`
    case 'takeoversPerSecond':
      return `${takeoversPerSecond} takeover per second of a connected session`
  }
}

/** The session's name or its quota: names what is in the way and the command that frees it. */
export function sessionRefusal(
  outcome: Exclude<OpenOutcome, { kind: 'opened' }>,
  accepted: Accepted,
  namespace: Namespace,
  clientId: string,
): Refused {
  if (outcome.kind === 'nameTaken') {
    const failed = step('session', accepted.principal.authenticationName, outcome.owner.authenticationName, null)
    return refusalOf(accepted, 'sessionNameTaken', {
      ...failed,
      detail: printable(
        `the session ${clientId} belongs to this client until it expires; end it with: ${closeCommand(namespace, clientId)}`,
      ),
    })
  }
  const code = outcome.which === 'perName' ? 'sessionLimitReached' : 'namespaceSessionLimitReached'
  const { blocking } = outcome
  const detail =
    blocking === null
      ? null
      : printable(
          `${blocking.online ? 'connected' : 'offline'} session in the way; end it with: ${closeCommand(namespace, blocking.clientId)}`,
        )
  return refusalOf(
    accepted,
    code,
    step('session', `at most ${outcome.limit}`, blocking === null ? null : blocking.clientId, detail),
  )
}

/** As it can be pasted into a shell. */
function closeCommand(namespace: Namespace, clientId: string): string {
  const word = /^[\w./:@%+=,][\w./:@%+=,-]*$/.test(clientId) ? clientId : `-- '${clientId.replaceAll("'", "'\\''")}'`
  return `sealgate sessions close --namespace ${namespace.view.name} ${word}`
}

/** Records the refusal now and answers it when its time has come (S57). */
export function answerRefused(connection: Peer, packet: ConnectPacket, refusal: ConnectRefusal): void {
  if (!connection.isOpen) return
  const { core, namespace, transport } = connection
  const v5 = packet.protocolVersion === 5
  if (namespace !== null) namespace.counters.refusedConnects++
  const code =
    refusal.kind === 'packet'
      ? { reasonCode: refusal.reasonCode, returnCode: refusal.returnCode }
      : {
          reasonCode: connackReasonCode(refusal.refused.code),
          returnCode: connackReturnCode(refusal.refused.code),
        }
  let reasonString: string | null = null
  if (refusal.kind === 'decision') {
    const { refused } = refusal
    core.decisions.refused(
      {
        namespace,
        listener: transport.listener,
        remoteAddress: transport.remoteAddress,
        serverName: transport.serverName,
        protocol: v5 ? 'MQTT5' : 'MQTT3',
        clientId: packet.clientId,
        username: packet.username,
      },
      {
        action: 'connect',
        code: refused.code,
        remedy: refused.remedy,
        steps: refused.explanation.steps,
        proven: refused.provenPath,
        explanation: refused.explanation,
        method: null,
      },
    )
    const allowed = core.settings.reasonStrings ?? namespace?.limits.reasonStrings ?? false
    reasonString = reasonStringFor(refused, allowed)
  } else {
    core.log.write('info', 'connectRefused', { remoteAddress: transport.remoteAddress, detail: refusal.detail })
  }
  const delayMs = core.settings.refusalDelayMs ?? namespace?.limits.refusalDelayMs ?? 100
  const isQueued = core.refusals.answer(connection.receivedMs + delayMs, () => {
    if (!connection.isOpen) return
    connection.send({
      type: 'CONNACK',
      sessionPresent: false,
      reasonCode: v5 ? code.reasonCode : code.returnCode,
      properties: reasonString === null ? {} : { reasonString },
    })
    connection.endRefused()
  })
  if (!isQueued) connection.endRefused()
}

/**
 * The first packet is no CONNECT that we can read. Protocol errors tell nothing of the registry and do not wait.
 *
 * @param version in whose form the peer can read an answer; null: in none, it gets none
 */
export function refuseUnreadable(connection: Peer, failure: PacketFailure, version: ProtocolVersion | null): void {
  const { core, transport } = connection
  core.log.write('info', 'connectUnreadable', { remoteAddress: transport.remoteAddress, detail: failure.message })
  const returnCode = returnCodeFor(failure.reasonCode)
  const isAnswered =
    version === 5 ||
    (version === 4 &&
      (returnCode === ReturnCode.UnacceptableProtocolVersion || returnCode === ReturnCode.IdentifierRejected))
  if (isAnswered) {
    connection.version = version
    connection.send({
      type: 'CONNACK',
      sessionPresent: false,
      reasonCode: version === 5 ? failure.reasonCode : returnCode,
      properties: {},
    })
  }
  connection.endRefused()
}
