import { err, ok, type Result } from '../base/result.ts'
import type { Attributes } from './attributes.ts'

/**
 * Topic templates: topic filters with variables of the client. A template is parsed once when it is written, filled in
 * once per client and rights revision (`instantiate`), and then asked per topic or filter without allocation.
 */

/** A parsed topic template of a topic space. */
export interface TopicTemplate {
  readonly text: string
  readonly segments: readonly TemplateSegment[]
  /** The first segment begins with a literal `$`; then it is wholly literal. */
  readonly startsWithDollar: boolean
}

export type TemplateSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'anySegment' }
  | { readonly kind: 'anyRemaining' }
  | { readonly kind: 'composed'; readonly parts: readonly TemplatePart[] }

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'authenticationName' }
  | { readonly kind: 'attribute'; readonly key: string }

/** What a template may look like; the numbers are those of the namespace's topics. */
export interface TemplateLimits {
  readonly maximumTopicBytes: number
  readonly maximumTopicSegments: number
  readonly dollarTopics: boolean
}

/** Where the text stops being a template and what was expected there. `at` counts UTF-16 code units from 0. */
export interface TemplateFailure {
  readonly at: number
  readonly expected: string
  readonly message: string
}

/** The facts of a client that a template may name. */
export interface TemplateClient {
  /** Stored spelling; comparison with topics is case-sensitive. */
  readonly authenticationName: string
  readonly attributes: Attributes
}

/** MQTT's own bounds: a topic is at most 65,535 bytes of UTF-8 [MQTT-1.5.4-3], and levels are bounded by us. */
const widestLimits: TemplateLimits = {
  maximumTopicBytes: 65_535,
  maximumTopicSegments: 65_536,
  dollarTopics: true,
}

/** Array attributes are sets of alternatives; above this many in one segment the template matches nothing (S42). */
const maximumAlternatives = 64

const utf8 = new TextEncoder()

export function parseTopicTemplate(
  text: string,
  limits: TemplateLimits = widestLimits,
): Result<TopicTemplate, TemplateFailure> {
  const fail = (at: number, expected: string, message: string) => err({ at, expected, message })
  if (text.length === 0) return fail(0, 'at least one character', 'A topic template is not empty.')
  if (!text.isWellFormed()) return fail(0, 'well-formed Unicode', 'The template holds half of a surrogate pair.')
  const bytes = utf8.encode(text).length
  if (bytes > limits.maximumTopicBytes) {
    return fail(
      text.length,
      `at most ${limits.maximumTopicBytes} bytes`,
      `The template is ${bytes} bytes long; at most ${limits.maximumTopicBytes} are allowed.`,
    )
  }
  const segments: TemplateSegment[] = []
  let at = 0
  for (;;) {
    if (segments.length === limits.maximumTopicSegments) {
      return fail(
        at,
        `at most ${limits.maximumTopicSegments} segments`,
        `The template has more than ${limits.maximumTopicSegments} segments.`,
      )
    }
    const segment = parseSegment(text, at)
    if (!segment.ok) return segment
    segments.push(segment.value.segment)
    at = segment.value.end
    if (at === text.length) break
    if (segment.value.segment.kind === 'anyRemaining') {
      return fail(at, 'the end of the template', 'The wildcard # stands alone as the last segment.')
    }
    at++ // the separator
  }
  const startsWithDollar = text.startsWith('$') && !text.startsWith('${')
  if (startsWithDollar) {
    if (!limits.dollarTopics) {
      return fail(0, 'a first character other than $', 'Topics that begin with $ are reserved in this profile.')
    }
    if (segments[0]?.kind !== 'literal') {
      return fail(0, 'a literal first segment', 'A first segment that begins with $ holds no variable.')
    }
    if (segments[0].text === '$share') {
      return fail(
        0,
        'the part after $share/<name>/',
        'Shared subscriptions are checked by their filter: leave $share out.',
      )
    }
  }
  return ok({ text, segments, startsWithDollar })
}

type ParsedSegment = { readonly segment: TemplateSegment; readonly end: number }

