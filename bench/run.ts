/** `npm run bench`: measures ours and the peers on this machine, interleaved, and writes the tables. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Driver, Setting } from './brokers/driver.ts'
import { flashmq } from './brokers/flashmq.ts'
import { mosquitto } from './brokers/mosquitto.ts'
import { aedes, bareNode } from './brokers/node-peer.ts'
import { sealgateAt } from './brokers/sealgate.ts'
import { type Case, cases, selectCases } from './cases.ts'
import { makeMaterial } from './certificates.ts'
import { checkOut } from './checkout.ts'
import { measureDecisionCost, renderDecisionCost } from './decision-cost.ts'
import { durableCase, measureDurable, renderDurable } from './durable.ts'
import type { LoadResult } from './load/job.ts'
import { describeMachine, planPinning, quietMachine, takeTurn } from './machine.ts'
import { measureMatchCost, renderMatchCost } from './match-cost.ts'
import { measureOnce, type RunPlan } from './measurement.ts'
import { measureNamespaces, renderNamespaces } from './namespaces.ts'
import { type CpuProfile, ownTimes, renderTimes, selfTimes } from './profile.ts'
import { measureRegistryScale, renderRegistryScale, scaleSizes } from './registry-scale.ts'
import { disturbedShare, type RunFacts, renderCase, renderResults, renderSummary } from './report.ts'
import { measureRestart, renderRestart, restartSize } from './restart.ts'
import { type CaseResult, figureOf, regressions, type Series } from './results.ts'
import { isWeathered, measureStorm, renderStorm, stormSizes } from './storm.ts'

const usage = `npm run bench [-- CASE … --repeats N --seconds S --connections N --only BROKER,… --against COMMIT
              --at COMMIT --floor RATIO --profile --write]

CASE           a name, a name with * in it, or all; without one the three headline cases, and RESULTS.md is written
--repeats N    rounds, each with every broker and setting once (3)
--seconds S    time measured per round, after a third of it for warm-up, or three seconds (3)
--connections  idle connections of mtls-idle (5000)
--only NAMES   brokers to run, for example Sealgate,mosquitto
--against      Sealgate alone, with another commit of it in the same rounds
--at           with --against: measures this commit instead of the checkout
--floor RATIO  with --against: fails when a case is below this ratio to the other commit, for example 0.95
--profile      Sealgate alone, under the CPU profiler; prints where the time went
--write        write RESULTS.md although cases were named

Cases: ${cases.map(({ name }) => name).join(' ')}
Alone: decision-cost (what one decision about a certificate costs, without a broker)
       match-cost (what it costs to find a topic's receivers beside 100,000 wildcard filters, without a broker)
       namespaces (ten and a thousand of them on one port: memory, start, handshakes)
       store, also with tcp-pairs-qos1-durable (the store alone and durable QoS 1 end to end, in the same rounds)
       restart (--starts 3: how long a start with 100,000 sessions and 1,000,000 queued messages takes)
       storm (--devices 10000 --repeats 3: a fleet comes back all at once, and what those notice who never left)
       registry-scale (--clients 1000000 --deployment 40000 --sessions 5000: a fleet's registry; takes minutes)
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string' },
    only: { type: 'string' },
    against: { type: 'string' },
    at: { type: 'string' },
    floor: { type: 'string' },
    profile: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    clients: { type: 'string' },
    deployment: { type: 'string' },
    sessions: { type: 'string' },
    devices: { type: 'string' },
    starts: { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
})

/** What is measured is a broker that has been up for a while, not its compiler. */
const leastWarmupMs = 3_000

interface Contender {
  readonly driver: Driver
  readonly setting: Setting
  readonly version: string
}

async function findContenders(folder: string): Promise<Contender[]> {
  const sealgate = sealgateAt(
    values.at === undefined ? join(import.meta.dirname, '..') : checkOut(values.at, join(folder, 'at')),
  )
  const alone = values.profile || values.against !== undefined
  const only = alone ? ['sealgate'] : values.only?.toLowerCase().split(',')
  const found: Contender[] = []
  if (values.against !== undefined) {
    const driver = sealgateAt(checkOut(values.against, join(folder, 'against')), `Sealgate at ${values.against}`)
    found.push({ driver, setting: driver.settings[0]!, version: (await driver.version()) ?? 'unknown' })
  }
  for (const driver of [sealgate, mosquitto, aedes, flashmq, bareNode]) {
    if (only !== undefined && !only.includes(driver.name.toLowerCase())) continue
    const version = await driver.version()
    if (version === null) {
      console.error(`${driver.name} is not on this machine`)
      continue
    }
    for (const setting of driver.settings) found.push({ driver, setting, version })
  }
  return found
}

