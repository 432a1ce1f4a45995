import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SealgateProcess } from '../e2e/sealgate.ts'
import { temporaryDirectory } from '../listeners/door.ts'
import { readersShell, shellBlocks } from '../support/page-commands.ts'

test("Microsoft's scenarios run with host, port and CA file changed, by the commands of docs/samples.md", async (t) => {
  const directory = temporaryDirectory(t)
  const anyPort = ['--mqtts', '--wss', '--https'].flatMap((flag) => [flag, '127.0.0.1:0'])
  const dev = new SealgateProcess(['dev', ...anyPort], { cwd: directory })
  t.after(() => dev.child.kill('SIGKILL'))
  const { mqtts } = (await dev.entry(({ event }) => event === 'ready')) as unknown as { mqtts: { port: number } }
  const run = readersShell(directory)
  const said = new Map<string, string>()
  for (const { heading, text } of shellBlocks('docs/samples.md')) {
    const { status, stdout, stderr } = run(text.replaceAll('8883', String(mqtts.port)))
    assert.equal(status, 0, `${text}\n${stdout}${stderr}`)
    said.set(heading, (said.get(heading) ?? '') + stdout)
  }
  assert.match(
    said.get('Getting started') ?? '',
    /^subscribed to sample\/\+ with QoS 1\nsample\/topic1: hello world!$/m,
  )
  for (const vehicle of ['vehicle01', 'vehicle02'])
    assert.match(said.get('Telemetry') ?? '', new RegExp(`^${vehicle} is at \\[\\d+\\.\\d, 10\\.1\\]$`, 'm'))
  assert.match(said.get('Command') ?? '', /^unlock for mobile-app$/m)
  assert.match(said.get('Command') ?? '', /^unlocked, status 200$/m)

  // After the last step of Telemetry a vehicle speaks for itself only.
  const publish = (vehicle: string): string =>
    run(
      `mosquitto_pub -V 5 -h localhost -p ${mqtts.port} --cafile .sealgate/tls/ca.pem --cert vehicle01.pem --key vehicle01.key -u vehicle01 -t vehicles/${vehicle}/position -m x -q 1`,
    ).stderr
  assert.equal(publish('vehicle01'), '')
  assert.match(publish('vehicle02'), /Not authorized/)
  assert.equal(await dev.stop(), 0)
})
