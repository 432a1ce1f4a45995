import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { sealgate, temporaryPlace } from './run.ts'

async function completer(t: TestContext): Promise<(...words: readonly string[]) => string[]> {
  const place = temporaryPlace(t)
  const { out } = await sealgate(place, 'completion', 'bash')
  const file = join(place.directory, 'completion.bash')
  writeFileSync(file, out)
  const ask = `source "$1"; shift; COMP_WORDS=(sealgate "$@"); COMP_CWORD=$#; _sealgate; printf '%s\\n' "\${COMPREPLY[@]}"`
  return (...words) =>
    execFileSync('bash', ['-c', ask, 'bash', file, ...words], { encoding: 'utf8', cwd: place.directory })
      .split('\n')
      .filter((line) => line !== '')
}

test('bash completes commands, flags and choices at every level', async (t) => {
  const complete = await completer(t)
  assert.ok(complete('').includes('namespace'))
  assert.deepEqual(complete('na'), ['namespace'])
  assert.deepEqual(complete('namespace', 'cl'), ['client', 'client-group'])
  assert.deepEqual(complete('namespace', 'client', 'create', '--st'), ['--state'])
  assert.deepEqual(complete('namespace', 'client', 'list', '--output', ''), ['table', 'json', 'yaml'])
  assert.deepEqual(complete('cert', 'issue', 'press-7', '--key-type', 'R'), ['RSA-2048'])
  assert.deepEqual(complete('namespace', 'client', 'create', '--description', ''), [])
})

test('bash completes files where a file is wanted', async (t) => {
  const complete = await completer(t)
  assert.deepEqual(complete('cert', 'inspect', 'comp'), ['completion.bash'])
  assert.deepEqual(complete('apply', '-f', 'comp'), ['completion.bash'])
})

/** A script for the shell, and how it is run; null: this machine has no such shell, and the run says so. */
async function scriptFor(t: TestContext, shell: 'fish' | 'zsh'): Promise<{ file: string; directory: string } | null> {
  if (spawnSync(shell, ['--version']).status !== 0) {
    t.skip(`${shell} is not installed`)
    return null
  }
  const place = temporaryPlace(t)
  const file = join(place.directory, `completion.${shell}`)
  writeFileSync(file, (await sealgate(place, 'completion', shell)).out)
  return { file, directory: place.directory }
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '')

test('fish completes commands, flags, choices and files', async (t) => {
  const script = await scriptFor(t, 'fish')
  if (script === null) return
  const { file, directory } = script
  const complete = (line: string) =>
    linesOf(
      execFileSync('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file, `sealgate ${line}`], {
        encoding: 'utf8',
        cwd: directory,
        env: { HOME: directory, PATH: process.env['PATH'] },
      }),
    ).map((word) => word.split('\t')[0])
  assert.ok(complete('').includes('namespace'))
  assert.deepEqual(complete('na'), ['namespace'])
  assert.deepEqual(complete('namespace cl'), ['client', 'client-group'])
  assert.deepEqual(complete('namespace client create --st'), ['--state'])
  assert.deepEqual(complete('namespace client list --output ').sort(), ['json', 'table', 'yaml'])
  assert.deepEqual(complete('cert issue press-7 --key-type R'), ['RSA-2048'])
  assert.deepEqual(complete('apply -f comp'), ['completion.fish'])
})

test('zsh completes commands, flags, choices and files', async (t) => {
  const script = await scriptFor(t, 'zsh')
  if (script === null) return
  const { file, directory } = script
  // What the completion system of zsh would be given; it filters by the word itself.
  const ask = [
    'compdef() { :; }',
    'compadd() { shift; print -rl -- "$@"; }',
    '_files() { print -r -- FILES; }',
    'source "$1"; shift',
    'words=(sealgate "$@"); CURRENT=$#words',
    '_sealgate',
  ].join('\n')
  const complete = (...words: readonly string[]) =>
    linesOf(execFileSync('zsh', ['-f', '-c', ask, 'zsh', file, ...words], { encoding: 'utf8', cwd: directory }))
  assert.ok(complete('').includes('namespace'))
  assert.ok(complete('namespace', '').includes('client-group'))
  assert.ok(complete('namespace', 'client', 'create', '--st').includes('--state'))
  assert.deepEqual(complete('namespace', 'client', 'list', '--output', ''), ['table', 'json', 'yaml'])
  assert.ok(complete('cert', 'issue', 'press-7', '--key-type', '').includes('RSA-2048'))
  assert.deepEqual(complete('apply', '-f', 'comp'), ['FILES'])
  assert.deepEqual(complete('namespace', 'client', 'create', '--description', ''), [])
})

test('each shell has its script, and another one is refused', async (t) => {
  const place = temporaryPlace(t)
  assert.match(
    (await sealgate(place, 'completion', 'zsh')).out,
    /^#compdef sealgate\n[\s\S]*\ncompdef _sealgate sealgate\n$/,
  )
  assert.match(
    (await sealgate(place, 'completion', 'fish')).out,
    /complete -c sealgate -n 'test \(__sealgate_path\) = "namespace client create"' -l state/,
  )
  const none = await sealgate(place, 'completion', 'tcsh')
  assert.equal(none.code, 2)
  assert.match(none.err, /Allowed choices are bash, zsh, fish/)
})
