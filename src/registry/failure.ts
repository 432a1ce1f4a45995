import type { ResourceId } from './resource-id.ts'

/** What can be wrong with one place of a document. Stable; extended, never renamed. */
export type ProblemCode =
  | 'InvalidJson'
  | 'InvalidType'
  | 'InvalidValue'
  | 'InvalidName'
  | 'Required'
  | 'Forbidden'
  | 'TooLong'
  | 'TooMany'
  | 'UnknownProperty'
  | 'UnknownReference'
  | 'InvalidAuthenticationName'
  | 'InvalidThumbprint'
  | 'InvalidCertificate'
  | 'InvalidRevocationList'
  | 'PrivateKeyRefused'
  | 'InvalidTopicTemplate'
  | 'InvalidQuery'
  | 'InvalidAttribute'
  | 'InvalidExpression'
  | 'InvalidTemplate'
  | 'UnsupportedResourceType'
  | 'Unsupported'
  | 'Immutable'
  | 'NameTaken'
  | 'QuotaExceeded'
  | 'Referenced'
  | 'Conflict'

export interface Problem {
  readonly code: ProblemCode
  /** Path of the property, e.g. `properties.topicTemplates[2]`; empty for the document itself. */
  readonly target: string
  /** One or two sentences: what is wrong and what to do. */
  readonly message: string
}

/** Something that succeeded and that the operator should know (S13). */
export interface Warning {
  readonly code: string
  readonly message: string
}

/** Why a request to the registry was not done; nothing of it was. */
export type RegistryFailure = { readonly message: string } & (
  | { readonly kind: 'notFound'; readonly id: ResourceId }
  | { readonly kind: 'parentNotFound'; readonly id: ResourceId }
  /** All problems of the document at once. */
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }
  /** A unique name is held by another resource. */
  | { readonly kind: 'nameTaken'; readonly target: string }
  | { readonly kind: 'immutable'; readonly target: string }
  /** Bindings name the resource. */
  | { readonly kind: 'referenced'; readonly by: readonly string[] }
  | { readonly kind: 'etagMismatch'; readonly etag: string | null }
  | { readonly kind: 'quotaExceeded'; readonly limit: string; readonly value: number }
  /** Others changed the same resources at the same time, again and again. */
  | { readonly kind: 'conflict' }
  /** The store cannot write now. */
  | { readonly kind: 'unavailable' }
)

export function invalid(problems: readonly Problem[]): RegistryFailure {
  const first = problems[0]
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  const message = first === undefined ? 'The document is not valid.' : `${at(first.target)}${first.message}${more}`
  return { kind: 'invalid', problems, message }
}

function at(target: string): string {
  return target === '' ? '' : `${target}: `
}

/** One failure as problems of a larger document, with targets below `prefix`. */
export function problemsOf(failure: RegistryFailure, prefix: string): readonly Problem[] {
  const below = (target: string) => (prefix === '' || target === '' ? prefix + target : `${prefix}.${target}`)
  const { message } = failure
  switch (failure.kind) {
    case 'invalid':
      return failure.problems.map((problem) => ({ ...problem, target: below(problem.target) }))
    case 'nameTaken':
      return [{ code: 'NameTaken', target: below(failure.target), message }]
    case 'immutable':
      return [{ code: 'Immutable', target: below(failure.target), message }]
    case 'quotaExceeded':
      return [{ code: 'QuotaExceeded', target: below(''), message }]
    case 'referenced':
      return [{ code: 'Referenced', target: below(''), message }]
    case 'notFound':
    case 'parentNotFound':
      return [{ code: 'UnknownReference', target: below(''), message }]
    case 'etagMismatch':
    case 'conflict':
    case 'unavailable':
      return [{ code: 'Conflict', target: below(''), message }]
  }
}
