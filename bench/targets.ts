import type { Kept } from './kept.ts'
import type { Row } from './results.ts'

/**
 * What the bench is asked to show, as data, each with the case or command that shows it. The ratios are ours to the peer's
 * better setting, per broker CPU, in the same rounds.
 */
export interface Target {
  readonly what: string
  /** With what it is compared; empty: with nothing. */
  readonly to: string
  readonly asked: Asked
  readonly unit: '×' | ' KiB' | ' µs' | ' s' | ' ms'
  /** Name of the case or command. */
  readonly from: string
  /** What was measured; null: it was not, or gave no figure. */
  readonly figure: (kept: Kept) => number | null
}

export type Asked = { readonly atLeast: number } | { readonly atMost: number } | { readonly below: number }

export interface Verdict {
  readonly target: Target
  readonly measured: number | null
  readonly is: 'reached' | 'missed' | 'not measured'
}

export function judge(kept: Kept, list: readonly Target[] = targets): Verdict[] {
  return list.map((target) => {
    const measured = target.figure(kept)
    if (measured === null || Number.isNaN(measured)) return { target, measured: null, is: 'not measured' }
    return { target, measured, is: fits(measured, target.asked) ? 'reached' : 'missed' }
  })
}

/** First how it stands, then one line for each. */
export function renderVerdicts(verdicts: readonly Verdict[]): string {
  const counted = (['reached', 'missed', 'not measured'] as const).map(
    (kind) => `${verdicts.filter(({ is }) => is === kind).length} ${kind}`,
  )
  const lines = verdicts.map(({ target, measured, is }) => {
    const figure = measured === null ? '' : `${digits(measured, target.asked)}${target.unit}`
    const verdict = is === 'missed' ? '**missed**' : is
    return `| ${[target.what, target.to, askedText(target), figure, verdict, target.from].join(' | ')} |`
  })
  return [
    `${counted.join(', ')}.`,
    '',
    '| target | to | asked | measured | | from |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
}

function askedText({ asked, unit }: Target): string {
  if ('atLeast' in asked) return `≥ ${asked.atLeast}${unit}`
  return 'atMost' in asked ? `≤ ${asked.atMost}${unit}` : `< ${asked.below}${unit}`
}

/** Two digits, and more where two would show a missed figure as reached or the other way round. */
function digits(value: number, asked: Asked): string {
  let text = value.toFixed(2)
  for (let places = 3; fits(Number(text), asked) !== fits(value, asked) && places < 9; places++)
    text = value.toFixed(places)
  return text
}

function fits(value: number, asked: Asked): boolean {
  if ('atLeast' in asked) return value >= asked.atLeast
  return 'atMost' in asked ? value <= asked.atMost : value < asked.below
}

/** Ours to mosquitto, aedes and FlashMQ. */
type ToPeers = readonly [mosquitto: number, aedes: number, flashmq: number]
const peers = ['mosquitto', 'aedes', 'FlashMQ'] as const

function ratios(what: string, from: string, asked: ToPeers): Target[] {
  return peers.map((to, i) => ({
    ...{ what, to, asked: { atLeast: asked[i]! }, unit: '×', from },
    figure: (kept) => rowOf(kept, from, to)?.ratio ?? null,
  }))
}

/** Ours to theirs, both in milliseconds. */
function p99(what: string, from: string): Target[] {
  return peers.map((to) => ({
    ...{ what: `${what}: p99 at saturation`, to, asked: { below: 1 }, unit: '×', from },
    figure: (kept) => quotient(rowOf(kept, from, 'Sealgate')?.p99, rowOf(kept, from, to)?.p99),
  }))
}

const idle = 'mtls-idle'
const kibibytes = (kept: Kept, broker: string): number | null => {
  const bytes = rowOf(kept, idle, broker)?.figure ?? null
  return bytes === null ? null : bytes / 1_024
}

function idleToPeers(asked: ToPeers): Target[] {
  return peers.map((to, i) => ({
    ...{ what: 'memory per idle mutual TLS connection', to, asked: { atMost: asked[i]! }, unit: '×', from: idle },
    figure: (kept) => rowOf(kept, idle, to)?.ratio ?? null,
  }))
}

/** The same broker without what the case adds, in the same rounds. */
function toItself(what: string, from: string, atLeast: number): Target {
  const to = 'Sealgate without it'
  return { what, to, asked: { atLeast }, unit: '×', from, figure: (kept) => rowOf(kept, from, to)?.ratio ?? null }
}

type Command = 'store' | 'registry-scale' | 'match-cost' | 'storm'

/** A figure that a command gives under a name. */
function reported(what: string, to: string, from: Command, figure: string, asked: Asked, unit: Target['unit'] = '×') {
  const found = (kept: Kept): number | null => kept.reports[from]?.figures[figure] ?? null
  return { what, to, asked, unit, from, figure: found }
}

export const targets: readonly Target[] = [
  ...ratios('TCP QoS 0, 100 pairs', 'tcp-pairs-qos0', [5, 12, 2]),
  ...ratios('TCP QoS 0, fan-out 1 → 200', 'tcp-fan-out-qos0', [5, 10, 1.4]),
  ...ratios('TCP QoS 0, fan-in 100 → 1', 'tcp-fan-in-qos0', [8, 20, 1.05]),
  ...ratios('TCP QoS 1, 100 pairs', 'tcp-pairs-qos1', [5, 12, 1.5]),
  ...ratios('TCP QoS 1, fan-out 1 → 200', 'tcp-fan-out-qos1', [5, 12, 1.4]),
  ...ratios('TLS QoS 0, 100 pairs', 'tls-pairs-qos0', [4.5, 8, 1.3]),
  ...ratios('TLS QoS 0, fan-out 1 → 200', 'tls-fan-out-qos0', [6, 5, 1.4]),
  ...ratios('TLS QoS 1, 100 pairs', 'tls-pairs-qos1', [4.5, 6, 1.2]),
  ...ratios('TLS QoS 1, fan-out 1 → 200', 'tls-fan-out-qos1', [3, 6, 1.2]),
  ...ratios('one message at a time, TCP QoS 0', 'tcp-one-qos0', [1.05, 1.8, 1]),
  ...ratios('one message at a time, TCP QoS 1', 'tcp-one-qos1', [0.9, 2.3, 1]),
  ...ratios('one message at a time, TLS QoS 0', 'tls-one-qos0', [0.95, 1.6, 1]),
  ...ratios('one message at a time, TLS QoS 1', 'tls-one-qos1', [0.85, 2.4, 1]),
  ...ratios('mutual TLS connect with decision, P-256', 'mtls-connect', [1.25, 2.8, 1.5]),
  ...ratios('mutual TLS connect with decision, RSA-2048', 'mtls-connect-rsa', [1.25, 2.8, 1.5]),
  ...p99('TCP QoS 1, 100 pairs', 'tcp-pairs-qos1'),
  ...p99('TLS QoS 1, 100 pairs', 'tls-pairs-qos1'),
  ...idleToPeers([2.8, 1.05, 1.4]),
  {
    ...{ what: 'memory per idle mutual TLS connection', to: '', asked: { atMost: 56 }, unit: ' KiB', from: idle },
    figure: (kept) => kibibytes(kept, 'Sealgate'),
  },
  {
    ...{ what: 'memory per idle mutual TLS connection, more than', to: 'bare Node server', asked: { atMost: 8 } },
    ...{ unit: ' KiB', from: idle },
    figure: (kept) => difference(kibibytes(kept, 'Sealgate'), kibibytes(kept, 'bare Node server')),
  },
  reported('durable QoS 1 end to end', 'the store alone', 'store', 'toStore', { atLeast: 0.5 }),
  reported('connects, 1,000,000 clients', '1,000 clients', 'registry-scale', 'connectsToSmall', { atLeast: 0.9 }),
  toItself('100 pairs, 50 topic templates and 10 groups', 'tcp-pairs-qos0-rights', 0.95),
  toItself('TCP QoS 0, 100 pairs under churn', 'tcp-pairs-qos0-churn', 0.9),
  toItself('TCP QoS 0, fan-out 1 → 200 under churn', 'tcp-fan-out-qos0-churn', 0.9),
  toItself('TLS QoS 0, 100 pairs under churn', 'tls-pairs-qos0-churn', 0.9),
  toItself('TLS QoS 0, fan-out 1 → 200 under churn', 'tls-fan-out-qos0-churn', 0.9),
  // Independent of their number: no more than two runs of the same may differ by.
  reported('cached topic, 100,000 wildcard filters', 'no filters', 'match-cost', 'knownToNone', { atMost: 1.25 }),
  reported('new topic, 100,000 wildcard filters', '', 'match-cost', 'newMicros', { below: 20 }, ' µs'),
  reported('storm of 10,000: all in', '', 'storm', 'allInSeconds', { atMost: 30 }, ' s'),
  reported('storm of 10,000: p99 of others', '3 × idle or 20 ms', 'storm', 'p99ToAllowed', { atMost: 1 }),
]

/** Of a peer: its better setting. */
function rowOf(kept: Kept, name: string, broker: string): Row | undefined {
  return kept.cases[name]?.rows.find((row) => row.broker === broker && row.counts)
}

function quotient(ours: number | null | undefined, theirs: number | null | undefined): number | null {
  return ours == null || theirs == null ? null : ours / theirs
}

function difference(ours: number | null, theirs: number | null): number | null {
  return ours === null || theirs === null ? null : ours - theirs
}
