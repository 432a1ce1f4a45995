import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import mqtt, { type IClientOptions } from 'mqtt'

/**
 * A client that publishes with QoS 1 and measures how long PUBACK takes, in a process of its own: what the others of a
 * test keep busy must not be what it measures. The first message says whom to connect to as whom; any other one asks for
 * what was measured since the last one.
 */
const [options] = (await once(process, 'message')) as [IClientOptions]
process.on('disconnect', () => process.exit(0))
const client = await mqtt.connectAsync(options)
let waits: number[] = []
process.on('message', () => {
  process.send?.(waits)
  waits = []
})
process.send?.('connected')
for (;;) {
  const begun = performance.now()
  await client.publishAsync('machines/x', 'work', { qos: 1 })
  waits.push(performance.now() - begun)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
