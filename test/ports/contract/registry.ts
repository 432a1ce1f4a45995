import assert from 'node:assert/strict'
import type { Revision } from '../../../src/ports/identity.ts'
import type { RegistryChange, RegistryPut, RegistryWrite } from '../../../src/ports/registry-store.ts'
import { bytes, type EngineUnderTest, rejects, text, withEngine, withTwoEngines } from './world.ts'

function writing(changes: Partial<RegistryWrite>): RegistryWrite {
  return { put: [], remove: [], claim: [], release: [], ...changes }
}

function putting(key: string, value: string, condition: Pick<RegistryPut, 'ifRevision'> = {}): RegistryPut {
  return { key, value: bytes(value), ...condition }
}

export function registryContract(adapter: EngineUnderTest): void {
  withEngine(adapter, 'registry: what was written is read back, with the revision of its write', async (engine) => {
    const { registry } = engine
    assert.equal(registry.get('a'), undefined)
    const first = await registry.write(writing({ put: [putting('a', '1'), putting('b', '2')] }))
    const second = await registry.write(writing({ put: [putting('b', '3')], remove: [{ key: 'a' }] }))
    assert.ok(second > first)
    assert.equal(registry.revision(), second)
    assert.equal(registry.get('a'), undefined)
    const record = registry.get('b')
    assert.equal(text(record?.value ?? bytes('')), '3')
    assert.equal(record?.revision, second)
    assert.equal(record?.key, 'b')
  })

  withEngine(adapter, 'registry: a stored value is a copy of what the caller gave', async (engine) => {
    const value = bytes('kept')
    await engine.registry.write(writing({ put: [{ key: 'a', value }] }))
    value.fill(0)
    assert.equal(text(engine.registry.get('a')?.value ?? bytes('')), 'kept')
  })

  withEngine(adapter, 'registry: one failed condition leaves everything as it was', async (engine) => {
    const { registry } = engine
    const revision = await registry.write(
      writing({ put: [putting('a', '1')], claim: [{ index: 'name', value: 'x', owner: 'a' }] }),
    )
    let called = 0
    registry.watch(() => called++)
    const changes: readonly (readonly [Partial<RegistryWrite>, string])[] = [
      [{ put: [putting('n', '2'), putting('a', '2', { ifRevision: null })] }, 'a'],
      [{ put: [putting('n', '2'), putting('a', '2', { ifRevision: (revision + 1n) as Revision })] }, 'a'],
      [{ put: [putting('n', '2'), putting('b', '2', { ifRevision: revision })] }, 'b'],
      [{ put: [putting('n', '2')], remove: [{ key: 'a', ifRevision: (revision - 1n) as Revision }] }, 'a'],
      [{ put: [putting('n', '2')], remove: [{ key: 'b', ifRevision: revision }] }, 'b'],
      [{ put: [putting('n', '2')], claim: [{ index: 'name', value: 'x', owner: 'b' }] }, 'name:x'],
      [
        {
          put: [putting('n', '2')],
          claim: [
            { index: 'name', value: 'y', owner: 'a' },
            { index: 'name', value: 'y', owner: 'b' },
          ],
        },
        'name:y',
      ],
    ]
    for (const [change, subject] of changes) {
      const error = await rejects(registry.write(writing(change)), 'conflict')
      assert.equal(error.subject, subject)
    }
    assert.equal(registry.get('n'), undefined)
    assert.equal(text(registry.get('a')?.value ?? bytes('')), '1')
    assert.equal(registry.lookup('name', 'x'), 'a')
    assert.equal(registry.lookup('name', 'y'), undefined)
    assert.equal(registry.revision(), revision)
    assert.equal(called, 0)
  })

  withEngine(adapter, 'registry: conditions that hold let the write through', async (engine) => {
    const { registry } = engine
    const first = await registry.write(writing({ put: [putting('a', '1', { ifRevision: null })] }))
    const second = await registry.write(writing({ put: [putting('a', '2', { ifRevision: first })] }))
    await rejects(registry.write(writing({ put: [putting('a', '3', { ifRevision: first })] })), 'conflict')
    await registry.write(writing({ remove: [{ key: 'a', ifRevision: second }, { key: 'never there' }] }))
    assert.equal(registry.get('a'), undefined)
    await registry.write(writing({ put: [putting('a', '4', { ifRevision: null })] }))
  })

  withEngine(
    adapter,
    'registry: a write of any length is seen whole or not at all, and in its order',
    async (engine) => {
      const { registry } = engine
      const numbers = Array.from({ length: 3_000 }, (_, i) => String(i).padStart(5, '0'))
      await registry.write(
        writing({
          put: numbers.filter((n) => n.endsWith('7')).map((n) => putting(`fleet ${n}`, 'old')),
          claim: [{ index: 'name', value: '00007', owner: 'old' }],
        }),
      )
      const before = registry.revision()
      const told: number[] = []
      registry.watch((changes) => told.push(changes.length))
      const removed = numbers.filter((n) => n.endsWith('0'))
      await registry.write(writing({ put: removed.map((n) => putting(`fleet ${n}`, 'to go')) }))
      const kept = numbers.filter((n) => !n.endsWith('0'))
      const long = registry.write(
        writing({
          put: kept.map((n) => putting(`fleet ${n}`, `new ${n}`)),
          remove: removed.map((n) => ({ key: `fleet ${n}` })),
          release: [{ index: 'name', value: '00007', owner: 'old' }],
          claim: kept.map((n) => ({ index: 'name', value: n, owner: `fleet ${n}` })),
        }),
      )
      const late = registry.write(writing({ put: [putting('fleet 00001', 'after', {})] }))
      let isDone = false
      const done = long.then((revision) => {
        isDone = true
        assert.equal(revision, before + 2n)
      })
      const seen = () => {
        const first = text(registry.get('fleet 00007')?.value ?? bytes('')) === 'new 00007'
        const last = registry.get('fleet 02990') === undefined
        const owner = registry.lookup('name', '00007') === 'fleet 00007'
        const range = registry.range('fleet ', null, 10_000).length
        assert.ok(first === last && last === owner, `${first} ${last} ${owner}`)
        assert.equal(range, first ? kept.length : 600)
        assert.deepEqual(
          registry.range('fleet 0299', 'fleet 02990', 3).map(({ key }) => key),
          first ? ['fleet 02991', 'fleet 02992', 'fleet 02993'] : ['fleet 02997'],
        )
        return first
      }
      while (!isDone) {
        seen()
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      await done
      assert.ok(seen())
      assert.equal(registry.get('fleet 02999')?.revision, before + 2n)
      assert.equal(await late, before + 3n)
      assert.equal(text(registry.get('fleet 00001')?.value ?? bytes('')), 'after')
      assert.deepEqual(told, [300, 3_000, 1])
      const conflicting = registry.write(
        writing({
          put: numbers.map((n) => putting(`fleet ${n}`, 'never', n === '02500' ? { ifRevision: before } : {})),
        }),
      )
      assert.equal((await rejects(conflicting, 'conflict')).subject, 'fleet 02500')
      assert.equal(text(registry.get('fleet 00002')?.value ?? bytes('')), 'new 00002')
      assert.equal(told.length, 3)
    },
  )

  withEngine(adapter, 'registry: of writes under the same condition one wins', async (engine) => {
    const { registry } = engine
    const revision = await registry.write(writing({ put: [putting('a', '0')] }))
    const outcomes = await Promise.allSettled(
      ['1', '2', '3'].map((value) => registry.write(writing({ put: [putting('a', value, { ifRevision: revision })] }))),
    )
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    )
    assert.equal(text(registry.get('a')?.value ?? bytes('')), '1')
  })

  withEngine(adapter, 'registry: releases come before claims, and only the owner releases', async (engine) => {
    const { registry } = engine
    const entry = { index: 'name', value: 'x' }
    await registry.write(writing({ claim: [{ ...entry, owner: 'a' }] }))
    await registry.write(writing({ claim: [{ ...entry, owner: 'a' }] }))
    await registry.write(writing({ release: [{ ...entry, owner: 'b' }] }))
    assert.equal(registry.lookup('name', 'x'), 'a')
    await rejects(
      registry.write(writing({ release: [{ ...entry, owner: 'b' }], claim: [{ ...entry, owner: 'b' }] })),
      'conflict',
    )
    await registry.write(writing({ release: [{ ...entry, owner: 'a' }], claim: [{ ...entry, owner: 'b' }] }))
    assert.equal(registry.lookup('name', 'x'), 'b')
    await registry.write(writing({ release: [{ ...entry, owner: 'b' }] }))
    assert.equal(registry.lookup('name', 'x'), undefined)
  })

  withEngine(adapter, 'S28 registry: index entries are never confused by their spelling', async (engine) => {
    const { registry } = engine
    const entries = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['a', 'B:c'],
      ['a\u001f', 'b'],
      ['a', '\u001fb'],
      ['a', '\u00e9'],
      ['a', 'e\u0301'],
      ['', 'ab'],
      ['ab', ''],
    ] as const
    await registry.write(
      writing({ claim: entries.map(([index, value], i) => ({ index, value, owner: `owner-${i}` })) }),
    )
    for (const [i, [index, value]] of entries.entries()) assert.equal(registry.lookup(index, value), `owner-${i}`)
  })

  withEngine(
    adapter,
    'registry: a range is in order of UTF-16 code units, behind `after`, at most `limit`',
    async (engine) => {
      const { registry } = engine
      // In code units the surrogates of U+1F600 come before U+FF5E; in UTF-8 they come behind.
      const keys = [
        'p/',
        'p/A',
        'p/Z',
        'p/a',
        'p/aa',
        'p/a\u0000',
        'p/\u00e9',
        'p/e\u0301',
        'p/\u{1f600}',
        'p/\uff5e',
        'p/\u{1f600}x',
      ]
      await registry.write(writing({ put: [...keys, 'o', 'p', 'q', 'P/a'].map((key) => putting(key, key)) }))
      const sorted = [...keys].sort()
      const range = (...args: Parameters<typeof registry.range>): string[] =>
        registry.range(...args).map(({ key }) => key)
      assert.deepEqual(range('p/', null, 100), sorted)
      assert.deepEqual(range('p/', null, 3), sorted.slice(0, 3))
      assert.deepEqual(range('p/', null, 0), [])
      for (const [i, key] of sorted.entries()) assert.deepEqual(range('p/', key, 100), sorted.slice(i + 1))
      assert.deepEqual(range('p/', 'a', 100), sorted)
      assert.deepEqual(
        range('p/', 'p/B', 100),
        sorted.filter((key) => key > 'p/B'),
      )
      assert.deepEqual(range('p/', 'q', 100), [])
      assert.deepEqual(range('nothing', null, 100), [])
      assert.equal(range('', null, 100).length, keys.length + 4)
      for (const { key, value } of registry.range('p/', null, 100)) assert.equal(text(value), key)
    },
  )

  withEngine(adapter, 'registry: pages of a range meet every record once', async (engine) => {
    const { registry } = engine
    const keys = Array.from({ length: 700 }, (_, i) => `k/${(i * 7919) % 700}`)
    await registry.write(writing({ put: keys.map((key) => putting(key, '')) }))
    const seen: string[] = []
    for (let last: string | null = null; ; ) {
      const page = registry.range('k/', last, 64)
      if (page.length === 0) break
      seen.push(...page.map(({ key }) => key))
      last = seen.at(-1) ?? null
    }
    assert.deepEqual(seen, [...keys].sort())
  })

  withEngine(adapter, 'registry: long keys and index values of any length are kept apart', async (engine) => {
    const { registry } = engine
    const long = 'x'.repeat(1023)
    const value = 'v'.repeat(70_000)
    await registry.write(
      writing({
        put: [putting(`${long}a`, 'a'), putting(`${long}b`, 'b'), putting(long, '-')],
        claim: [
          { index: 'i', value: `${value}a`, owner: 'a' },
          { index: 'i', value: `${value}b`, owner: 'b' },
          { index: 'i', value: value.slice(0, 1000), owner: 'c' },
        ],
      }),
    )
    assert.equal(text(registry.get(`${long}a`)?.value ?? bytes('')), 'a')
    assert.equal(registry.lookup('i', `${value}a`), 'a')
    assert.equal(registry.lookup('i', `${value}b`), 'b')
    assert.equal(registry.lookup('i', value), undefined)
    assert.equal(registry.lookup('i', value.slice(0, 1000)), 'c')
    assert.deepEqual(
      registry.range(long, long, 10).map(({ key }) => key.at(-1)),
      ['a', 'b'],
    )
    await assert.rejects(registry.write(writing({ put: [putting(`${long}ab`, 'too long')] })))
  })

  withEngine(
    adapter,
    'registry: watch tells each write in one call, in order, before the write resolves',
    async (engine) => {
      const { registry } = engine
      await registry.write(writing({ put: [putting('before', '')] }))
      const calls: (readonly RegistryChange[])[] = []
      let visible: string | undefined
      const stop = registry.watch((changes) => {
        calls.push(changes)
        visible = text(registry.get('a')?.value ?? bytes('nothing'))
      })
      let toldBefore = -1
      const first = registry
        .write(writing({ put: [putting('a', '1'), putting('b', '1')], remove: [{ key: 'before' }] }))
        .then((revision) => {
          toldBefore = calls.length
          return revision
        })
      const second = registry.write(writing({ put: [putting('a', '2')], remove: [{ key: 'never there' }] }))
      const revisions = await Promise.all([first, second])
      assert.ok(toldBefore >= 1)
      assert.deepEqual(
        calls.map((changes) => changes.map(({ key, value, revision }) => [key, value && text(value), revision])),
        [
          [
            ['a', '1', revisions[0]],
            ['b', '1', revisions[0]],
            ['before', null, revisions[0]],
          ],
          [['a', '2', revisions[1]]],
        ],
      )
      assert.equal(visible, '2')
      stop()
      await registry.write(writing({ put: [putting('a', '3')] }))
      assert.equal(calls.length, 2)
    },
  )

  withEngine(adapter, 'registry: what was written survives a crash', async (engine, world) => {
    const revision = await engine.registry.write(
      writing({ put: [putting('a', '1')], claim: [{ index: 'i', value: 'v', owner: 'a' }] }),
    )
    await world.crash('node-a' as never)
    const { registry } = await world.engine('node-a' as never)
    assert.equal(text(registry.get('a')?.value ?? bytes('')), '1')
    assert.equal(registry.get('a')?.revision, revision)
    assert.equal(registry.lookup('i', 'v'), 'a')
    assert.equal(registry.revision(), revision)
    assert.ok((await registry.write(writing({ put: [putting('b', '1')] }))) > revision)
  })

  withTwoEngines(adapter, 'registry: a write of one node is seen and told at the other', async (a, b) => {
    const told: string[] = []
    b.registry.watch((changes) => told.push(...changes.map(({ key }) => key)))
    await a.registry.write(writing({ put: [putting('a', '1')] }))
    assert.deepEqual(told, ['a'])
    assert.equal(text(b.registry.get('a')?.value ?? bytes('')), '1')
  })
}
