import { readFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'

interface Place {
  readonly https: { readonly host: string; readonly port: number }
  readonly caFile: string
}

/** What a Prometheus reads from the broker of a data directory, with the token of its administrator. */
export function scrapeOnce(dataDirectory: string, path = '/metrics'): Promise<string> {
  const place = JSON.parse(readFileSync(join(dataDirectory, 'ready.json'), 'utf8')) as Place
  const authorization = `Bearer ${readFileSync(join(dataDirectory, 'admin.token'), 'utf8').trim()}`
  const options = { ...place.https, path, ca: readFileSync(place.caFile), headers: { authorization } }
  return new Promise((resolve, reject) => {
    get({ ...options, servername: 'localhost', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    }).on('error', reject)
  })
}

/** Again and again until it is as awaited; the runner's own bound ends a wait in vain. */
export async function scrape(dataDirectory: string, isAwaited: (metrics: string) => boolean): Promise<string> {
  for (;;) {
    const text = await scrapeOnce(dataDirectory)
    if (isAwaited(text)) return text
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
