import { authorize, type Denied } from '../../auth/authorize.ts'
import { step } from '../../auth/explanation.ts'
import type { Principal } from '../../auth/principal.ts'
import { remedyFor } from '../../auth/remedy.ts'
import { revocationAmong } from '../../auth/revoked.ts'
import { assert } from '../../base/assert.ts'
import { toUnixSeconds, type UnixMillis } from '../../base/time.ts'
import { encodePacket } from '../../mqtt/encode.ts'
import type { Will } from '../../mqtt/packet.ts'
import { PublishView } from '../../mqtt/publish-view.ts'
import { decodeTopicUtf8, parseTopicName } from '../../mqtt/topic.ts'
import type { SessionOwner, SessionRecord, StoredWill } from '../../ports/session-store.ts'
import type { Core } from '../core/core.ts'
import { encodeStoredMessage, readStoredMessage, readStoredPublish } from '../message/stored-message.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { PublishOrigin } from '../publish/publish.ts'
import { encodeStoredWill, readStoredWill } from './stored-will.ts'

/** Wills from CONNECT to their publication. When they are due the store knows (`reaper.ts`). */
export class Wills {
  readonly #core: Core
  readonly #view = new PublishView()

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * The will as the store keeps it, with the certificates of its client. The longest delay is the namespace's.
   *
   * @param chain DER, as CONNECT saw them
   */
  encode(will: Will, namespace: Namespace, owner: SessionOwner, chain: readonly Uint8Array[]): StoredWill {
    const { willDelayIntervalSeconds = 0, ...properties } = will.properties
    const frame = encodePacket(
      {
        type: 'PUBLISH',
        dup: false,
        qos: 0,
        retain: false,
        topicName: will.topicName,
        packetIdentifier: null,
        properties,
        payload: will.payload,
      },
      5,
    )
    let bodyStart = 1
    while ((frame[bodyStart] as number) >= 0x80) bodyStart++
    const failure = this.#view.read(frame, 0, bodyStart + 1, frame.length, 5)
    assert(failure === null, 'what was encoded can be read')
    const longest = namespace.limits.maximumWillDelaySeconds
    return {
      body: encodeStoredWill(
        chain,
        encodeStoredMessage(this.#view, null, will.qos, will.retain, owner, this.#core.turn.now),
      ),
      delaySeconds: longest === null ? willDelayIntervalSeconds : Math.min(willDelayIntervalSeconds, longest),
    }
  }

  /**
   * Publishes a will that is due, if its client may still publish it (S37); else drops it. Either way it leaves the store
   * in one step with that, so it is published once however often somebody dies on the way.
   *
   * @returns false: somebody else had it, or the store could not be written
   */
  publish(namespace: Namespace, record: SessionRecord, will: StoredWill, dueAt: UnixMillis): Promise<boolean> {
    const core = this.#core
    const view = this.#view
    const { chain, message } = readStoredWill(will.body)
    const { qos, retain } = readStoredMessage(message)
    readStoredPublish(message, view)
    const parsed = parseTopicName(decodeTopicUtf8(view.bytes, view.topicStart, view.topicEnd) ?? '')
    assert(parsed.ok, 'the topic of a will was parsed at CONNECT')
    const topicName = parsed.value
    const principal = mayPublishWill(namespace, record) ? principalOf(namespace, record) : null
    const denied =
      principal === null
        ? { steps: [], remedy: remedyFor('willNotAuthorized') }
        : (revokedBy(namespace, chain, core.turn.now) ??
          deniedBy(authorize(core.rights.rightsOf(principal, namespace.view), 'will', topicName)))
    if (denied !== null) {
      core.decisions.refused(
        {
          namespace,
          listener: 'mqtts',
          remoteAddress: '',
          serverName: null,
          protocol: null,
          clientId: record.clientId,
          username: null,
        },
        {
          action: 'publish',
          code: 'willNotAuthorized',
          remedy: denied.remedy,
          steps: denied.steps,
          proven: true,
          explanation: {
            authenticationName: record.owner.authenticationName,
            nameSource: null,
            certificateFingerprint: null,
          },
          method: record.principal.method,
        },
      )
      return core.engine.sessions.willDone(record.uid, dueAt)
    }
    const publication = { namespace, topicName, route: namespace.router.route(topicName), aliasedTopic: null }
    return new Promise((resolve) => {
      const published = (_token: number, committed: boolean): void => resolve(committed)
      const origin: PublishOrigin = { session: null, publisher: record.owner, uncommitted: 0, published }
      core.publishing.publish(publication, view, qos, retain, origin, 0, null, { session: record.uid, dueAt })
    })
  }
}

type Denial = Pick<Denied, 'steps' | 'remedy'>

function deniedBy(authorization: ReturnType<typeof authorize>): Denial | null {
  return authorization.outcome === 'denied' ? authorization : null
}

/** A will is planted for the moment of eviction: the certificates that it was brought with have to be good then (S37). */
function revokedBy(namespace: Namespace, chain: readonly Uint8Array[], now: UnixMillis): Denial | null {
  const { view, limits } = namespace
  if (limits.willOnRevocation === 'publish') return null
  const presented = revocationAmong(chain, view, toUnixSeconds(now))
  if (presented === null) return null
  return { steps: [step('revocation', 'failed', { presented })], remedy: remedyFor('willNotAuthorized') }
}

/** Nobody speaks for a client that was disabled, unless the namespace says so (S37). */
function mayPublishWill({ view, limits }: Namespace, { owner }: SessionRecord): boolean {
  if (owner.authority !== 'registry' || limits.willOnRevocation !== 'drop') return true
  return view.clientByUid(owner.uid)?.enabled === true
}

/** The client of now, whether it may connect or not; null: it is gone, or never had rights of its own. */
export function principalOf(namespace: Namespace, record: SessionRecord): Principal | null {
  const { owner, principal } = record
  switch (owner.authority) {
    case 'registry': {
      const client = namespace.view.clientByUid(owner.uid)
      if (client === undefined) return null
      return {
        kind: 'registryClient',
        uid: client.uid,
        authenticationName: client.authenticationName,
        foldedName: client.foldedName,
      }
    }
    case 'token':
    case 'webhook':
      return {
        kind: 'dynamicClient',
        authority: owner.authority,
        uid: owner.uid,
        authenticationName: owner.authenticationName,
        foldedName: owner.foldedName,
        attributes: principal.attributes ?? {},
        validUntil: null,
      }
    case 'entra':
      return null
  }
}
