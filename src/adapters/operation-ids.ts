import { assert } from '../base/assert.ts'
import type { Append, Commit, CommitResult, QueuedDelivery } from '../ports/message-store.ts'

/**
 * Who repeats a commit makes no other one meanwhile, so a repeat is the last one of its caller. More would be memory and
 * store that grow for hours under a light load (`npm run soak`).
 */
const remembered = 1_024

/** Checked before anything of a commit is applied: what throws later would leave half of it behind. */
export function assertBodiesExist(commit: Commit): void {
  const count = commit.bodies.length
  const check = (body: number): void => {
    if (!(body >= 0 && body < count)) assert(false, `a commit names body ${body} of ${count}`)
  }
  const checkEnds = (ends: readonly number[], body: Uint8Array): void => {
    let last = 0
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i] as number
      assert(end >= last && end <= body.length, 'the messages of a run lie one behind the other')
      last = end
    }
    assert(ends.length > 0 && last === body.length, 'the last message of a run ends with its body')
  }
  // Counted loops: this runs once per commit, over all its messages (bench: store).
  const checkAll = ({ messages }: Append): void => {
    for (let i = 0; i < messages.length; i++) {
      const { body, ends } = messages[i] as QueuedDelivery
      check(body)
      if (ends !== undefined) checkEnds(ends, commit.bodies[body] as Uint8Array)
    }
  }
  for (const append of commit.appends) checkAll(append)
  for (const { body } of commit.retain) if (body !== null) check(body)
  for (const { appends, retain } of commit.wills) {
    for (const append of appends) checkAll(append)
    if (retain !== null && retain.body !== null) check(retain.body)
  }
}

/** Cheap mark of a commit's content: an id that comes back with another one is a bug that would lose messages. */
export function commitMark(commit: Commit): string {
  let bytes = 0
  for (let i = 0; i < commit.bodies.length; i++) bytes += (commit.bodies[i] as Uint8Array).length
  const { bodies, appends, retain, owner, wills } = commit
  return `${bodies.length}.${bytes}.${appends.length}.${retain.length}.${owner.length}.${wills.length}`
}

interface Known {
  readonly mark: string
  readonly result: CommitResult
}

/** Commits that took effect: the latest ones, at least as many as `remembered`. */
export class OperationIds {
  // Two generations: forgetting the older one whole costs nothing, where deleting the oldest of one map costs a walk.
  #young = new Map<string, Known>()
  #old = new Map<string, Known>()

  /** The result of the commit that took effect under this id. */
  repeatOf(commit: Commit): CommitResult | undefined {
    const known = this.#young.get(commit.opId) ?? this.#old.get(commit.opId)
    if (known === undefined) return undefined
    assert(known.mark === commitMark(commit), `operation id used for another commit: ${commit.opId}`)
    return known.result
  }

  remember(opId: string, mark: string, result: CommitResult): void {
    if (this.#young.size >= remembered) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(opId, { mark, result })
  }
}
