import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { UnderWay } from '../../../src/broker/publish/under-way.ts'

interface Entry {
  readonly index: number
  readonly identifier: number
  readonly qos: 1 | 2
  isOver: boolean
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('sent' as const), qos: fc.constantFrom(1 as const, 2 as const) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('skipped' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('over' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('passOver' as const) }) },
)

test('what is under way: any history of sending and acknowledging gives what a plain list gives', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const underWay = new UnderWay()
      let list: Entry[] = []
      let index = 0
      const positionOf = (entry: Entry) => ({ entry: BigInt(entry.index >> 3), index: entry.index & 7 })
      for (const action of steps) {
        const open = list.filter(({ isOver }) => !isOver)
        if (action.kind === 'sent') {
          // As identifiers go round: the lowest free one is the hardest case, it is used again while older ones are over.
          let identifier = 1
          while (open.some((entry) => entry.identifier === identifier)) identifier++
          const entry = { index: index++, identifier, qos: action.qos, isOver: false }
          list.push(entry)
          underWay.sent(positionOf(entry).entry, positionOf(entry).index, identifier, action.qos)
        } else if (action.kind === 'skipped') {
          const entry: Entry = { index: index++, identifier: 0, qos: 1, isOver: true }
          list.push(entry)
          underWay.skipped(positionOf(entry))
        } else if (action.kind === 'over') {
          const entry = open[action.which % Math.max(1, open.length)]
          if (entry === undefined) continue
          assert.equal(underWay.qosOf(entry.identifier), entry.qos)
          assert.deepEqual(underWay.positionOf(entry.identifier), positionOf(entry))
          underWay.over(entry.identifier)
          entry.isOver = true
        } else {
          const first = list.findIndex(({ isOver }) => !isOver)
          const passed = list.splice(0, first < 0 ? list.length : first).at(-1)
          assert.deepEqual(underWay.passOver(), passed === undefined ? null : positionOf(passed))
        }
        list = [...list]
        const seen: unknown[] = []
        underWay.forEach((...each) => void seen.push(each))
        assert.deepEqual(
          seen,
          list.map((entry) => [positionOf(entry), entry.identifier, entry.isOver ? 0 : entry.qos]),
        )
        const free = Math.max(0, ...list.map(({ identifier }) => identifier)) + 1
        assert.deepEqual([underWay.qosOf(free), underWay.positionOf(free), underWay.qosOf(0)], [0, null, 0])
      }
    }),
  )
})
