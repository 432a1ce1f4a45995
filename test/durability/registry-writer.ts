import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ready } from './server.ts'
import { namespaceName } from './template.ts'

const collection =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces'

/** Registers clients through the management API and remembers what it confirmed. */
export class RegistryWriter {
  readonly #ready: () => Ready | null
  readonly #agent = new Agent({ rejectUnauthorized: false, keepAlive: true })
  readonly #confirmed: string[] = []
  #checked = 0
  /** Answers that said no, by status. */
  readonly refusals = new Map<number, number>()

  /** @param ready of the broker that runs now; null: none does */
  constructor(ready: () => Ready | null) {
    this.#ready = ready
  }

  get confirmed(): number {
    return this.#confirmed.length
  }

  /** One client after the other until the broker is gone. */
  async write(prefix: string): Promise<void> {
    for (let i = 0; ; i++) {
      const name = `${prefix}-${i}`
      const properties = {
        authenticationName: name,
        state: 'Enabled',
        clientCertificateAuthentication: { validationScheme: 'SubjectMatchesAuthenticationName' },
      }
      const status = await this.#call('PUT', `clients/${name}`, { properties })
      if (status === null) return
      if (status < 300) {
        this.#confirmed.push(name)
        continue
      }
      this.refusals.set(status, (this.refusals.get(status) ?? 0) + 1)
      await sleep(50)
    }
  }

  /** Whatever was confirmed since the last look and is not there. */
  async missing(): Promise<string[]> {
    const missing: string[] = []
    for (; this.#checked < this.#confirmed.length; this.#checked++) {
      const name = this.#confirmed[this.#checked] as string
      let status = await this.#call('GET', `clients/${name}`)
      for (let tries = 0; status === 429 && tries < 100; tries++) {
        await sleep(50)
        status = await this.#call('GET', `clients/${name}`)
      }
      if (status !== 200) missing.push(`client ${name}: ${status}`)
    }
    return missing
  }

  end(): void {
    this.#agent.destroy()
  }

  /** Null: there is no broker. */
  async #call(method: string, path: string, body?: unknown): Promise<number | null> {
    const ready = this.#ready()
    if (ready?.https == null) return null
    const content = body === undefined ? undefined : JSON.stringify(body)
    try {
      const sent = request({
        host: '127.0.0.1',
        port: ready.https.port,
        agent: this.#agent,
        method,
        path: `${collection}/${namespaceName}/${path}?api-version=2025-07-15-preview`,
        headers: {
          authorization: `Bearer ${readFileSync(ready.tokenFile, 'utf8').trim()}`,
          ...(content === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
        },
      })
      const answer = new Promise<number>((resolve, reject) => {
        sent.on('response', (response) => {
          text(response).then(() => resolve(response.statusCode ?? 0), reject)
        })
        sent.on('error', reject)
      })
      sent.end(content)
      return await answer
    } catch {
      return null
    }
  }
}
