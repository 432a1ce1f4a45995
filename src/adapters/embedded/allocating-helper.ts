import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Clock } from '../../ports/clock.ts'

/** How the program ended. */
export interface Ending {
  /** Its exit code, a signal, or the error that kept it from being started; a shell says 128 and more for a signal. */
  readonly status: number | string | null
  /** What it wrote to its error output. */
  readonly said: string
}

export interface HelperOptions {
  readonly program: string
  /** The last of them expects the number that is asked with. */
  readonly options: readonly string[]
  readonly path: string
  readonly environment: NodeJS.ProcessEnv
  readonly clock: Clock
}

/**
 * A helper that is stopped, or one whose program hangs, is not waited for longer than this. Nothing is lost by giving up early:
 * the same is then done from here.
 */
const patienceMs = 10_000

/**
 * Reads numbers, one a line, runs the program with each, and answers with what it said and its exit code, each before a zero
 * byte, which neither can contain. Program, options and path are its arguments, so nothing in them is read as commands.
 * What a terminal or a supervisor sends to all processes at once is for us to deal with, and we still need it then: it ends
 * when its input does, so with us, however we end.
 */
const script =
  `trap '' HUP INT QUIT TERM TSTP; path=$1; shift; ` +
  `while read -r number; do "$@" "$number" "$path" 2>&1 </dev/null; printf '\\0%s\\0' "$?"; done`

/** A small shell that starts a program for us, as often as it is asked to. */
export class Helper {
  readonly #child: ChildProcess
  readonly #stdin: Socket
  readonly #clock: Clock
  readonly #ended: Promise<void>
  #hasEnded = false
  #said = ''
  #answer: ((ending: Ending | null) => void) | null = null

  /** Null: none can be started. */
  static start(options: HelperOptions): Helper | null {
    const { program, path, environment, clock } = options
    try {
      const child = spawn('sh', ['-c', script, 'sh', path, program, ...options.options], {
        stdio: ['pipe', 'pipe', 'ignore'],
        // Of no file system that somebody wants to unmount.
        cwd: '/',
        env: environment,
      })
      // Without descriptors there are no pipes either; then it says so later.
      child.on('error', () => {})
      // A child that was not started has no process id of its own to be killed by: Node.js would take any, or that of our whole group.
      return child.pid === undefined || child.stdin === null ? null : new Helper(child, clock)
    } catch {
      return null
    }
  }

  private constructor(child: ChildProcess, clock: Clock) {
    this.#child = child
    this.#clock = clock
    this.#stdin = child.stdin as Socket
    const stdout = child.stdout as Socket
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        this.#hasEnded = true
        this.#answer?.(null)
        resolve()
      }
      child.on('error', end)
      child.on('exit', end)
    })
    // It ended; that is told by the above.
    this.#stdin.on('error', () => {})
    stdout.on('error', () => {})
    stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text
      const [said, status, rest] = this.#said.split('\0')
      if (rest !== undefined) this.#answer?.({ status: Number(status), said: said ?? '' })
    })
    // It keeps nobody from ending; who asked waits for the answer, or for the timer beside it.
    child.unref()
    stdout.unref()
  }

  /** Null: it has ended, without an answer. */
  ask(number: number): Promise<Ending | null> {
    if (this.#hasEnded) return Promise.resolve(null)
    return new Promise((resolve) => {
      const giveUp = this.#clock.setTimer(patienceMs, () => this.#child.kill('SIGKILL'))
      this.#said = ''
      this.#answer = (ending) => {
        this.#answer = null
        giveUp()
        resolve(ending)
      }
      this.#stdin.write(`${number}\n`)
    })
  }

  close(): Promise<void> {
    if (!this.#hasEnded) {
      this.#child.ref()
      // It may be stopped, and would not read the end of its input then.
      this.#child.kill('SIGKILL')
    }
    return this.#ended
  }
}
