/**
 * A template that is too large for one request is sent in slices: each has all that is no client, and some of the
 * clients, so that it is a template by itself. The text is cut, not parsed: a million clients as objects would need
 * gigabytes, and the server reads every word of it anyway.
 */
export interface Sliced {
  readonly clients: number
  /** One at a time: together they are as large as the template. */
  slices(): Generator<Slice>
}

export interface Slice {
  /** A template. */
  readonly text: string
  readonly clients: number
  /** Type and name of the resource at an index of this slice, for messages; null: not to be seen. */
  labelOf(index: number): string | null
}

export interface SliceLimits {
  readonly characters: number
  readonly clients: number
}

/**
 * The server takes 25 MiB; a request that large would keep others waiting. With 5,000 clients a slice it grows to more
 * than 400 MB during an import of a million, with 1,000 to less than 300, and is no slower (bench: registry-scale).
 */
const sliceLimits: SliceLimits = { characters: 4 * 1_048_576, clients: 1_000 }

const client = /"type"\s*:\s*"Microsoft\.EventGrid\/namespaces\/clients"/i

/** Null: no JSON with a list of resources among which there are clients. */
export function sliceTemplate(text: string, limits: SliceLimits = sliceLimits): Sliced | null {
  const found = findResources(text)
  if (found === null) return null
  const { bounds, open, close } = found
  const clients: number[] = []
  const others: string[] = []
  for (let at = 0; at < bounds.length; at += 2) {
    const element = text.slice(bounds[at], bounds[at + 1])
    if (client.test(element)) clients.push(at)
    else others.push(element)
  }
  if (clients.length === 0) return null

  const sliceOf = (some: readonly string[]): Slice => {
    const elements = [...others, ...some]
    return {
      text: `${text.slice(0, open + 1)}${elements.join(',\n')}${text.slice(close)}`,
      clients: some.length,
      labelOf: (index) => labelOf(elements[index] ?? ''),
    }
  }
  return {
    clients: clients.length,
    *slices() {
      let some: string[] = []
      let characters = 0
      for (const at of clients) {
        const element = text.slice(bounds[at], bounds[at + 1])
        if (some.length > 0 && (some.length === limits.clients || characters + element.length > limits.characters)) {
          yield sliceOf(some)
          some = []
          characters = 0
        }
        some.push(element)
        characters += element.length
      }
      yield sliceOf(some)
    },
  }
}

function labelOf(element: string): string | null {
  const type = /"type"\s*:\s*"([^"\\]*)"/.exec(element)?.[1]
  const name = /"name"\s*:\s*"([^"\\]*)"/.exec(element)?.[1]
  return type === undefined || name === undefined ? null : `${type.replace(/^.*\//, '')} ${name}`
}

interface Resources {
  /** Start and end of each element. */
  readonly bounds: readonly number[]
  /** Where the list begins and where its closing bracket stands. */
  readonly open: number
  readonly close: number
}

/** Walks over the members of the outermost object. What is no JSON is found by the server, which says where. */
function findResources(text: string): Resources | null {
  let at = skipSpace(text, 0)
  if (text[at] !== '{') return null
  at++
  for (;;) {
    at = skipSpace(text, at)
    if (at >= text.length || text[at] === '}') return null
    if (text[at] === ',') {
      at++
      continue
    }
    const key = at
    at = skipValue(text, at)
    const name = text.slice(key, at).replaceAll('"', '')
    at = skipSpace(text, at)
    if (text[at] !== ':') return null
    at = skipSpace(text, at + 1)
    if (name === 'resources') return text[at] === '[' ? elementsOf(text, at) : null
    at = skipValue(text, at)
  }
}

function elementsOf(text: string, open: number): Resources | null {
  const bounds: number[] = []
  let at = open + 1
  for (;;) {
    at = skipSpace(text, at)
    if (at >= text.length) return null
    if (text[at] === ']') return { bounds, open, close: at }
    if (text[at] === ',') {
      at++
      continue
    }
    const start = at
    at = skipValue(text, at)
    if (at === start) return null
    bounds.push(start, at)
  }
}

/** Behind a text, an object, a list or a word. */
function skipValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return skipText(text, start)
  if (first !== '{' && first !== '[') {
    const word = /[\w.+$-]+/y
    word.lastIndex = start
    return word.test(text) ? word.lastIndex : start
  }
  let depth = 0
  for (let at = start; at < text.length; ) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = skipText(text, at)
    else if (code === 0x2f) at = skipComment(text, at)
    else {
      at++
      if (code === 0x7b || code === 0x5b) depth++
      else if ((code === 0x7d || code === 0x5d) && --depth === 0) return at
    }
  }
  return text.length
}

function skipText(text: string, start: number): number {
  let at = start + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return text.length
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes++
    at = quote + 1
    if (backslashes % 2 === 0) return at
  }
}

function skipComment(text: string, start: number): number {
  const kind = text[start + 1]
  const end = kind === '/' ? text.indexOf('\n', start) : kind === '*' ? text.indexOf('*/', start) + 1 : start
  return end <= 0 ? text.length : end + 1
}

function skipSpace(text: string, start: number): number {
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09 || code === 0xfeff) at++
    else if (code === 0x2f) at = skipComment(text, at)
    else return at
  }
}