function parseSegment(text: string, start: number): Result<ParsedSegment, TemplateFailure> {
  const parts: TemplatePart[] = []
  let literal = ''
  let at = start
  let hasVariable = false
  let previousIsVariable = false
  while (at < text.length && text[at] !== '/') {
    const character = text[at]!
    if (character === '+' || character === '#') {
      const alone = at === start && (at + 1 === text.length || text[at + 1] === '/')
      if (!alone) {
        return err({
          at,
          expected: 'a wildcard that is a whole segment',
          message: `The wildcard ${character} stands alone between separators.`,
        })
      }
      return ok({ segment: { kind: character === '+' ? 'anySegment' : 'anyRemaining' }, end: at + 1 })
    }
    if (character === '\0') return err({ at, expected: 'text', message: 'A topic never holds U+0000.' })
    if (character !== '$' || text[at + 1] !== '{') {
      literal += character
      at++
      continue
    }
    if (literal === '' && previousIsVariable) {
      return err({
        at,
        expected: 'literal text between two variables',
        message: 'Two variables side by side would give different clients the same topic; put a literal between them.',
      })
    }
    const variable = parseVariable(text, at)
    if (!variable.ok) return variable
    if (literal !== '') parts.push({ kind: 'text', text: literal })
    parts.push(variable.value.part)
    literal = variable.value.suffix
    previousIsVariable = true
    hasVariable = true
    at = variable.value.end
  }
  if (!hasVariable) return ok({ segment: { kind: 'literal', text: literal }, end: at })
  if (literal !== '') parts.push({ kind: 'text', text: literal })
  return ok({ segment: { kind: 'composed', parts }, end: at })
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a topic template
const variableNames = '${client.authenticationName} or ${client.attributes.<key>}'

function parseVariable(
  text: string,
  start: number,
): Result<{ readonly part: TemplatePart; readonly suffix: string; readonly end: number }, TemplateFailure> {
  const close = text.indexOf('}', start)
  if (close < 0) {
    return err({ at: text.length, expected: '}', message: 'The variable is not closed with }.' })
  }
  const inside = text.slice(start + 2, close)
  const bar = inside.indexOf('|')
  const name = bar < 0 ? inside : inside.slice(0, bar)
  const suffix = bar < 0 ? '' : inside.slice(bar + 1)
  const banned = suffix.search(/[/+#${}\0]/)
  if (banned >= 0) {
    return err({
      at: start + 2 + bar + 1 + banned,
      expected: 'a suffix without / + # $ { }',
      message: 'The suffix after the bar is literal text of one segment.',
    })
  }
  if (name === 'client.authenticationName') {
    return ok({ part: { kind: 'authenticationName' }, suffix, end: close + 1 })
  }
  if (name.startsWith('client.attributes.')) {
    const key = name.slice('client.attributes.'.length)
    if (!/^[A-Za-z0-9_]+$/.test(key)) {
      return err({
        at: start + 2 + 'client.attributes.'.length,
        expected: 'an attribute key of letters, digits and underscores',
        message: `"${key}" is no attribute key.`,
      })
    }
    return ok({ part: { kind: 'attribute', key }, suffix, end: close + 1 })
  }
  const obsolete = name.startsWith('principal.')
  return err({
    at: start + 2,
    expected: variableNames,
    message: obsolete ? `\${${name}} is the spelling of an old preview.` : `"${name}" is no variable.`,
  })
}

// ---------------------------------------------------------------------------------------------- filled in

/** A template filled in for one client. */
export interface ConcreteTemplate {
  readonly template: TopicTemplate
  /** A string: this segment; null: any one segment; a set: one of these. The trailing `#` is not among them. */
  readonly segments: readonly ConcreteSegment[]
  /** Ends with `#`: whatever follows is covered, and nothing too. */
  readonly anyRemaining: boolean
}

export type ConcreteSegment = string | null | ReadonlySet<string>

/** Why a template matches nothing for a client. */
export type InstantiationFailure =
  | { readonly kind: 'attributeMissing'; readonly key: string }
  /** Empty, or it holds `/`, `+`, `#` or U+0000, or it would make the topic begin with `$` (S41). */
  | { readonly kind: 'valueUnusable'; readonly variable: string }
  | { readonly kind: 'tooManyAlternatives'; readonly segment: number; readonly alternatives: number }

/** Null: the template matches nothing for this client. */
export function instantiate(template: TopicTemplate, client: TemplateClient): ConcreteTemplate | null {
  const filled = fillIn(template, client)
  return filled.ok ? filled.value : null
}

/** Like `instantiate`, with the reason. */
export function fillIn(
  template: TopicTemplate,
  client: TemplateClient,
): Result<ConcreteTemplate, InstantiationFailure> {
  const segments: ConcreteSegment[] = []
  let anyRemaining = false
  for (const [index, segment] of template.segments.entries()) {
    switch (segment.kind) {
      case 'literal':
        segments.push(segment.text)
        break
      case 'anySegment':
        segments.push(null)
        break
      case 'anyRemaining':
        anyRemaining = true
        break
      case 'composed': {
        const filled = fillSegment(segment.parts, index, client)
        if (!filled.ok) return filled
        segments.push(filled.value)
        break
      }
    }
  }
  return ok({ template, segments, anyRemaining })
}

function fillSegment(
  parts: readonly TemplatePart[],
  index: number,
  client: TemplateClient,
): Result<ConcreteSegment, InstantiationFailure> {
  const choices: (readonly string[])[] = []
  let alternatives = 1
  for (const [position, part] of parts.entries()) {
    if (part.kind === 'text') {
      choices.push([part.text])
      continue
    }
    const leading = index === 0 && position === 0
    const given = valuesOf(part, client)
    if (given === null) {
      return err({ kind: 'attributeMissing', key: part.kind === 'attribute' ? part.key : 'authenticationName' })
    }
    const usable = [...new Set(given.filter((value) => isUsable(value, leading)))]
    if (usable.length === 0) {
      const variable = part.kind === 'attribute' ? `client.attributes.${part.key}` : 'client.authenticationName'
      return err({ kind: 'valueUnusable', variable })
    }
    choices.push(usable)
    alternatives *= usable.length
  }
  if (alternatives > maximumAlternatives) return err({ kind: 'tooManyAlternatives', segment: index, alternatives })
  let texts: string[] = ['']
  for (const choice of choices) texts = texts.flatMap((before) => choice.map((value) => before + value))
  return ok(texts.length === 1 ? texts[0]! : new Set(texts))
}

function valuesOf(part: Exclude<TemplatePart, { kind: 'text' }>, client: TemplateClient): readonly string[] | null {
  if (part.kind === 'authenticationName') return [client.authenticationName]
  if (!Object.hasOwn(client.attributes, part.key)) return null
  const value = client.attributes[part.key]!
  if (typeof value === 'number') return [value.toFixed(0)]
  return typeof value === 'string' ? [value] : value
}

function isUsable(value: string, leading: boolean): boolean {
  if (value.length === 0 || (leading && value.startsWith('$'))) return false
  return !/[/+#\0]/.test(value)
}

// ---------------------------------------------------------------------------------------------- asked

function leadsWithWildcard(concrete: ConcreteTemplate): boolean {
  return concrete.segments.length === 0 ? concrete.anyRemaining : concrete.segments[0] === null
}

/** `segments` against `text[from, to)` split at `/`; true when all of them are used up exactly or `#` takes the rest. */
export function templateCoversTopic(concrete: ConcreteTemplate, topicName: string): boolean {
  // A leading wildcard never covers topics that begin with $ (S43).
  if (topicName.startsWith('$') && leadsWithWildcard(concrete)) return false
  const { segments } = concrete
  let at = 0
  for (let i = 0; i < segments.length; i++) {
    if (at < 0) return false // the topic has ended
    const slash = topicName.indexOf('/', at)
    const end = slash < 0 ? topicName.length : slash
    if (!acceptsText(segments[i]!, topicName, at, end)) return false
    at = slash < 0 ? -1 : slash + 1
  }
  return concrete.anyRemaining || at < 0
}

/**
 * True when every topic that the filter matches is covered by this template alone; a union of templates is not
 * considered. The filter is well formed and without `$share/<name>/` (with it, nothing is covered).
 */
export function templateCoversFilter(concrete: ConcreteTemplate, topicFilter: string): boolean {
  if (topicFilter.startsWith('$') && leadsWithWildcard(concrete)) return false
  const { segments } = concrete
  let at = 0
  for (let i = 0; i < segments.length; i++) {
    if (at < 0) return false
    const slash = topicFilter.indexOf('/', at)
    const end = slash < 0 ? topicFilter.length : slash
    const wildcard = end - at === 1 ? topicFilter[at] : undefined
    if (wildcard === '#') return false // `#` also matches topics that end here
    if (wildcard === '+') {
      if (segments[i] !== null) return false
    } else if (!acceptsText(segments[i]!, topicFilter, at, end)) {
      return false
    }
    at = slash < 0 ? -1 : slash + 1
  }
  return concrete.anyRemaining || at < 0
}

function acceptsText(segment: ConcreteSegment, text: string, start: number, end: number): boolean {
  if (segment === null) return true
  if (typeof segment === 'string') return segment.length === end - start && text.startsWith(segment, start)
  return segment.has(text.slice(start, end))
}
