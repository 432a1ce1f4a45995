import { restoreBackup, StartError } from '../../main.ts'
import { CommandFailure } from '../command-failure.ts'
import type { Terminal } from '../terminal.ts'

const minuteMs = 60_000

/** In the two largest units: `3 days 4 hours`. */
function ageOf(milliseconds: number): string {
  const minutes = Math.max(0, Math.floor(milliseconds / minuteMs))
  const parts = [
    [Math.floor(minutes / 1_440), 'day'],
    [Math.floor(minutes / 60) % 24, 'hour'],
    [minutes % 60, 'minute'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  const shown = first < 0 ? [parts[2]] : parts.slice(first, first + 2)
  return shown.map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`).join(' ')
}

export async function restore(
  terminal: Terminal,
  { from, dataDir }: { readonly from: string; readonly dataDir: string },
): Promise<void> {
  try {
    const { records, lastWrite } = await restoreBackup(from, dataDir)
    terminal.print(`Restored ${records} records.`)
    if (lastWrite !== null) {
      const at = new Date(lastWrite)
      terminal.print(`Its newest write is of ${at.toISOString()}, ${ageOf(Date.now() - lastWrite)} ago.`)
    }
    terminal.print(
      'What was changed after that is not in it: whoever was deleted, denied or lost a right since then has it again.',
    )
    terminal.print(`To start: sealgate serve --data-dir ${dataDir}`)
  } catch (error) {
    if (error instanceof StartError) throw new CommandFailure(error.lines, 1, error)
    throw error
  }
}
