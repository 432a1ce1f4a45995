import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Unfinished } from '../../../src/broker/core/unfinished.ts'
import { EngineError } from '../../../src/ports/engine-error.ts'

function setUp(most: number) {
  const lines: string[] = []
  let isTroubled = true
  const done: string[] = []
  const unfinished = new Unfinished({ write: (_level, event) => void lines.push(event) }, most)
  const work = (what: string) => async () => {
    if (isTroubled) throw new EngineError('unavailable', 'store: trouble')
    done.push(what)
  }
  return {
    unfinished,
    lines,
    done,
    work,
    recover: async () => {
      isTroubled = false
      await unfinished.retry()
    },
  }
}

test('of several ends of one session that the store refused the last one is kept', async () => {
  const { unfinished, done, work, recover } = setUp(10)
  for (let i = 0; i < 50; i++) assert.equal(await unfinished.do('sessionClose', 'one', work(`one ${i}`)), false)
  await unfinished.do('sessionClose', 'other', work('other'))
  await unfinished.do('remove', 'one', work('removal of one'))
  assert.equal(unfinished.count, 3)
  await recover()
  assert.deepEqual(done, ['one 49', 'other', 'removal of one'])
  assert.equal(unfinished.count, 0)
})

test('a store that opens sessions and ends none does not let what waits grow: more is left to the next start, and told', async () => {
  const { unfinished, lines, done, work, recover } = setUp(10)
  for (let i = 0; i < 12; i++) await unfinished.do('sessionClose', `s${i}`, work(`s${i}`))
  assert.equal(unfinished.count, 10)
  assert.equal(lines.filter((line) => line === 'workForgotten').length, 2)
  // One that is kept already is replaced, not forgotten.
  await unfinished.do('sessionClose', 's3', work('s3 again'))
  assert.equal(lines.filter((line) => line === 'workForgotten').length, 2)
  await recover()
  assert.deepEqual(done.toSorted().slice(0, 4), ['s0', 's1', 's2', 's3 again'])
  assert.equal(done.length, 10)
})
