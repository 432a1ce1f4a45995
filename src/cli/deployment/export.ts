import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { refuseExisting } from '../cert/files.ts'
import { CommandFailure, reasonOf } from '../command-failure.ts'
import { escapeQuoted } from '../escape-text.ts'
import { formatData } from '../print.ts'
import { findNamespace, type ScopeOptions } from '../resources/scope.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'

export interface ExportOptions extends ScopeOptions {
  readonly output: 'json' | 'yaml'
  readonly out?: string
  readonly force?: boolean
}

/** A template that makes the same namespace again. JSON is handed on as it arrives: a namespace may have a million clients. */
export async function exportNamespace(terminal: Terminal, options: ExportOptions): Promise<void> {
  const { out } = options
  if (out !== undefined) refuseExisting(terminal, [out], options.force === true)
  await withClient(terminal, options, async (client) => {
    const { path, name } = await findNamespace(client, terminal, options)
    const answer = await client.stream({ method: 'GET', path: `${path}/export` })
    const pieces = options.output === 'json' ? textOf(answer) : asYaml(answer)
    if (out === undefined) {
      for await (const line of linesOf(pieces)) terminal.print(line)
      return
    }
    try {
      await pipeline(Readable.from(pieces), createWriteStream(resolve(terminal.workingDirectory, out), { mode: 0o644 }))
    } catch (error) {
      throw new CommandFailure(`${out}: ${reasonOf(error)}`, 1, error)
    }
    terminal.complain(`Exported ${name} to ${out}; sealgate apply -f ${out} makes it again`)
  })
}

async function* textOf(octets: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const piece of octets) yield escapeQuoted(decoder.decode(piece, { stream: true }))
  yield decoder.decode()
}

async function* asYaml(octets: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let text = ''
  for await (const piece of textOf(octets)) text += piece
  yield `${await formatData('yaml', JSON.parse(text))}\n`
}

async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
