import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import type { ApiTarget } from './job.ts'

/** Written again and again, so that a run of any length makes a registry of this size. */
const clients = 500
/** Writes that are not answered yet; more mean that the broker does not keep up. */
const mostUnderWay = 100
const collection =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/bench/clients'

/** Requests at a time of a writer without a pace. */
const lanes = 4

/** An operator's tool that registers and changes clients beside the traffic. */
export class ResourceWriter {
  readonly #target: ApiTarget
  readonly #token: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: lanes, rejectUnauthorized: false })
  readonly #failed: (reason: string) => void
  readonly #timer: NodeJS.Timeout | undefined
  #written = 0
  #underWay = 0
  #isStopped = false

  /** @param perSecond null: as fast as they are answered */
  constructor(target: ApiTarget, perSecond: number | null, failed: (reason: string) => void) {
    this.#target = target
    this.#token = readFileSync(target.tokenFile, 'utf8').trim()
    this.#failed = failed
    if (perSecond === null) for (let i = 0; i < lanes; i++) this.#write(() => this.#onward())
    else this.#timer = setInterval(() => this.#write(), 1_000 / perSecond)
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
    this.#agent.destroy()
  }

  #onward(): void {
    if (!this.#isStopped) this.#write(() => this.#onward())
  }

  #write(then: () => void = () => {}): void {
    const number = this.#written++
    const name = `written-${number % clients}`
    if (++this.#underWay > mostUnderWay) this.#failed('the management API does not keep up')
    const sent = request(
      {
        host: this.#target.host,
        port: this.#target.port,
        agent: this.#agent,
        method: 'PUT',
        path: `${collection}/${name}?api-version=2025-02-15`,
        headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      },
      (response) => {
        response.resume()
        response.on('end', () => {
          this.#underWay--
          const { statusCode = 0 } = response
          if (statusCode >= 300) this.#failed(`a client could not be written: ${statusCode}`)
          else then()
        })
      },
    )
    sent.on('error', (error) => {
      if (!this.#isStopped) this.#failed(`a client could not be written: ${error.message}`)
    })
    // Each write is another document than the one before.
    const attributes = { round: Math.floor(number / clients) }
    const clientCertificateAuthentication = { validationScheme: 'SubjectMatchesAuthenticationName' }
    sent.end(JSON.stringify({ properties: { authenticationName: name, attributes, clientCertificateAuthentication } }))
  }
}