function takesPart(one: Case, { driver, setting }: Contender): boolean {
  // The delay of small segments matters to traffic only.
  if (one.job.kind !== 'traffic' && !setting.noDelay) return false
  return driver.name.startsWith('Sealgate') || one.peers.some((peer) => peer === driver.name)
}

async function runCase(
  one: Case,
  contenders: readonly Contender[],
  plan: RunPlan,
  repeats: number,
): Promise<CaseResult> {
  const entries = contenders
    .filter((contender) => takesPart(one, contender))
    .map((contender) => ({ contender, series: emptySeries(contender) }))
  for (let round = 0; round < repeats; round++) {
    // Each round begins with another broker, so that no place in the order is anybody's.
    const order = [...entries.slice(round % entries.length), ...entries.slice(0, round % entries.length)]
    for (const { contender, series } of order) {
      const label = `${one.name} ${round + 1}/${repeats} ${series.broker} (${series.setting})`
      try {
        const result = await measureQuietly(plan, one, contender)
        series.results.push(result)
        console.error(`${label}: ${describe(one, result)}`)
        if (plan.profileFolder !== null) printProfile(plan.profileFolder, one, result)
      } catch (error) {
        series.failures.push((error as Error).message)
        console.error(`${label}: failed: ${(error as Error).message}`)
      }
    }
  }
  return { name: one.name, title: one.title, kind: one.job.kind, series: entries.map(({ series }) => series) }
}

/** A measurement that others disturbed is repeated, at most twice; the least disturbed one stands. */
async function measureQuietly(plan: RunPlan, one: Case, { driver, setting }: Contender): Promise<LoadResult> {
  const results: LoadResult[] = []
  for (let attempt = plan.profileFolder === null ? 0 : 2; attempt < 3; attempt++) {
    if (results.length > 0) await quietMachine(30_000)
    const result = await measureOnce(plan, one, driver, setting)
    if ((result.othersShare ?? 0) <= disturbedShare) return result
    results.push(result)
  }
  return results.toSorted((a, b) => (a.othersShare ?? 0) - (b.othersShare ?? 0))[0]!
}

function emptySeries({ driver, setting, version }: Contender): Series {
  return { broker: driver.name, version, setting: setting.label, results: [], failures: [] }
}

function describe(one: Case, result: LoadResult): string {
  const figure = figureOf(one.job.kind, result)
  if (one.job.kind === 'idle') return `${(figure / 1024).toFixed(1)} KiB per connection`
  const share = (seconds: number) => `${Math.round((100 * seconds) / result.seconds)} %`
  const busy =
    `broker ${share(result.brokerCpuSeconds)}, load ${share(result.loadCpuSeconds)}, ` +
    `others ${Math.round(100 * (result.othersShare ?? 0))} %`
  return `${Math.round(figure)} per CPU second, ${Math.round(result.count / result.seconds)} per second; ${busy}`
}

function printProfile(folder: string, one: Case, result: LoadResult): void {
  const latest = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile') && name.startsWith('CPU.'))
    .toSorted()
    .at(-1)
  if (latest === undefined) {
    console.error('no profile was written: did the broker stop cleanly?')
    return
  }
  const bytes = readFileSync(join(folder, latest))
  const profile = JSON.parse(bytes.toString('utf8')) as CpuProfile
  const name = `${one.name}.cpuprofile`
  writeFileSync(name, bytes)
  const { fromMicros, toMicros } = result
  console.log(`\n${one.name}: time of the broker's main thread while measured; whole profile in ${name}`)
  console.log(renderTimes(selfTimes(profile, fromMicros, toMicros)))
  console.log('\nOur functions, with what Node and native code spent for them')
  console.log(`${renderTimes(ownTimes(profile, fromMicros, toMicros))}\n`)
}

function currentCommit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
    const changed = git('status', '--porcelain', '--', '../src', '../bin') === '' ? '' : ' with changes'
    return git('rev-parse', '--short', 'HEAD') + changed
  } catch {
    return 'unknown'
  }
}

