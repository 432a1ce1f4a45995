import type { NodeId } from '../../ports/identity.ts'
import { defaultPathWork, type PathWorkRates } from '../bounds/path-work.ts'

/** Our slice of the configuration. */
export interface BrokerSettings {
  readonly nodeId: NodeId
  /** A namespace's host is `<namespace>.<domain>`; null: only names of the default namespace. */
  readonly domain: string | null
  /** For a missing or unknown server name; null: the only namespace there is (S48). */
  readonly defaultNamespace: string | null
  /** Resource name of the client that every peer of the plain listener is (S53). */
  readonly plainIdentity: string | null
  /** CONNACK of a refusal leaves no earlier after CONNECT (S57); null: as the namespace says. */
  readonly refusalDelayMs: number | null
  /** Reason Strings may name the code of a decision (S59); null: as the namespace says. */
  readonly reasonStrings: boolean | null
  /** From the transport's start to CONNECT. */
  readonly connectTimeoutMs: number
  /** For what CONNECT or a re-authentication has to wait for: a method of authentication with all its steps, a webhook. */
  readonly gatherTimeoutMs: number
  readonly pathWork: PathWorkRates
}

export const defaultSettings: Omit<BrokerSettings, 'nodeId'> = {
  domain: null,
  defaultNamespace: null,
  plainIdentity: null,
  refusalDelayMs: null,
  reasonStrings: null,
  connectTimeoutMs: 10_000,
  gatherTimeoutMs: 10_000,
  pathWork: defaultPathWork,
}
