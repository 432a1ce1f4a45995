import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import type { Order, Report } from './fleet-process.ts'

/** A process of devices that does as it is asked. */
export class Fleet {
  readonly #child = fork(new URL('./fleet-process.ts', import.meta.url), { execArgv: [] })

  /** @param options.givesWay other processes have the processor first; default: false */
  constructor({ givesWay = false }: { readonly givesWay?: boolean } = {}) {
    const { pid } = this.#child
    if (givesWay && pid !== undefined) setPriority(pid, 10)
  }

  async ask(order: Order): Promise<Report & { readonly failed?: number }> {
    const answer = once(this.#child, 'message')
    this.#child.send(order)
    const [said] = (await answer) as [Report & { readonly failure?: string; readonly failed?: number }]
    if (said.failure !== undefined) throw new Error(said.failure)
    return said
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}
