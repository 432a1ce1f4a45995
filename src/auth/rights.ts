import type { NamespaceId } from '../ports/identity.ts'
import { evaluateAttributeQuery } from '../registry/attribute-query.ts'
import type { Attributes } from '../registry/attributes.ts'
import { type ConcreteTemplate, fillIn, type InstantiationFailure } from '../registry/topic-template.ts'
import type { NamespaceView, PermissionBinding } from '../registry/view.ts'
import type { Principal } from './principal.ts'

/**
 * What one principal may publish to and subscribe to, compiled once: groups evaluated, bindings followed, templates
 * filled in. Default deny: what is not listed here is not allowed, and no rule takes away what another grants.
 *
 * Rights carry the revisions they were made from. They are asked only after `rightsOf` of the cache, or `areCurrent`,
 * has compared these with the current ones; everything derived from rights (a remembered topic, an alias, a
 * subscription's permission) keeps the object and is worth as much as that object is current (S40).
 */
export interface Rights {
  readonly namespace: NamespaceId
  /** Names of the groups that the principal is a member of; `$all` first. */
  readonly clientGroups: readonly string[]
  readonly publish: RightsFor
  readonly subscribe: RightsFor
  readonly stamp: RightsStamp
}

/** All grants of one permission. */
export interface RightsFor {
  readonly grants: readonly Grant[]
  /** Templates that match nothing for this client, and why: a denial tells them. */
  readonly withheld: readonly WithheldTemplate[]
}

/** One template of one topic space, filled in. The same object answers every topic it covers. */
export interface Grant {
  readonly outcome: 'allowed'
  readonly permissionBindingName: string
  readonly topicSpaceName: string
  /** As registered. */
  readonly topicTemplate: string
  readonly concrete: ConcreteTemplate
}

export interface WithheldTemplate {
  readonly topicSpaceName: string
  readonly topicTemplate: string
  readonly reason: InstantiationFailure
}

/** Everything that compiled rights depend on. */
interface RightsStamp {
  readonly rightsRevision: bigint
  readonly dollarTopics: boolean
  /** Of a registered client, which alone gives it its attributes; null for other principals and for nobody. */
  readonly clientRevision: bigint | null
  /** Of a dynamic client: the very object. */
  readonly attributes: Attributes | null
}

/** True while nothing that the rights were made from has changed. Cheap: two look-ups, no allocation. */
export function areCurrent(rights: Rights, principal: Principal, view: NamespaceView): boolean {
  const { stamp } = rights
  return (
    rights.namespace === view.id &&
    stamp.rightsRevision === view.rightsRevision &&
    stamp.dollarTopics === view.limits.dollarTopics &&
    stamp.clientRevision === clientRevisionOf(principal, view) &&
    stamp.attributes === (principal.kind === 'dynamicClient' ? principal.attributes : null)
  )
}

function clientRevisionOf(principal: Principal, view: NamespaceView): bigint | null {
  if (principal.kind !== 'registryClient') return null
  return view.clientByUid(principal.uid)?.revision ?? null
}

/** Pure; the cost is that of all bindings with their templates, so callers keep the result. */
export function compileRights(principal: Principal, view: NamespaceView): Rights {
  const subject = subjectOf(principal, view)
  const stamp: RightsStamp = {
    rightsRevision: view.rightsRevision,
    dollarTopics: view.limits.dollarTopics,
    clientRevision: clientRevisionOf(principal, view),
    attributes: principal.kind === 'dynamicClient' ? principal.attributes : null,
  }
  if (subject === null) {
    return { namespace: view.id, clientGroups: [], publish: noRights, subscribe: noRights, stamp }
  }
  const groups = new Set(['$all'])
  for (const { name, query } of view.clientGroups()) if (evaluateAttributeQuery(query, subject)) groups.add(name)
  const bindings = view.permissionBindings().filter(({ clientGroupName }) => groups.has(clientGroupName))
  return {
    namespace: view.id,
    clientGroups: [...groups],
    publish: rightsFor('Publisher', bindings, subject, view),
    subscribe: rightsFor('Subscriber', bindings, subject, view),
    stamp,
  }
}

interface Subject {
  readonly authenticationName: string
  readonly attributes: Attributes
}

const noRights: RightsFor = { grants: [], withheld: [] }

/** Null: nobody whom a group could hold. Role holders have no rights until roles are read, and so none here. */
function subjectOf(principal: Principal, view: NamespaceView): Subject | null {
  switch (principal.kind) {
    case 'registryClient':
      return view.clientByUid(principal.uid) ?? null
    case 'dynamicClient':
      return principal
    case 'entraPrincipal':
      return null
  }
}

function rightsFor(
  permission: PermissionBinding['permission'],
  bindings: readonly PermissionBinding[],
  subject: Subject,
  view: NamespaceView,
): RightsFor {
  const grants: Grant[] = []
  const withheld: WithheldTemplate[] = []
  const seen = new Set<string>()
  for (const { name: permissionBindingName, permission: granted, topicSpaceName } of bindings) {
    // A topic space bound twice through two groups gives nothing more.
    if (granted !== permission || seen.has(topicSpaceName)) continue
    seen.add(topicSpaceName)
    for (const template of view.topicTemplates(topicSpaceName)) {
      const filled = fillIn(template, subject)
      const topicTemplate = template.text
      if (filled.ok) {
        grants.push({
          outcome: 'allowed',
          permissionBindingName,
          topicSpaceName,
          topicTemplate,
          concrete: filled.value,
        })
      } else {
        withheld.push({ topicSpaceName, topicTemplate, reason: filled.error })
      }
    }
  }
  return { grants, withheld }
}

/**
 * Compiled rights of the principals that were asked for lately: a young and an old generation, so that a hit in the young
 * one writes nothing and what is in use survives. What it forgets is compiled again; it never hands out rights that are
 * not current.
 */
export class RightsCache {
  readonly #generation: number
  #young = new Map<string, Rights>()
  #old = new Map<string, Rights>()

  /** @param capacity principals; each takes some hundred bytes for every template that applies to it */
  constructor(capacity = 16_384) {
    this.#generation = Math.max(1, capacity >> 1)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  /**
   * The same object as long as it is current, so that what was derived from it can be compared by identity.
   *
   * @param held rights of this principal that the caller kept: given back without any look-up while they are current
   */
  rightsOf(principal: Principal, view: NamespaceView, held: Rights | null = null): Rights {
    if (held !== null && areCurrent(held, principal, view)) return held
    const key = keyOf(principal, view)
    const young = this.#young.get(key)
    if (young !== undefined && areCurrent(young, principal, view)) return young
    const old = this.#old.get(key)
    const rights = old !== undefined && areCurrent(old, principal, view) ? old : compileRights(principal, view)
    this.#old.delete(key)
    this.#young.set(key, rights)
    if (this.#young.size > this.#generation) {
      this.#old = this.#young
      this.#young = new Map()
    }
    return rights
  }
}

function keyOf(principal: Principal, view: NamespaceView): string {
  const authority = principal.kind === 'dynamicClient' ? principal.authority : principal.kind
  return `${view.id} ${authority} ${principal.uid}`
}
