import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { cliPage, leavesOf, nobody } from '../../scripts/cli-page.ts'
import { codesPage } from '../../scripts/codes-page.ts'
import { profilePage } from '../../scripts/profile-page.ts'
import { commandPath, createProgram } from '../../src/cli/main.ts'

const root = join(import.meta.dirname, '..', '..')

function page(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

test('docs/cli.md, docs/profile.md and docs/codes/README.md are what their sources say: npm run docs', () => {
  assert.equal(page('docs/cli.md'), cliPage())
  assert.equal(page('docs/profile.md'), profilePage())
  assert.equal(page('docs/codes/README.md'), codesPage())
})

test('docs/cli.md has every command, and each of them a heading', () => {
  const text = page('docs/cli.md')
  const leaves = leavesOf(createProgram(nobody))
  assert.ok(leaves.length > 40)
  for (const command of leaves) assert.ok(text.includes(`\n## ${commandPath(command)}\n`), commandPath(command))
})

test('every command and option says what it is for', () => {
  const walk = (command: Command): void => {
    assert.notEqual(command.description(), '', commandPath(command))
    for (const option of command.options) {
      if (!option.hidden) assert.notEqual(option.description, '', `${commandPath(command)} ${option.flags}`)
    }
    for (const inner of command.commands) walk(inner)
  }
  walk(createProgram(nobody))
})

test('commands that pages show exist, with the flags that they show', () => {
  const program = createProgram(nobody)
  const pages = [
    'README.md',
    'docs/authentication.md',
    'docs/samples.md',
    'docs/profile.md',
    'docs/metrics.md',
    'docs/codes/README.md',
    ...leavesOfCodes(),
  ]
  const shown = pages.flatMap((path) => commandsIn(page(path)).map((line) => ({ path, line })))
  assert.ok(shown.length > 30)
  const wrong = shown.flatMap(({ path, line }) => faults(program, line).map((fault) => `${path}: ${line}: ${fault}`))
  assert.deepEqual(wrong, [])
})

function leavesOfCodes(): string[] {
  return [...page('docs/codes/README.md').matchAll(/\]\((\w+\.md)\)/g)].map(([, name]) => `docs/codes/${name}`)
}

/** Lines of code blocks and inline code that begin with the program's name. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', ' ').split('\n'),
  )
  const inline = [...text.matchAll(/`(sealgate [^`\n]+)`/g)].map(([, line = '']) => line)
  return [...blocks, ...inline]
    .map((line) => line.trim().replace(/^npx /, ''))
    .filter((line) => line.startsWith('sealgate '))
}

function faults(program: Command, line: string): string[] {
  const words = line
    .split(/\s+/)
    .slice(1)
    .filter((word) => word !== '…')
  let command = program
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word)
    if (next === undefined) {
      if (command.commands.length > 0 && /^[a-z]/.test(word)) return [`there is no command ${word}`]
      break
    }
    command = next
  }
  const flags = words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split('=')[0] ?? word)
  const known = command.options.flatMap(({ long }) => long ?? [])
  return flags.filter((flag) => !known.includes(flag)).map((flag) => `${commandPath(command)} has no ${flag}`)
}
