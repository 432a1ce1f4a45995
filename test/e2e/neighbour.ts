import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import mqtt, { type IClientOptions } from 'mqtt'

/**
 * A client that publishes with QoS 1 and measures how long PUBACK takes, on a thread of its own: what the others of a
 * test keep busy must not be what it measures. Any message asks for what it measured since the last one.
 */
const client = await mqtt.connectAsync(workerData as IClientOptions)
let waits: number[] = []
parentPort?.on('message', () => {
  parentPort?.postMessage(waits)
  waits = []
})
for (;;) {
  const begun = performance.now()
  await client.publishAsync('machines/x', 'work', { qos: 1 })
  waits.push(performance.now() - begun)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
