import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { unixSeconds } from '../../src/base/time.ts'
import { nameOfCommonName } from '../../src/x509/distinguished-name.ts'
import {
  createCertificateAuthority,
  generatePrivateKey,
  issueCertificate,
  privateKeyPem,
} from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { Fleet } from './fleet.ts'
import type { Device, Pulse } from './fleet-process.ts'
import { serve, template } from './sealgate.ts'

/** A fleet that comes back all at once, as after a power cut, beside devices that never left. */

export interface StormOptions {
  readonly directory: string
  readonly devices: number
  /** Devices that publish with QoS 1, ten times a second. */
  readonly witnesses: number
  /** How many of them connect one after the other and leave before. */
  readonly earlier: number
  /** How long the witnesses are looked at before. */
  readonly quietMs: number
  /** Called with the broker's process once it is there. */
  readonly onReady?: (pid: number) => void
}

export interface StormReport {
  /** From the first SYN to the last SUBACK. */
  readonly allInMs: number
  /** Attempts that were cut at the limits or failed, and were made again. */
  readonly attemptsFailed: number
  readonly alone: Pulse
  readonly during: Pulse
  /** Processor time of the broker for each device that came. */
  readonly brokerMsPerDevice: number
  readonly witnessesEnded: number
}

const day = 86_400

export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { directory, devices: count, witnesses: witnessCount } = options
  const now = Math.floor(Date.now() / 1_000)
  const dates = { notBefore: unixSeconds(now - day), notAfter: unixSeconds(now + day) }
  const authority = createCertificateAuthority({ subject: nameOfCommonName('Storm CA'), ...dates })
  const key = generatePrivateKey('P-256')
  const device = (name: string, number: number): Device => {
    const { certificate } = issueCertificate({ issuer: authority, subject: nameOfCommonName(name), key, ...dates })
    return {
      ...{ id: name, clientId: name, username: name, cert: toPem('CERTIFICATE', certificate.der), version: 5 },
      ...{ subscribe: 'machines/none', willTopic: null },
      // Each at an address of its own: the limit of one address is tested elsewhere.
      localAddress: `127.${1 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`,
    }
  }
  const fleet = Array.from({ length: count }, (_, i) => device(`device-${i}`, i + 256))
  const others = Array.from({ length: witnessCount }, (_, i) => device(`witness-${i}`, i))
  const templateFile = join(directory, 'plant.json')
  const clients = Object.fromEntries([...fleet, ...others].map(({ username }) => [username, {}]))
  const caCertificates = { 'storm-ca': toPem('CERTIFICATE', authority.certificate.der) }
  const parts = { namespace: 'plant', caCertificates, clients, topicTemplates: ['machines/#'] }
  writeFileSync(templateFile, JSON.stringify(template(parts)))
  const { sealgate, ready } = await serve(directory, ['--apply', templateFile, '--drain-timeout', '2'])
  options.onReady?.(ready.pid)
  // The witnesses' delays are to be those of the broker, not those of the crowd that they share a processor with.
  const earlier = new Fleet()
  const crowd = new Fleet({ givesWay: true })
  const calm = new Fleet()
  try {
    const pem = privateKeyPem(key)
    const { port } = ready.mqtts
    // Who comes back was there before: the broker has done all of this already.
    await earlier.ask({ kind: 'open', port, key: pem, devices: fleet.slice(0, options.earlier) })
    earlier.end()
    await calm.ask({ kind: 'open', port, key: pem, devices: others })
    await calm.ask({ kind: 'beat', topic: 'machines/beat', pings: false })
    await sleep(options.quietMs)
    await calm.ask({ kind: 'report' })
    await sleep(options.quietMs)
    const alone = (await calm.ask({ kind: 'report' })).pulse
    const cpuBefore = cpuMs(ready.pid)
    const begun = performance.now()
    const { failed: attemptsFailed = 0 } = await crowd.ask({
      kind: 'open',
      port,
      key: pem,
      devices: fleet,
      atOnce: true,
    })
    const allInMs = Math.round(performance.now() - begun)
    const { pulse: during, ended } = await calm.ask({ kind: 'report' })
    return {
      allInMs,
      attemptsFailed,
      alone,
      during,
      brokerMsPerDevice: Math.round(((cpuMs(ready.pid) - cpuBefore) / count) * 100) / 100,
      witnessesEnded: ended.length,
    }
  } finally {
    earlier.end()
    crowd.end()
    calm.end()
    await sealgate.stop()
  }
}

/** Of all threads, as the scheduler counts it. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
