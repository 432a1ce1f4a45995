/** `npm run bench`: measures ours and the peers on this machine, interleaved, and writes the tables. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flashmq } from './brokers/flashmq.ts'
import { mosquitto } from './brokers/mosquitto.ts'
import { aedes, bareNode } from './brokers/node-peer.ts'
import { sealgateAt } from './brokers/sealgate.ts'
import { cases } from './cases.ts'
import { type Material, makeMaterial } from './certificates.ts'
import { checkOut } from './checkout.ts'
import { commands } from './commands.ts'
import { type Facts, formatKept, type Kept, type KeptCase, type KeptReport, mergeKept, parseKept } from './kept.ts'
import { describeMachine, planPinning, takeTurn } from './machine.ts'
import type { RunPlan } from './measurement.ts'
import { type Options, readOptions, usage } from './options.ts'
import { type CpuProfile, ownTimes, renderTimes, selfTimes } from './profile.ts'
import { renderCase, renderResults, renderSummary } from './report.ts'
import { type CaseResult, regressions, tableOf } from './results.ts'
import { type Contender, runCase } from './rounds.ts'
import { judge, renderVerdicts } from './targets.ts'

const root = join(import.meta.dirname, '..')
const resultsFile = join(import.meta.dirname, 'results.jsonl')

async function findContenders({ at, against, only }: Options, folder: string): Promise<Contender[]> {
  const sealgate = sealgateAt(at === null ? root : checkOut(at, join(folder, 'at')))
  const found: Contender[] = []
  if (against !== null) {
    const driver = sealgateAt(checkOut(against, join(folder, 'against')), `Sealgate at ${against}`)
    found.push({ driver, setting: driver.settings[0]!, version: (await driver.version()) ?? 'unknown' })
  }
  for (const driver of [sealgate, mosquitto, aedes, flashmq, bareNode]) {
    if (only !== null && !only.includes(driver.name.toLowerCase())) continue
    const version = await driver.version()
    if (version === null) {
      console.error(`${driver.name} is not on this machine`)
      continue
    }
    for (const setting of driver.settings) found.push({ driver, setting, version })
  }
  return found
}

async function run(options: Options): Promise<void> {
  await takeTurn()
  const pinning = planPinning()
  if (pinning.note !== null) console.error(pinning.note)
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const [commit, machine] = [currentCommit(), describeMachine()]
  const facts = (): Facts => ({
    ...{ commit, machine },
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
  })
  let material: Material | null = null
  const { warmupMs, measureMs, connections, isProfile, repeats, sizes } = options
  const plan = (): RunPlan => {
    material ??= makeMaterial(join(folder, 'x509'))
    const profileFolder = isProfile ? join(folder, 'profiles') : null
    return { folder, material, pinning, warmupMs, measureMs, connections, profileFolder }
  }
  const contenders = options.cases.length === 0 ? [] : await findContenders(options, folder)
  const results: CaseResult[] = []
  for (const one of options.cases) {
    const result = await runCase(one, contenders, plan(), repeats)
    results.push(result)
    const table = tableOf(result)
    console.log(`\n${renderCase(table)}\n`)
    if (isProfile) printProfile(join(folder, 'profiles'), result)
    if (options.isKept) keep({ facts: facts(), ...table })
  }
  for (const { name, run: measure } of options.commands) {
    try {
      const { isFailed = false, ...report } = await measure({ repeats, pinning, plan, sizes })
      console.log(`\n### ${report.title}\n\n${report.text}\n`)
      if (isFailed) process.exitCode = 1
      if (options.isKept) keep({ name, facts: facts(), ...report })
    } catch (error) {
      // The others are measured all the same.
      console.error(`${name} failed: ${(error as Error).message}`)
      process.exitCode = 1
    }
  }
  if (results.length > 0) console.log(renderSummary(results.map(tableOf)))
  if (options.isKept) console.log(`\n${renderVerdicts(judge(readKept()))}`)
  for (const line of options.floor === null ? [] : regressions(results, options.floor)) {
    console.error(line)
    process.exitCode = 1
  }
}

function readKept(): Kept {
  return parseKept(existsSync(resultsFile) ? readFileSync(resultsFile, 'utf8') : '')
}

/** At once: a run that is ended keeps what it had. */
function keep(measured: KeptCase | KeptReport): void {
  const kept = mergeKept(
    readKept(),
    measured,
    [...cases, ...commands].map(({ name }) => name),
  )
  writeFileSync(resultsFile, formatKept(kept))
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), renderResults(parseKept(formatKept(kept))))
}

function printProfile(folder: string, { name, series }: CaseResult): void {
  const [result] = series.flatMap(({ results }) => results)
  const latest = readdirSync(folder)
    .filter((file) => file.endsWith('.cpuprofile') && file.startsWith('CPU.'))
    .toSorted()
    .at(-1)
  if (latest === undefined || result === undefined) {
    console.error('no profile was written: did the broker stop cleanly?')
    return
  }
  const bytes = readFileSync(join(folder, latest))
  const profile = JSON.parse(bytes.toString('utf8')) as CpuProfile
  const file = `${name}.cpuprofile`
  writeFileSync(file, bytes)
  const { fromMicros, toMicros } = result
  console.log(`\n${name}: time of the broker's main thread while measured; whole profile in ${file}`)
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

try {
  const options = readOptions(process.argv.slice(2))
  if (options === null) console.log(usage)
  else await run(options)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
