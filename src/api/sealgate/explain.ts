import { dryRun } from '../../auth/dry-run.ts'
import type { Result } from '../../base/result.ts'
import { toUnixSeconds } from '../../base/time.ts'
import { parseSubscriptionFilter, parseTopicName } from '../../mqtt/topic.ts'
import type { NamespaceId } from '../../ports/identity.ts'
import { invalid, type Problem } from '../../registry/failure.ts'
import { Fields } from '../../registry/fields.ts'
import { formatResourceId } from '../../registry/resource-id.ts'
import { failed, tryLater } from '../arm/error.ts'
import { namespacePath } from '../arm/paths.ts'
import { namespaceOf } from '../arm/resources.ts'
import { audit } from '../audit.ts'
import { type Answer, type Call, callerOf, json, type Route } from '../route.ts'

const action = 'Microsoft.EventGrid/namespaces/explain/action'

export const explainRoutes: readonly Route[] = [
  {
    id: 'Sealgate_Explain',
    method: 'POST',
    path: `${namespacePath}/explain`,
    tag: 'Sealgate',
    summary: 'What a client with this certificate would be answered, step by step. Changes nothing; proves no key.',
    access: { action },
    apiVersion: 'optional',
    body: { schema: 'ExplainRequest', required: true },
    answers: { 200: 'Explanation' },
    handle: explain,
  },
]

/** The limits of a listener, and a rate of its own: each question may search a certification path (S62). */
function explain(call: Call): Answer {
  const { house } = call
  const found = house.parts.registry.get(namespaceOf(call))
  if (!found.ok) return failed(found.error)
  const view = house.parts.registry.view.namespaceByName(found.value.id.namespace)
  if (view === undefined) return failed({ kind: 'notFound', id: found.value.id, message: 'The namespace is gone.' })
  const seconds = house.explains.take(callerOf(call).id)
  if (seconds > 0) return tryLater(429, seconds, `Too many questions. Try again in ${seconds} s.`)

  const problems: Problem[] = []
  const body = new Fields(call.body, '', problems)
  body.refuseOthers([
    ...['certificate', 'chain', 'username', 'clientId', 'authenticationMethod', 'protocol'],
    ...['willTopic', 'publishTo', 'subscribeTo'],
  ])
  const clientId = body.text('clientId', 65_535) ?? null
  const willTopic = topicOf(body, 'willTopic', parseTopicName)
  const question = {
    certificate: body.text('certificate', 65_536) ?? null,
    chain: body.text('chain', 65_536) ?? null,
    username: body.text('username', 65_535) ?? null,
    clientId: clientId ?? '',
    authenticationMethod: body.text('authenticationMethod', 65_535) ?? null,
    protocol: body.choice('protocol', ['MQTT5', 'MQTT3']) ?? 'MQTT5',
    publishTo: topicOf(body, 'publishTo', parseTopicName),
    subscribeTo: topicOf(body, 'subscribeTo', parseSubscriptionFilter),
  } as const
  if (problems.length > 0) return failed(invalid(problems))
  const at = house.parts.clock.now()
  const namespace = found.value.uid as NamespaceId
  const explained = dryRun(question, view, { now: toUnixSeconds(at) }, at, (accepted) =>
    house.parts.operations.rehearse(namespace, accepted, { clientId, willTopic }),
  )
  if (!explained.ok) {
    const { field, sentence } = explained.error
    const isKey = sentence.includes('private key')
    return failed(
      invalid([{ code: isKey ? 'PrivateKeyRefused' : 'InvalidCertificate', target: field, message: sentence }]),
    )
  }
  const { code, outcome } = explained.value
  audit(call, { action, resource: formatResourceId(found.value.id), outcome: code ?? outcome })
  return json(200, { ...explained.value, at: timeText(at), validUntil: timeText(explained.value.validUntil) })
}

/** Null: not asked for. */
function topicOf(
  body: Fields,
  name: string,
  parse: (text: string) => Result<unknown, { kind: string }>,
): string | null {
  const text = body.text(name, 65_535)
  if (text === undefined) return null
  const parsed = parse(text)
  if (!parsed.ok) body.fail(name, 'InvalidValue', `This is no topic that a client could use: ${parsed.error.kind}.`)
  return text
}

function timeText(millis: number | null): string | null {
  return millis === null ? null : new Date(millis).toISOString()
}
