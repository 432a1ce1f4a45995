import { parseArgs } from 'node:util'
import { type Case, cases, selectCases } from './cases.ts'
import { type Command, type CommandOptions, commands } from './commands.ts'

/** The windows of `all` in this many rounds take about half an hour. */
const defaultRepeats = '4'

export const usage = `npm run bench [-- NAME … --repeats N --seconds S --warm-up S --connections N --only BROKER,…
              --against COMMIT --at COMMIT --floor RATIO --profile --write]

NAME           a case, a name with * in it, all (every case), a command, or everything (all, and every command);
               without one the three headline cases, as with --write
--repeats N    rounds, each with a window of every broker (${defaultRepeats})
--seconds S    time measured per window (1)
--warm-up S    of brokers whose code is compiled while it runs (3; connects: 10 at least)
--connections  idle connections of mtls-idle (5000)
--only NAMES   brokers to run, for example Sealgate,mosquitto
--against      Sealgate alone, with another commit of it in the same rounds
--at           with --against: measures this commit instead of the checkout
--floor RATIO  with --against: fails when a case is below this ratio to the other commit, for example 0.95
--profile      Sealgate alone, under the CPU profiler; prints where the time went
--write        keeps the figures in results.jsonl, each in the place of the older one, and writes RESULTS.md

Cases: ${cases.map(({ name }) => name).join(' ')}

Commands:
${commands.map(({ name, about }) => `${name.padEnd(14)} ${about}`).join('\n')}
`

export interface Options {
  readonly cases: readonly Case[]
  readonly commands: readonly Command[]
  readonly repeats: number
  readonly measureMs: number
  readonly warmupMs: number
  readonly connections: number | null
  /** Lower case. */
  readonly only: readonly string[] | null
  readonly against: string | null
  readonly at: string | null
  readonly floor: number | null
  readonly isProfile: boolean
  readonly isKept: boolean
  readonly sizes: CommandOptions['sizes']
}

/** @returns null when only help is asked for */
export function readOptions(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...{ repeats: { ...text, default: defaultRepeats }, seconds: { ...text, default: '1' } },
      ...{ 'warm-up': { ...text, default: '3' }, connections: text, only: text, against: text, at: text, floor: text },
      ...{ clients: text, deployment: text, sessions: text, devices: text, starts: text },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const number = (name: 'connections' | keyof Options['sizes']): number | undefined =>
    values[name] === undefined ? undefined : Math.round(positive(name, values[name]))
  const given = (['clients', 'deployment', 'sessions', 'devices', 'starts'] as const).flatMap((name) => {
    const value = number(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  const { against = null, at = null } = values
  const floor = values.floor === undefined ? null : positive('floor', values.floor)
  if ((at !== null || floor !== null) && against === null) throw new Error('--at and --floor need --against')
  const isAlone = values.profile || against !== null
  const isPart = isAlone || values.only !== undefined || values.connections !== undefined || given.length > 0
  if (values.write && isPart)
    throw new Error('--write keeps whole figures only: no other option but --repeats, --seconds, --warm-up')
  const repeats = Math.round(positive('repeats', values.repeats))
  return {
    ...select(positionals),
    repeats: values.profile ? 1 : repeats,
    measureMs: positive('seconds', values.seconds) * 1_000,
    warmupMs: positive('warm-up', values['warm-up']) * 1_000,
    connections: number('connections') ?? null,
    only: isAlone ? ['sealgate'] : (values.only?.toLowerCase().split(',') ?? null),
    ...{ against, at, floor, isProfile: values.profile },
    isKept: values.write || (positionals.length === 0 && !isPart),
    sizes: Object.fromEntries(given),
  }
}

/** In the order of the lists, whatever the order of the names. */
function select(names: readonly string[]): Pick<Options, 'cases' | 'commands'> {
  if (names.includes('everything')) return { cases, commands }
  const chosen = commands.filter(({ name }) => names.includes(name))
  const patterns = names.filter((name) => !chosen.some((command) => command.name === name))
  return { cases: names.length > 0 && patterns.length === 0 ? [] : selectCases(patterns), commands: chosen }
}

function positive(name: string, value: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new Error(`--${name} needs a positive number, not ${value}`)
  return number
}
