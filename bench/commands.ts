import { join } from 'node:path'
import { sealgateAt } from './brokers/sealgate.ts'
import { measureDecisionCost, renderDecisionCost } from './decision-cost.ts'
import { durableCase, durableFigures, measureDurable, renderDurable } from './durable.ts'
import type { Report } from './kept.ts'
import type { Pinning } from './machine.ts'
import { matchFigures, measureMatchCost, renderMatchCost } from './match-cost.ts'
import type { RunPlan } from './measurement.ts'
import { measureNamespaces, renderNamespaces } from './namespaces.ts'
import { measureRegistryScale, renderRegistryScale, scaleSizes } from './registry-scale.ts'
import { measureRestart, renderRestart, restartSize } from './restart.ts'
import { isWeathered, measureStorm, renderStorm, stormFigures, stormSizes, stormTitle } from './storm.ts'

export interface CommandOptions {
  readonly repeats: number
  readonly pinning: Pinning
  readonly plan: () => RunPlan
  /** Sizes other than those that are asked for; such figures are not kept. */
  readonly sizes: Partial<Readonly<Record<'clients' | 'deployment' | 'sessions' | 'devices' | 'starts', number>>>
}

/** What is measured otherwise than by giving all brokers the same work. */
export interface Command {
  readonly name: string
  readonly about: string
  run(options: CommandOptions): Promise<Report & { readonly isFailed?: boolean }>
}

export const commands: readonly Command[] = [
  {
    name: 'decision-cost',
    about: 'what one decision about a certificate costs, without a broker',
    async run() {
      const text = renderDecisionCost(await measureDecisionCost())
      return { title: 'decision-cost: one decision about a certificate', text, figures: {} }
    },
  },
  {
    name: 'match-cost',
    about: "what it costs to find a topic's receivers beside 100,000 wildcard filters, without a broker",
    async run() {
      const costs = measureMatchCost()
      const title = 'match-cost: the receivers of a topic beside wildcard filters'
      return { title, text: renderMatchCost(costs), figures: matchFigures(costs) }
    },
  },
  {
    name: 'namespaces',
    about: 'ten and a thousand of them on one port: memory, start, handshakes',
    async run() {
      const text = renderNamespaces(await measureNamespaces())
      return { title: 'namespaces: 10 and 1,000 on one port', text, figures: {} }
    },
  },
  {
    name: 'store',
    about: 'the store alone and durable QoS 1 end to end, in the same rounds',
    async run({ plan, repeats }) {
      const whole = plan()
      // Commits come in groups and the disk has its moments: a second says little.
      const longer = { ...whole, measureMs: Math.max(whole.measureMs, 3_000) }
      const rounds = await measureDurable(longer, sealgateAt(join(import.meta.dirname, '..')), repeats)
      const title = `store: the store alone beside ${durableCase}`
      return { title, text: renderDurable(rounds), figures: durableFigures(rounds) }
    },
  },
  {
    name: 'restart',
    about: 'how long a start with 100,000 sessions and 1,000,000 queued messages takes (--starts 3)',
    async run({ sizes }) {
      const text = renderRestart(await measureRestart({ ...restartSize, starts: sizes.starts ?? 3 }))
      return { title: 'restart: 100,000 sessions, 1,000,000 queued messages', text, figures: {} }
    },
  },
  {
    name: 'storm',
    about: 'a fleet comes back all at once, and what those notice who never left (--devices 10000)',
    async run({ repeats, pinning, sizes }) {
      const storm = { ...stormSizes, devices: sizes.devices ?? stormSizes.devices }
      const reports = await measureStorm(storm, pinning, repeats)
      const said = { title: stormTitle(storm), text: renderStorm(reports), figures: stormFigures(reports) }
      return { ...said, isFailed: !reports.every(isWeathered) }
    },
  },
  {
    name: 'registry-scale',
    about: "a fleet's registry; takes minutes (--clients 1000000 --deployment 40000 --sessions 5000)",
    async run({ sizes }) {
      const { clients, deployment, sessions } = { ...scaleSizes, ...sizes }
      const middle = Math.min(scaleSizes.middle, clients)
      const result = await measureRegistryScale({ ...scaleSizes, clients, middle, deployment, sessions })
      const title = `registry-scale: a registry of ${clients} clients`
      return { title, text: renderRegistryScale(result), figures: result.figures }
    },
  },
]
