import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
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
