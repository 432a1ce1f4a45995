import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { decisionCodes } from '../../src/auth/decision.ts'

const root = join(import.meta.dirname, '..', '..')
const pages = [
  ...globSync('docs/**/*.md', { cwd: root }),
  ...globSync('*.md', { cwd: root }),
  ...globSync('{bench,fuzz,test}/**/*.md', { cwd: root }),
].sort()

/** Without code, whose brackets are none of links. */
function proseOf(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, (code) => 'x'.repeat(code.length))
}

function linksOf(text: string): string[] {
  const targets = [...text.matchAll(/\]\(([^()\s]+)(?:\s+"[^"]*")?\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target))
}

/** As the usual renderers make anchors of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*$/gm)]
  return new Set(
    headings.map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** What is wrong with a link of a page; null: it leads somewhere. */
function fault(page: string, target: string, read: (path: string) => string | null): string | null {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : relative(root, join(root, dirname(page), decodeURIComponent(path)))
  const text = read(file)
  if (text === null) return `${page}: ${target} leads to nothing`
  if (anchor === undefined || anchor === '' || !file.endsWith('.md')) return null
  return anchorsOf(text).has(anchor) ? null : `${page}: there is no heading #${anchor} in ${file}`
}

function readFromDisk(path: string): string | null {
  const full = join(root, path)
  if (!existsSync(full)) return null
  return path.endsWith('.md') ? readFileSync(full, 'utf8') : ''
}

test('no link of the documentation is dead', () => {
  assert.ok(pages.length > 40, 'the pages were not found')
  const faults = pages.flatMap((page) =>
    linksOf(proseOf(readFileSync(join(root, page), 'utf8'))).flatMap(
      (target) => fault(page, target, readFromDisk) ?? [],
    ),
  )
  assert.deepEqual(faults, [])
})

test('a dead link and a dead anchor are found', () => {
  const read = (path: string) => (path === join('docs', 'b.md') ? '# Right Heading\n' : null)
  assert.deepEqual(linksOf('[a](b.md#x) ![i](i.png "title") [w](https://example.org) [m](mailto:a@b.example)'), [
    'b.md#x',
    'i.png',
  ])
  assert.equal(fault('docs/a.md', 'b.md#right-heading', read), null)
  assert.match(fault('docs/a.md', 'b.md#wrong', read) ?? '', /no heading #wrong/)
  assert.match(fault('docs/a.md', 'c.md', read) ?? '', /leads to nothing/)
})

test('every decision code has its page, and every page its code', () => {
  const found = globSync('docs/codes/*.md', { cwd: root }).map((path) =>
    path.replace(/^.*[\\/]/, '').replace(/\.md$/, ''),
  )
  assert.deepEqual(found.filter((name) => name !== 'README').sort(), [...decisionCodes].sort())
  for (const code of decisionCodes) {
    const text = readFileSync(join(root, 'docs', 'codes', `${code}.md`), 'utf8')
    assert.ok(text.startsWith(`# \`${code}\`\n\n`), code)
    for (const heading of ['## Usual causes', '## What to do', '## See it'])
      assert.ok(text.includes(`${heading}\n`), `${code}: ${heading}`)
  }
})
