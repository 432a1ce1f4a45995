import type { TopicFilter, TopicName } from '../mqtt/topic.ts'
import type { DecisionStep } from '../ports/events.ts'
import { type InstantiationFailure, templateCoversFilter, templateCoversTopic } from '../registry/topic-template.ts'
import type { DecisionCode } from './decision.ts'
import { step } from './explanation.ts'
import { remedyFor } from './remedy.ts'
import type { Grant, Rights, RightsFor } from './rights.ts'

/**
 * Whether rights cover a topic. Publishing: the topic name is covered by one template. Subscribing: the filter is
 * contained in one template as a whole; it is never narrowed, and several templates are never joined.
 */

/** `will` is publishing, decided at CONNECT and again when the will is due. */
export type Action = 'publish' | 'will' | 'subscribe'

export type Authorization = Grant | Denied

export interface Denied {
  readonly outcome: 'denied'
  readonly code: Extract<DecisionCode, 'publishNotAuthorized' | 'willNotAuthorized' | 'subscribeNotAuthorized'>
  readonly remedy: string
  readonly steps: readonly DecisionStep[]
}

/**
 * @param rights current ones: from `RightsCache.rightsOf`, or held and found current by `areCurrent`
 * @param topic for `subscribe` the filter without its `$share/<name>/`
 * @returns the grant that covers it (nothing is allocated), or why there is none
 */
export function authorize(rights: Rights, action: 'publish' | 'will', topic: TopicName): Authorization
export function authorize(rights: Rights, action: 'subscribe', topic: TopicFilter): Authorization
export function authorize(rights: Rights, action: Action, topic: TopicName | TopicFilter): Authorization {
  const subscribing = action === 'subscribe'
  const rightsFor = subscribing ? rights.subscribe : rights.publish
  const reserved = topic.charCodeAt(0) === dollar ? reservation(rights, action, topic) : null
  if (reserved === null) {
    const covers = subscribing ? templateCoversFilter : templateCoversTopic
    for (const grant of rightsFor.grants) if (covers(grant.concrete, topic)) return grant
  }
  return denied(rights, rightsFor, action, topic, reserved)
}

const dollar = 0x24

/** Topics that begin with `$` belong to the broker, except where the namespace lets a template name them (S43). */
function reservation(rights: Rights, action: Action, topic: string): string | null {
  if (!rights.stamp.dollarTopics) return 'topics that begin with $ are reserved'
  if (isBelow('$share', topic)) return '$share is no topic'
  if (action !== 'subscribe' && isBelow('$SYS', topic)) return 'only the broker publishes below $SYS'
  return null
}

function isBelow(segment: string, topic: string): boolean {
  return topic === segment || topic.startsWith(`${segment}/`)
}

const codes = {
  publish: 'publishNotAuthorized',
  will: 'willNotAuthorized',
  subscribe: 'subscribeNotAuthorized',
} as const satisfies Record<Action, DecisionCode>

function denied(
  { clientGroups }: Rights,
  { grants, withheld }: RightsFor,
  action: Action,
  topic: string,
  reserved: string | null,
): Denied {
  const code = codes[action]
  const permission = action === 'subscribe' ? 'Subscriber' : 'Publisher'
  const bound = grants.length + withheld.length > 0
  return {
    outcome: 'denied',
    code,
    remedy: remedyFor(code),
    steps: [
      step('clientGroups', clientGroups.length > 0 ? 'passed' : 'failed', { presented: clientGroups }),
      step('permissionBindings', bound ? 'passed' : 'failed', {
        expected: permission,
        presented: spacesOf(grants, withheld),
        detail: bound ? null : `no group of this client is bound as ${permission}`,
      }),
      step('topicTemplates', 'failed', {
        expected: grants
          .slice(0, shownTemplates)
          .map(({ topicSpaceName, topicTemplate }) => `${topicSpaceName}: ${topicTemplate}`),
        presented: topic,
        detail: reserved ?? describeWithheld(withheld),
      }),
    ],
  }
}

/** More do not fit into a step anyway. */
const shownTemplates = 32

function spacesOf(...lists: readonly (readonly { readonly topicSpaceName: string }[])[]): readonly string[] {
  return [...new Set(lists.flatMap((list) => list.map(({ topicSpaceName }) => topicSpaceName)))]
}

function describeWithheld(withheld: RightsFor['withheld']): string | null {
  if (withheld.length === 0) return null
  return withheld
    .slice(0, shownTemplates)
    .map(({ topicTemplate, reason }) => `${topicTemplate}: ${whyWithheld(reason)}`)
    .join('; ')
}

function whyWithheld(reason: InstantiationFailure): string {
  switch (reason.kind) {
    case 'attributeMissing':
      return `the client has no attribute ${reason.key}`
    case 'valueUnusable':
      return `the value of ${reason.variable} cannot stand in a topic`
    case 'tooManyAlternatives':
      return `segment ${reason.segment + 1} has ${reason.alternatives} alternatives, more than are matched`
  }
}
