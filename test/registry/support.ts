import assert from 'node:assert/strict'
import { limitsOf } from '../../src/registry/profile.ts'
import { parseTopicTemplate, type TopicTemplate } from '../../src/registry/topic-template.ts'

export const eventGridLimits = limitsOf('event-grid')

export function templateOf(text: string): TopicTemplate {
  const parsed = parseTopicTemplate(text)
  assert.ok(parsed.ok, `${text}: ${parsed.ok ? '' : parsed.error.message}`)
  return parsed.value
}
