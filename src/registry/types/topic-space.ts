import type { Fields } from '../fields.ts'
import { parseTopicTemplate } from '../topic-template.ts'
import { type ReadContext, readDescription } from './context.ts'

export interface TopicSpaceProperties {
  readonly description?: string
  readonly topicTemplates: readonly string[]
}

export function readTopicSpace(properties: Fields, context: ReadContext): TopicSpaceProperties {
  const description = readDescription(properties)
  const maximum = context.limits.maximumTemplatesPerTopicSpace
  const templates = properties.texts('topicTemplates', maximum) ?? []
  const given = properties.raw('topicTemplates')
  if (given === undefined || (Array.isArray(given) && given.length === 0)) {
    properties.fail('topicTemplates', 'Required', `Write 1 to ${maximum} topic templates.`)
  }
  for (const [index, text] of templates.entries()) {
    const parsed = parseTopicTemplate(text, context.limits)
    if (parsed.ok) continue
    const { at, expected, message } = parsed.error
    properties.fail(
      `topicTemplates[${index}]`,
      'InvalidTopicTemplate',
      `${message} Expected ${expected} at position ${at}.`,
    )
  }
  return { ...description, topicTemplates: templates }
}

export function topicSpaceDocument({ description, topicTemplates }: TopicSpaceProperties): Record<string, unknown> {
  return { ...(description === undefined ? {} : { description }), topicTemplates }
}

/** Topics of the broker itself: nobody publishes there (S43). */
export function isReservedForPublishing(template: string): boolean {
  return template === '$SYS' || template.startsWith('$SYS/')
}
