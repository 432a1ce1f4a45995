import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { readConfig } from '../../src/cli/read-config.ts'
import { nodeAdapters, start } from '../../src/main.ts'

/** A process that starts a broker in the given directory, visits it, stops it, and then has nothing left to do. */
const config = readConfig('dev', {
  flags: { dataDir: 'data', mqtts: '127.0.0.1:0', wss: '127.0.0.1:0', https: '127.0.0.1:0', logLevel: 'error' },
  environment: {},
  file: null,
  workingDirectory: process.argv[2] ?? '',
})
if (!config.ok) throw new Error(config.error.join('\n'))
const running = await start(config.value, nodeAdapters(config.value))
const { ready } = running
const visitor = connect({
  host: ready.mqtts?.host,
  port: ready.mqtts?.port ?? 0,
  ca: readFileSync(ready.caFile ?? ''),
})
await once(visitor, 'secureConnect')
const left = once(visitor.resume(), 'close')
await running.stop()
await left
console.log('stopped')
