import { plan } from '../../auth/authenticate.ts'
import type { AuthenticationContext } from '../../auth/context.ts'
import type { ConnectEvidence } from '../../auth/evidence.ts'
import { type ConnectSecrets, passwordLooksLikeToken } from '../../auth/secrets.ts'
import { toUnixSeconds } from '../../base/time.ts'
import type { ConnectPacket } from '../../mqtt/packet.ts'
import type { Webhook } from '../../ports/webhook.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { Peer } from '../packets/peer.ts'
import { AuthExchange, type ExchangeEnd } from './auth-exchange.ts'

export function evidenceOf({ core, transport }: Peer, packet: ConnectPacket): ConnectEvidence {
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

export function contextOf({ core, transport }: Peer, namespace: Namespace): AuthenticationContext {
  const { notBeforeSkewSeconds, notAfterSkewSeconds } = namespace.limits
  return {
    now: toUnixSeconds(core.turn.now),
    skew: { notBeforeSeconds: notBeforeSkewSeconds, notAfterSeconds: notAfterSkewSeconds },
    verdicts: core.verdicts,
    mayDoPathWork: () => core.pathWork.admits(transport),
    didPathWork: (signatures) => core.pathWork.did(transport, signatures),
  }
}

export interface Gathered {
  readonly evidence: ConnectEvidence
  /** The last word of the method of authentication, for the packet that tells of its success. */
  readonly authenticationData: Uint8Array | null
}

/** Asks what the plan says. Null: the peer left or was refused meanwhile. What nobody can answer stays null and refuses. */
export async function gather(
  connection: Peer,
  namespace: Namespace,
  evidence: ConnectEvidence,
  secrets: ConnectSecrets,
): Promise<Gathered | null> {
  const { core } = connection
  const asIs: Gathered = { evidence, authenticationData: null }
  const planned = plan(evidence, namespace.view, secrets)
  switch (planned.kind) {
    case 'ready':
      return asIs
    case 'exchange': {
      const method = core.authenticationMethods.get(planned.method)
      if (method === undefined) return asIs
      const exchange = new AuthExchange(connection, namespace, planned.method)
      connection.exchange = exchange
      const run = (): Promise<ExchangeEnd> => exchange.run(method, secrets.authenticationData)
      try {
        const { token, data } = await inTime(connection, () => exchange.cancel(), run)
        if (exchange.isBroken || !connection.isOpen) return null
        return { evidence: { ...evidence, token }, authenticationData: data }
      } finally {
        connection.exchange = null
      }
    }
    case 'askWebhook': {
      const { webhook } = core
      if (webhook === null) return asIs
      const abort = new AbortController()
      const ask = (): ReturnType<Webhook['ask']> => webhook.ask(namespace.id, planned.question, abort.signal)
      const answer = await inTime(connection, () => abort.abort(), ask)
      return connection.isOpen ? { evidence: { ...evidence, webhook: answer }, authenticationData: null } : null
    }
  }
}

/** Cancelled when the peer leaves and when it takes too long. */
async function inTime<T>(connection: Peer, cancel: () => void, work: () => Promise<T>): Promise<T> {
  const { clock, settings } = connection.core
  const forget = connection.onClosed(cancel)
  const cancelDeadline = clock.setTimer(settings.gatherTimeoutMs, cancel)
  try {
    return await work()
  } finally {
    cancelDeadline()
    forget()
  }
}
