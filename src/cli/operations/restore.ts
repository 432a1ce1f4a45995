import { restoreBackup, StartError } from '../../main.ts'
import { CommandFailure } from '../command-failure.ts'
import type { Terminal } from '../terminal.ts'

export async function restore(
  terminal: Terminal,
  { from, dataDir }: { readonly from: string; readonly dataDir: string },
): Promise<void> {
  try {
    const { records } = await restoreBackup(from, dataDir)
    terminal.print(`Restored ${records} records. To start: sealgate serve --data-dir ${dataDir}`)
  } catch (error) {
    if (error instanceof StartError) throw new CommandFailure(error.lines, 1, error)
    throw error
  }
}
