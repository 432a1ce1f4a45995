import { plan } from '../auth/authenticate.ts'
import type { AuthenticationContext } from '../auth/context.ts'
import type { ConnectEvidence } from '../auth/evidence.ts'
import { type ConnectSecrets, passwordLooksLikeToken } from '../auth/secrets.ts'
import { toUnixSeconds } from '../base/time.ts'
import type { ConnectPacket } from '../mqtt/packet.ts'
import type { Connection } from './connection.ts'
import type { Namespace } from './namespace.ts'

export function evidenceOf({ core, transport }: Connection, packet: ConnectPacket): ConnectEvidence {
  return {
    listener: transport.listener,
    serverName: transport.serverName,
    remoteAddress: transport.remoteAddress,
    protocol: packet.protocolVersion === 5 ? 'MQTT5' : 'MQTT3',
    peerChain: transport.peerChain,
    refusedOrigin: transport.refusedOrigin ?? null,
    username: packet.username,
    clientId: packet.clientId,
    authenticationMethod: packet.properties.authenticationMethod ?? null,
    hasPassword: packet.password !== null,
    passwordLooksLikeToken: passwordLooksLikeToken(packet.password),
    plainIdentity: transport.listener === 'mqtt-tcp' ? core.settings.plainIdentity : null,
    token: null,
    webhook: null,
  }
}

export function contextOf({ core, transport }: Connection, namespace: Namespace): AuthenticationContext {
  const { notBeforeSkewSeconds, notAfterSkewSeconds } = namespace.limits
  return {
    now: toUnixSeconds(core.turn.now),
    skew: { notBeforeSeconds: notBeforeSkewSeconds, notAfterSeconds: notAfterSkewSeconds },
    verdicts: core.verdicts,
    mayDoPathWork: () => core.pathWork.admits(transport),
  }
}

/** Asks what the plan says. Null: the peer left meanwhile. What nobody can answer stays null and refuses. */
export async function gather(
  connection: Connection,
  namespace: Namespace,
  evidence: ConnectEvidence,
  secrets: ConnectSecrets,
): Promise<ConnectEvidence | null> {
  const { core } = connection
  const planned = plan(evidence, namespace.view, secrets)
  if (planned.kind === 'ready') return evidence
  const abort = new AbortController()
  connection.onClosed(() => abort.abort())
  const cancelDeadline = core.clock.setTimer(core.settings.gatherTimeoutMs, () => abort.abort())
  try {
    if (planned.kind === 'verifyToken') {
      if (core.tokenVerifier === null) return evidence
      const { method, token } = planned
      return { ...evidence, token: await core.tokenVerifier.verify(namespace.id, method, token, abort.signal) }
    }
    if (core.webhook === null) return evidence
    return { ...evidence, webhook: await core.webhook.ask(namespace.id, planned.question, abort.signal) }
  } finally {
    cancelDeadline()
  }
}
