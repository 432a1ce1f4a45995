import { relative } from 'node:path'
import type { Running } from '../main.ts'
import { shellWord } from './shell-word.ts'

type Dev = NonNullable<Running['dev']>
type Client = Dev['clients'][number]
type Ready = Running['ready']

/** What a developer sees after `npm start`: what is there, and commands that work as they stand. */
export function welcome(dev: Dev, ready: Ready): string[] {
  return [
    '',
    `Sealgate ${ready.version} is ready: namespace ${dev.namespace}, which behaves like Azure Event Grid.`,
    '',
    ...doorLines(ready),
    '',
    ...madeLines(dev),
    '',
    ...commandLines(dev, ready),
    'Whoever is refused is shown here, with the reason and what to do. Ctrl-C ends it; started with --reset it begins anew.',
    '',
  ]
}

function doorLines({ mqtts, wss, https, caFile, tokenFile }: Ready): string[] {
  const lines: string[] = []
  const line = (what: string, where: string): number => lines.push(`  ${what.padEnd(16)} ${where}`)
  if (mqtts !== null) line('MQTT over TLS', authority(mqtts))
  if (wss !== null) line('MQTT over wss', `wss://${authority(wss)}/mqtt`)
  if (https !== null) line('Management API', `https://${authority(https)}, token in ${tokenFile}`)
  if (caFile !== null) line('Server CA', caFile)
  return lines
}

function madeLines(dev: Dev): string[] {
  const file = (path: string): string => relative(dev.directory, path)
  const signed = dev.clients.length - 1
  const rows = dev.clients.map(({ authenticationName, certificateFile, scheme }) => [
    authenticationName,
    file(certificateFile),
    scheme,
  ])
  return [
    `Made on first start, in ${dev.directory} (each key beside its certificate):`,
    `  ${file(dev.caFile)} is the CA that signed the first ${signed} clients; the last one signed its own certificate`,
    ...columns([['client', 'certificate', 'is known by'], ...rows]),
    ...columns([
      ['topic space', 'every client may publish and subscribe to'],
      ...dev.topicSpaces.map(({ name, template }) => [name, template]),
    ]),
    `  ${file(dev.templateFile)} describes all of it as an ARM template: edit it, or use npx sealgate namespace`,
  ]
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number): number => Math.max(...rows.map((cells) => (cells[column] ?? '').length))
  return rows.map((cells) => `  ${cells.map((cell, column) => cell.padEnd(width(column))).join('  ')}`.trimEnd())
}

/** One subscriber that sees what all the others publish, each of them another scheme and another program. */
function commandLines({ clients }: Dev, { mqtts, caFile }: Ready): string[] {
  const [subject, dns, uri, , email, thumbprint] = clients
  if (mqtts === null || caFile === null || subject === undefined || dns === undefined) return []
  if (uri === undefined || email === undefined || thumbprint === undefined) return []
  const ca = shellWord(caFile)
  const { host, port } = mqtts
  return [
    'Paste into another terminal, to see what arrives (mosquitto-clients):',
    ...continued(
      `mosquitto_sub -h ${host} -p ${port} --cafile ${ca}`,
      pair(thumbprint, '--cert', '--key'),
      `-i ${thumbprint.authenticationName} -u ${thumbprint.authenticationName} -t 'demo/#' -v`,
    ),
    '',
    'and publish from a third one, with mosquitto',
    ...continued(
      `mosquitto_pub -h ${host} -p ${port} --cafile ${ca}`,
      pair(subject, '--cert', '--key'),
      `-i ${subject.authenticationName} -u ${subject.authenticationName} -t demo/mosquitto -m hello -q 1`,
    ),
    'with MQTT.js',
    ...continued(
      `npx mqtt pub -C mqtts -h ${host} -p ${port} --ca ${ca}`,
      pair(dns, '--cert', '--key'),
      `-i ${dns.authenticationName} -u ${dns.authenticationName} -t demo/mqttjs -m hello -q 1`,
    ),
    "with Python's paho (python3-paho-mqtt)",
    ...pythonLines(email, { host, port, caFile }),
    'or look at TLS alone with openssl',
    ...continued(
      `openssl s_client -connect ${authority(mqtts)} -CAfile ${ca} -verify_return_error -brief`,
      `${pair(uri, '-cert', '-key')} </dev/null`,
    ),
    '',
  ]
}

function pair(client: Client, certificate: string, key: string): string {
  return `${certificate} ${shellWord(client.certificateFile)} ${key} ${shellWord(client.keyFile)}`
}

function continued(...parts: readonly string[]): string[] {
  return parts.map((part, at) => `${at === 0 ? '  ' : '    '}${part}${at === parts.length - 1 ? '' : ' \\'}`)
}

/** One argument in single quotes, so that a shell takes it as it is; the same for paho 1 and 2. */
function pythonLines(
  client: Client,
  { host, port, caFile }: { readonly host: string; readonly port: number; readonly caFile: string },
): string[] {
  const text = (value: string): string => JSON.stringify(value).replaceAll("'", '\\u0027')
  return [
    "  python3 -c 'from paho.mqtt import publish; publish.single(",
    `    "demo/paho", "hello", qos=1, hostname=${text(host)}, port=${port},`,
    `    client_id=${text(client.authenticationName)}, auth={"username": ${text(client.authenticationName)}},`,
    `    tls={"ca_certs": ${text(caFile)},`,
    `         "certfile": ${text(client.certificateFile)},`,
    `         "keyfile": ${text(client.keyFile)}})'`,
  ]
}

function authority({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
