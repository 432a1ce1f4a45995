import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Arena, ArenaPool } from '../../../src/broker/turn/arena.ts'

/** One turn in which so much is written and somebody points into it, and what was written before is taken. */
function turn(pool: ArenaPool, size: number, before?: Arena): Arena {
  const arena = pool.reserve(size)
  arena.used += size
  arena.pins++
  if (before !== undefined) before.pins--
  pool.recycle()
  return arena
}

test('what transports send until the next turn ends alternates between the beginnings of two arenas', () => {
  const pool = new ArenaPool()
  const arenas: Arena[] = []
  for (let i = 0; i < 6; i++) {
    const arena = turn(pool, 1_000, arenas.at(-1))
    assert.equal(arena.used, 1_000, `turn ${i}`)
    arenas.push(arena)
  }
  assert.equal(new Set(arenas).size, 2)
})

test('one slow peer pins one arena, however many turns the others have', () => {
  const pool = new ArenaPool()
  const slow = turn(pool, 100)
  const others = new Set<Arena>()
  for (let i = 0; i < 50; i++) {
    const arena = turn(pool, 1_000)
    arena.pins--
    others.add(arena)
  }
  assert.equal(slow.used, 100)
  assert.equal(others.size, 1)
  assert.equal(pool.pinnedBytes, 0)
})

test('an arena that an ended transport may still send from is not written to again', () => {
  const pool = new ArenaPool()
  const first = turn(pool, 100)
  const second = turn(pool, 100)
  first.isTainted = true
  first.pins--
  for (let i = 0; i < 4; i++) {
    const arena = turn(pool, 100)
    assert.notEqual(arena, first)
    arena.pins--
  }
  assert.equal(first.used, 100)
  second.pins--
})
