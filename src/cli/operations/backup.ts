import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { CommandFailure } from '../command-failure.ts'
import type { ConnectionOptions } from '../rest/connection-options.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'

/** The server copies the whole store before it says its first byte. */
const patienceMs = 3_600_000

export async function backup(
  terminal: Terminal,
  options: ConnectionOptions & { readonly to: string; readonly force?: true },
): Promise<void> {
  const path = fileFor(options.to, new Date())
  if (existsSync(path) && options.force !== true) {
    throw new CommandFailure([`${path} exists already`, 'name another file with --to, or replace it with --force'])
  }
  await withClient(terminal, options, async (client) => {
    const content = await client.stream({ method: 'POST', path: '/sealgate/backup', timeoutMs: patienceMs })
    const bytes = await write(`${path}.unfinished`, content)
    renameSync(`${path}.unfinished`, path)
    terminal.print(`Wrote ${path}: ${bytes} bytes. It holds everything, so keep it as you keep the data directory.`)
    terminal.print(`To use it: sealgate restore --from ${path} --data-dir <new directory>`)
  })
}

/** In a directory the time makes the name. */
function fileFor(to: string, now: Date): string {
  if (!existsSync(to) || !statSync(to).isDirectory()) return to
  return join(to, `sealgate-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}.mdb`)
}

/** What arrived in part is no backup, and does not stay. */
async function write(path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  try {
    const descriptor = openSync(path, 'w', 0o600)
    try {
      for await (const chunk of content) {
        for (let at = 0; at < chunk.length; ) at += writeSync(descriptor, chunk, at)
        bytes += chunk.length
      }
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    rmSync(path, { force: true })
    throw new CommandFailure(`the backup did not arrive whole: ${(error as Error).message}`, 1, error)
  }
  return bytes
}