function positive(name: string, value: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new Error(`--${name} needs a positive number, not ${value}`)
  return number
}

async function main(): Promise<void> {
  if (values.help) {
    console.log(usage)
    return
  }
  if (positionals.includes('decision-cost')) {
    if (positionals.length > 1) throw new Error('decision-cost runs alone')
    await takeTurn()
    console.log(renderDecisionCost(await measureDecisionCost()))
    return
  }
  if (positionals.includes('match-cost')) {
    if (positionals.length > 1) throw new Error('match-cost runs alone')
    await takeTurn()
    console.log(renderMatchCost(measureMatchCost()))
    return
  }
  if (positionals.includes('namespaces')) {
    if (positionals.length > 1) throw new Error('namespaces runs alone')
    await takeTurn()
    console.log(renderNamespaces(await measureNamespaces()))
    return
  }
  if (positionals.includes('registry-scale')) {
    if (positionals.length > 1) throw new Error('registry-scale runs alone')
    const size = (name: 'clients' | 'deployment' | 'sessions') =>
      values[name] === undefined ? scaleSizes[name] : Math.round(positive(name, values[name]))
    const sizes = { clients: size('clients'), deployment: size('deployment'), sessions: size('sessions') }
    await takeTurn()
    console.log(renderRegistryScale(await measureRegistryScale({ ...scaleSizes, ...sizes })))
    return
  }
  const floor = values.floor === undefined ? null : positive('floor', values.floor)
  if ((values.at !== undefined || floor !== null) && values.against === undefined)
    throw new Error('--at and --floor need --against')
  if (positionals.includes('restart')) {
    if (positionals.length > 1) throw new Error('restart runs alone')
    const starts = Math.round(positive('starts', values.starts))
    await takeTurn()
    console.log(renderRestart(await measureRestart({ ...restartSize, starts })))
    return
  }
  if (positionals.includes('storm')) {
    if (positionals.length > 1) throw new Error('storm runs alone')
    const devices = values.devices === undefined ? stormSizes.devices : Math.round(positive('devices', values.devices))
    const sizes = { ...stormSizes, devices }
    await takeTurn()
    const reports = await measureStorm(sizes, planPinning(), Math.round(positive('repeats', values.repeats)))
    console.log(renderStorm(sizes, reports))
    if (!reports.every(isWeathered)) process.exitCode = 1
    return
  }
  const isDurable = positionals.includes('store')
  if (isDurable && positionals.some((name) => name !== 'store' && name !== durableCase)) {
    throw new Error(`store runs with ${durableCase} only`)
  }
  const chosen = isDurable ? [] : selectCases(positionals)
  const repeats = values.profile ? 1 : Math.round(positive('repeats', values.repeats))
  const measureMs = positive('seconds', values.seconds) * 1000
  await takeTurn()
  const pinning = planPinning()
  if (pinning.note !== null) console.error(pinning.note)
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-bench-'))
  try {
    const contenders = isDurable ? [] : await findContenders(folder)
    const plan: RunPlan = {
      folder,
      material: makeMaterial(join(folder, 'x509')),
      pinning,
      warmupMs: Math.max(leastWarmupMs, Math.round(measureMs / 3)),
      measureMs,
      connections: values.connections === undefined ? null : Math.round(positive('connections', values.connections)),
      profileFolder: values.profile ? join(folder, 'profiles') : null,
    }
    if (isDurable) {
      console.log(renderDurable(await measureDurable(plan, sealgateAt(join(import.meta.dirname, '..')), repeats)))
      return
    }
    const results: CaseResult[] = []
    for (const one of chosen) {
      const result = await runCase(one, contenders, plan, repeats)
      results.push(result)
      console.log(`\n${renderCase(result)}\n`)
    }
    console.log(renderSummary(results))
    for (const line of floor === null ? [] : regressions(results, floor)) {
      console.error(line)
      process.exitCode = 1
    }
    if (values.profile || values.against !== undefined || (positionals.length > 0 && !values.write)) return
    const facts: RunFacts = {
      machine: describeMachine(),
      commit: currentCommit(),
      repeats,
      measureMs,
      warmupMs: plan.warmupMs,
      pinningNote: pinning.note,
    }
    writeFileSync(join(import.meta.dirname, 'RESULTS.md'), renderResults(facts, results))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
