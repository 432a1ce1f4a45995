// One client that publishes and hears itself, MQTT 3.1.1 over TLS 1.2:
//   node --env-file=sample_client.env examples/samples/getting-started.mjs
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

const { env } = process
const client = await mqtt.connectAsync({
  protocol: 'mqtts',
  host: env.MQTT_HOST_NAME,
  port: Number(env.MQTT_TCP_PORT ?? 8883),
  protocolVersion: 4,
  clean: true,
  keepalive: Number(env.MQTT_KEEP_ALIVE_IN_SECONDS ?? 30),
  reconnectPeriod: 0,
  clientId: env.MQTT_CLIENT_ID,
  username: env.MQTT_USERNAME,
  // Without a CA file the public CAs are trusted, as at Azure.
  ca: env.MQTT_CA_FILE === undefined ? undefined : readFileSync(env.MQTT_CA_FILE),
  cert: readFileSync(env.MQTT_CERT_FILE),
  key: readFileSync(env.MQTT_KEY_FILE),
  maxVersion: 'TLSv1.2',
})
const received = new Promise((resolve) => {
  client.on('message', (topic, payload) => resolve(`${topic}: ${payload}`))
})
const [granted] = await client.subscribeAsync('sample/+', { qos: 1 })
console.log(`subscribed to ${granted.topic} with QoS ${granted.qos}`)
await client.publishAsync('sample/topic1', 'hello world!', { qos: 1 })
console.log(await received)
await client.endAsync()
