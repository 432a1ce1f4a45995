import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/**
 * Load in a process of its own, so that what it costs is not what is measured. It reads its job as the first line of its
 * input, answers each further line with one line, and ends when its input does.
 */
export class PeerProcess {
  readonly #child: ChildProcess
  readonly #answers: string[] = []
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  #ended: Error | null = null

  constructor(script: string, job: unknown) {
    this.#child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdin?.on('error', () => {})
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#answers.push(line)
      else next.resolve(line)
    })
    this.#child.on('close', (code) => {
      this.#ended = new Error(`the peers of ${script} ended with code ${code}`)
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended)
    })
    this.#child.stdin?.write(`${JSON.stringify(job)}\n`)
  }

  /** The next line that it has to say. */
  next(): Promise<string> {
    const known = this.#answers.shift()
    if (known !== undefined) return Promise.resolve(known)
    if (this.#ended !== null) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  ask(line: string): Promise<string> {
    const answer = this.next()
    this.#child.stdin?.write(`${line}\n`)
    return answer
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}
