import { concat, element } from '../../src/x509/der-writer.ts'

/** A reproducible source of chance. */
export interface Random {
  /** A whole number from 0 to limit - 1. */
  below(limit: number): number
  pick<T>(list: readonly T[]): T
}

/** mulberry32: small, fast, and the same everywhere. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return { below, pick: (list) => list[below(list.length)]! }
}

/** One to four changes: of bytes, or of the tree of elements with all lengths put right again. */
export function mutate(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let bytes = input
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    bytes = random.below(2) === 0 ? mutateBytes(random, bytes, others) : mutateTree(random, bytes, others)
  }
  return bytes
}

const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x1f, 0x30, 0x31, 0x7f, 0x80, 0x81,
  0x82, 0x84, 0xa0, 0xa3, 0xff,
]

function mutateBytes(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const at = random.below(input.length + 1)
  const length = random.below(Math.min(64, input.length - at + 1))
  const head = input.subarray(0, at)
  const tail = input.subarray(at + length)
  switch (random.below(6)) {
    case 0: {
      const changed = Uint8Array.from(input)
      if (at < changed.length) changed[at] = changed[at]! ^ (1 << random.below(8))
      return changed
    }
    case 1: {
      const changed = Uint8Array.from(input)
      if (at < changed.length) changed[at] = random.pick(telling)
      return changed
    }
    case 2:
      return concat([head, tail])
    case 3:
      return concat([head, input.subarray(at, at + length), input.subarray(at)])
    case 4: {
      const other = random.pick(others)
      const from = random.below(other.length + 1)
      return concat([head, other.subarray(from, from + length), tail])
    }
    default:
      return head
  }
}

/** An element: constructed ones hold elements, primitive ones octets. */
interface Node {
  tag: number
  content: Uint8Array
  children: Node[] | null
}

const maximumDepth = 24

/** The elements of the bytes, or null when they do not fill them. OCTET STRINGs that hold elements are opened too. */
function treeOf(bytes: Uint8Array, depth = 0): Node[] | null {
  const nodes: Node[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at]!
    let length = bytes[at + 1]
    let start = at + 2
    if (length === undefined || (tag & 0x1f) === 0x1f) return null
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count === 0 || count > 3) return null
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start++] ?? 0)
    }
    if (start + length > bytes.length) return null
    const content = bytes.subarray(start, start + length)
    const mayHold = ((tag & 0x20) !== 0 || tag === 0x04) && depth < maximumDepth && content.length > 0
    nodes.push({ tag, content, children: mayHold ? treeOf(content, depth + 1) : null })
    at = start + length
  }
  return nodes
}

function write({ tag, content, children }: Node): Uint8Array {
  return element(tag, children === null ? content : concat(children.map(write)))
}

function everyNode(nodes: readonly Node[]): Node[] {
  return nodes.flatMap((node) => [node, ...everyNode(node.children ?? [])])
}

function mutateTree(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const tree = treeOf(input)
  if (tree === null || tree.length === 0) return mutateBytes(random, input, others)
  const node = random.pick(everyNode(tree))
  const { children } = node
  switch (random.below(7)) {
    case 0:
      node.tag = random.pick(telling)
      break
    case 1:
      node.content = mutateBytes(random, node.content, others)
      node.children = null
      break
    case 2:
      if (children !== null) children.splice(random.below(children.length), 1)
      break
    case 3:
      if (children !== null) children.splice(random.below(children.length + 1), 0, random.pick(children))
      break
    case 4:
      if (children !== null) children.reverse()
      break
    case 5: {
      const other = everyNode(treeOf(random.pick(others)) ?? [])
      if (other.length > 0) Object.assign(node, random.pick(other))
      break
    }
    default:
      if (children !== null && children.length > 0) {
        // Many of one kind: names, constraints, extensions.
        const one = random.pick(children)
        for (let i = random.below(200); i > 0; i--) children.push(one)
      }
  }
  return concat(tree.map(write))
}
