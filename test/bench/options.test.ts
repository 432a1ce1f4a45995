import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cases, headline } from '../../bench/cases.ts'
import { commands } from '../../bench/commands.ts'
import { readOptions } from '../../bench/options.ts'

const chosen = (...args: string[]) => {
  const options = readOptions(args)
  assert.ok(options !== null)
  return [options.cases.map(({ name }) => name), options.commands.map(({ name }) => name)]
}
const allCases = cases.map(({ name }) => name)
const allCommands = commands.map(({ name }) => name)

test('cases and commands are chosen by name, together or alone', () => {
  assert.deepEqual(chosen(), [headline, []])
  assert.deepEqual(chosen('all'), [allCases, []])
  assert.deepEqual(chosen('everything'), [allCases, allCommands])
  assert.deepEqual(chosen('storm', 'match-cost'), [[], ['match-cost', 'storm']])
  assert.deepEqual(chosen('mtls-idle', 'storm'), [['mtls-idle'], ['storm']])
  assert.throws(() => chosen('nothing'), /no case is called nothing/)
})

test('only whole figures are kept', () => {
  assert.equal(readOptions([])?.isKept, true)
  assert.equal(readOptions(['all'])?.isKept, false)
  assert.equal(readOptions(['all', '--write', '--repeats', '3'])?.isKept, true)
  assert.equal(readOptions(['--only', 'aedes'])?.isKept, false)
  for (const part of [
    ['--only', 'aedes'],
    ['--devices', '10'],
    ['--connections', '10'],
    ['--against', 'main'],
    ['--profile'],
  ]) {
    assert.throws(() => readOptions(['storm', '--write', ...part]), /--write keeps whole figures only/)
  }
})

test('numbers that are none are refused', () => {
  assert.throws(() => readOptions(['--repeats', 'many']), /--repeats needs a positive number, not many/)
  assert.throws(() => readOptions(['--floor', '0.9']), /--at and --floor need --against/)
})
