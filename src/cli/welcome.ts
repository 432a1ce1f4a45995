import type { Running } from '../main.ts'

type Dev = NonNullable<Running['dev']>

/** What a developer sees after `npm start`: where everything is, and commands to paste. */
export function welcome(dev: Dev, ready: Running['ready']): string[] {
  const { mqtts, caFile } = ready
  const lines = ['', `Namespace ${dev.namespace}; certificates and template in ${dev.directory}`]
  const width = Math.max(...dev.clients.map(({ authenticationName }) => authenticationName.length))
  for (const { authenticationName, scheme } of dev.clients) {
    lines.push(`  ${authenticationName.padEnd(width)}  ${scheme}`)
  }
  lines.push(`Everybody may use ${dev.topics.join(' and ')}.`)
  const [first, last] = [dev.clients[0], dev.clients.at(-1)]
  if (mqtts === null || caFile === null || first === undefined || last === undefined) return [...lines, '']
  const command = (program: string, client: Dev['clients'][number], rest: string): string =>
    [
      `  ${program} -V 5 -h ${mqtts.host} -p ${mqtts.port} --cafile ${quoted(caFile)}`,
      `    --cert ${quoted(client.certificateFile)} --key ${quoted(client.keyFile)}`,
      `    -i ${client.authenticationName} -u ${client.authenticationName} ${rest}`,
    ].join(' \\\n')
  return [
    ...lines,
    '',
    'Subscribe in one terminal:',
    command('mosquitto_sub', last, "-t 'demo/#' -v"),
    'and publish in another:',
    command('mosquitto_pub', first, '-t demo/greeting -m hello -q 1'),
    '',
  ]
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
