import { err, ok, type Result } from '../base/result.ts'
import type { Steps } from '../base/steps.ts'
import type { Change, Changed, ChangeEnvironment } from './change.ts'
import { deleteChild, putChild, standInChild } from './change-child.ts'
import { deleteNamespace, putNamespace, standIn } from './change-namespace.ts'
import { invalid, type Problem, problemsOf, type RegistryFailure } from './failure.ts'
import { etagOf } from './resource.ts'
import type { Stage } from './stage.ts'
import type { WriteOutcome } from './writer.ts'

function* applyChange(
  stage: Stage,
  change: Change,
  environment: ChangeEnvironment,
): Steps<Result<Changed, RegistryFailure>> {
  const { id } = change
  if (id.child === null) {
    return change.kind === 'delete'
      ? deleteNamespace(stage, change, environment)
      : putNamespace(stage, change, environment)
  }
  const childId = { ...id, child: id.child }
  return change.kind === 'delete'
    ? yield* deleteChild(stage, change, childId)
    : yield* putChild(stage, change, childId, environment)
}

function standInFor(stage: Stage, change: Exclude<Change, { kind: 'delete' }>, environment: ChangeEnvironment): void {
  const { id } = change
  if (id.child === null) standIn(stage, change, environment)
  else standInChild(stage, { ...id, child: id.child }, environment)
}

/** Goes on after a failure, so that every problem of the document is told at once. */
export function* applyAll(
  stage: Stage,
  changes: readonly Change[],
  environment: ChangeEnvironment,
): Steps<Result<readonly Changed[], RegistryFailure>> {
  const done: Changed[] = []
  const problems: Problem[] = []
  for (const change of changes) {
    const result = yield* applyChange(stage, change, environment)
    if (result.ok) done.push(result.value)
    else if (changes.length === 1 && change.label === undefined) return result
    // The document may be right: it was written for another state of things.
    else if (result.error.kind === 'etagMismatch') return result
    else {
      problems.push(...problemsOf(result.error, change.label ?? ''))
      if (change.kind !== 'delete') standInFor(stage, change, environment)
    }
    yield
  }
  return problems.length > 0 ? err(invalid(problems)) : ok(done)
}

/** What was staged has no revision until it is written. */
export function* withEtags(done: readonly Changed[], outcome: WriteOutcome<unknown>): Steps<readonly Changed[]> {
  const revision = outcome.kind === 'done' ? outcome.revision : null
  if (revision === null) return done
  const etag = etagOf(revision)
  const written: Changed[] = []
  for (const changed of done) {
    const isNew = changed.resource !== null && changed.resource.etag === ''
    written.push(isNew ? { ...changed, resource: changed.resource.withEtag(etag) } : changed)
    yield
  }
  return written
}
