import type { Mode } from '../config.ts'
import { type Adapters, nodeAdapters, StartError, start } from '../main.ts'
import { mayHandleHangup } from './hangup.ts'
import { loadConfig } from './load-config.ts'
import { endWithNpm } from './npm-parent.ts'
import { refusalText } from './refusal-text.ts'
import { welcome } from './welcome.ts'

/** `sealgate dev` and `sealgate serve`: starts, waits for a signal, stops. Sets the exit code. */
export async function runServer(mode: Mode, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const loaded = await loadConfig(mode, { flags, environment: process.env, workingDirectory: process.cwd() })
  if (!loaded.ok) {
    for (const line of loaded.error) console.error(`sealgate ${mode}: ${line}`)
    process.exitCode = 2
    return
  }
  const config = loaded.value
  const adapters: ReturnType<typeof nodeAdapters> = {
    ...nodeAdapters(config),
    ...(mode === 'dev' ? { tellRefusal: printRefusal } : {}),
  }
  dieOfUnhandledErrors(adapters.log)
  const stopAsked = endAsked(mode)
  try {
    const running = await start(config, adapters)
    if (running.dev !== null) {
      for (const line of welcome(running.dev, running.ready)) console.log(line)
    }
    if (mode === 'serve') process.on('SIGHUP', () => running.reload())
    await stopAsked
    await running.stop()
    await adapters.log.settled()
    // Whatever still holds the loop has had its time: a stop ends the process.
    process.exit(0)
  } catch (error) {
    adapters.log.flush()
    if (!(error instanceof StartError)) throw error
    for (const line of error.lines) console.error(`sealgate ${mode}: ${line}`)
    process.exit(1)
  }
}

/** For a developer. What reads the log of `dev` as JSON gets the whole record there as well. */
function printRefusal(refusal: Parameters<NonNullable<Adapters['tellRefusal']>>[0]): 'enough' | 'logToo' {
  for (const line of refusalText(refusal)) console.log(line)
  return process.stderr.isTTY ? 'enough' : 'logToo'
}

/**
 * Resolves at the first SIGINT or SIGTERM (the second one ends the process at once), and when the npm that started us is
 * gone. `dev` shows what it does, so it ends as well when nobody can see it any more: the terminal is closed, the reader
 * of a pipe gone.
 */
function endAsked(mode: Mode): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    const onSignal = (): void => {
      if (asked) process.exit(1)
      asked = true
      resolve()
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    const cancel = endWithNpm(process.env, () => {
      cancel()
      resolve()
    })
    // The stream's own complaint would end the process before anything is stored.
    for (const stream of [process.stdout, process.stderr]) {
      stream.removeAllListeners('error')
      stream.on('error', mode === 'dev' ? () => resolve() : () => {})
    }
    if (mode === 'dev' && mayHandleHangup()) process.on('SIGHUP', () => resolve())
  })
}

/** A state that nobody foresaw is left by ending: what was acknowledged is durable, and a supervisor starts us again. */
function dieOfUnhandledErrors(log: ReturnType<typeof nodeAdapters>['log']): void {
  const die = (error: unknown): void => {
    log.write('error', 'unhandledError', { error })
    log.flush()
    process.exit(1)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
}
