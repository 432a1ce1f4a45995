import { authorize } from '../auth/authorize.ts'
import type { Principal } from '../auth/principal.ts'
import { remedyFor } from '../auth/remedy.ts'
import { assert } from '../base/assert.ts'
import { encodePacket } from '../mqtt/encode.ts'
import type { Will } from '../mqtt/packet.ts'
import { PublishView } from '../mqtt/publish-view.ts'
import { decodeTopicUtf8, parseTopicName } from '../mqtt/topic.ts'
import type { Cancel } from '../ports/clock.ts'
import { EngineError, type SessionOwner, type SessionRecord, type StoredWill } from '../ports/engine.ts'
import type { Core } from './core.ts'
import type { Namespace } from './namespace.ts'
import type { PublishOrigin } from './publish.ts'
import { encodeStoredMessage, readStoredMessage, readStoredPublish } from './stored-message.ts'

/** Due wills and expired sessions are looked for this often; a will without delay is looked for at once. */
const lookEveryMs = 1_000
const perLook = 200

/** Wills from CONNECT to their publication, and sessions that expire: what is due is the store's knowledge. */
export class Wills {
  readonly #core: Core
  readonly #view = new PublishView()
  #cancel: Cancel | null = null
  #isLooking = false
  #again = false
  #isStopped = false

  constructor(core: Core) {
    this.#core = core
  }

  start(): void {
    this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  /** The will as the store keeps it. The longest delay is the namespace's. */
  encode(will: Will, namespace: Namespace, owner: SessionOwner): StoredWill {
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
      body: encodeStoredMessage(this.#view, null, will.qos, will.retain, owner, this.#core.turn.now),
      delaySeconds: longest === null ? willDelayIntervalSeconds : Math.min(willDelayIntervalSeconds, longest),
    }
  }

  /** Publishes a will that is due, if its client may still publish it (S37). */
  publish(namespace: Namespace, record: SessionRecord, will: StoredWill): void {
    const core = this.#core
    const view = this.#view
    const { qos, retain } = readStoredMessage(will.body)
    readStoredPublish(will.body, view)
    const parsed = parseTopicName(decodeTopicUtf8(view.bytes, view.topicStart, view.topicEnd) ?? '')
    assert(parsed.ok, 'the topic of a will was parsed at CONNECT')
    const topicName = parsed.value
    const principal = principalOf(namespace, record)
    const denied =
      principal === null
        ? { steps: [], remedy: remedyFor('willNotAuthorized') }
        : deniedBy(authorize(core.rights.rightsOf(principal, namespace.view), 'will', topicName))
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
            steps: denied.steps,
            authenticationName: record.owner.authenticationName,
            nameSource: null,
            certificateFingerprint: null,
          },
          method: record.principal.method,
        },
      )
      return
    }
    const origin: PublishOrigin = { session: null, publisher: record.owner, uncommitted: 0, published: () => {} }
    const publication = { namespace, topicName, route: namespace.router.route(topicName), aliasedTopic: null }
    core.publishing.publish(publication, view, qos, retain, origin, 0)
  }

  /** Looks for what is due now. */
  look(): void {
    if (this.#isStopped) return
    if (this.#isLooking) {
      this.#again = true
      return
    }
    this.#isLooking = true
    this.#reap()
      .catch((error: unknown) => {
        this.#core.log.write('error', 'reaperFailed', { error: String(error) })
      })
      .finally(() => {
        this.#isLooking = false
        if (!this.#again) return
        this.#again = false
        this.look()
      })
  }

  #arm(): void {
    if (this.#isStopped) return
    this.#cancel = this.#core.clock.setTimer(lookEveryMs, () => {
      this.#core.turn.begin()
      this.look()
      this.#arm()
    })
  }

  /** What expired is removed, unless somebody is about to replace it. */
  #reapRetained(): void {
    const { engine, commits, turn } = this.#core
    for (const { namespace, topicName } of engine.retained.expiredBefore(turn.now, perLook)) {
      if (commits.changesRetained(namespace, topicName)) continue
      commits.retain({ namespace, topicName, body: null, expiresAt: null })
    }
  }

  async #reap(): Promise<void> {
    const { engine, namespaces, turn } = this.#core
    this.#reapRetained()
    for (;;) {
      const now = turn.now
      const due = engine.sessions.dueBefore(now, perLook)
      let isProgress = false
      for (const record of due) {
        if (record.node !== null) {
          // Its node is gone: the connection is over, as after a loss.
          try {
            await engine.sessions.close(
              { session: record.uid, epoch: record.epoch },
              { now, expiryIntervalSeconds: record.expiryIntervalSeconds, will: 'keep' },
            )
            isProgress = true
          } catch (error) {
            // Its client has just opened it again: nothing is due any more.
            if (!(error instanceof EngineError) || error.code !== 'fenced') throw error
          }
          continue
        }
        if (record.will !== null && record.willDueAt !== null && record.willDueAt <= now) {
          if (await engine.sessions.willDone(record.uid, record.willDueAt)) {
            isProgress = true
            turn.begin()
            const namespace = namespaces.get(record.namespace)
            if (namespace !== null) this.publish(namespace, record, record.will)
          }
        }
        if (record.expiresAt !== null && record.expiresAt <= now) {
          if (await engine.sessions.remove(record.uid, { epoch: record.epoch })) isProgress = true
        }
      }
      if (!isProgress || due.length < perLook) return
    }
  }
}

function deniedBy(
  authorization: ReturnType<typeof authorize>,
): Extract<ReturnType<typeof authorize>, { outcome: 'denied' }> | null {
  return authorization.outcome === 'denied' ? authorization : null
}

/** The client of now; null: it is gone, disabled, or never had rights of its own. */
export function principalOf(namespace: Namespace, record: SessionRecord): Principal | null {
  const { owner, principal } = record
  switch (owner.authority) {
    case 'registry': {
      const client = namespace.view.clientByUid(owner.uid)
      if (client === undefined) return null
      if (!client.enabled && namespace.limits.willOnRevocation === 'drop') return null
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
