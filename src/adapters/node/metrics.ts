import { assert } from '../../base/assert.ts'
import type { Counter, Gauge, Labels, Metrics } from '../../ports/metrics.ts'

export interface MetricSeries {
  readonly labels: Labels
  readonly value: number
}

export interface MetricSnapshot {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly series: readonly MetricSeries[]
}

export interface MetricsRegister extends Metrics {
  snapshot(): readonly MetricSnapshot[]
}

/** Labels are members of closed sets (S64); a metric with more series than this has an open one, which is a bug. */
const mostSeries = 256

interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly series: Map<string, { readonly labels: Labels; value: number }>
}

/** Counters and gauges in memory; the text form for a scraper is made from `snapshot`. */
export function createMetrics(): MetricsRegister {
  const metrics = new Map<string, Metric>()

  function metric(name: string, help: string, type: 'counter' | 'gauge'): Metric {
    assert(/^[a-z_][a-z0-9_]*$/.test(name), `metric name: ${name}`)
    const known = metrics.get(name)
    if (known !== undefined) {
      assert(known.type === type, `metric ${name} is a ${known.type}`)
      return known
    }
    const made = { name, help, type, series: new Map<string, { readonly labels: Labels; value: number }>() }
    metrics.set(name, made)
    return made
  }

  return {
    counter(name, help): Counter {
      const { series } = metric(name, help, 'counter')
      return {
        add(value, labels) {
          assert(value >= 0, `counter ${name} cannot fall`)
          seriesOf(name, series, labels).value += value
        },
      }
    },
    gauge(name, help): Gauge {
      const { series } = metric(name, help, 'gauge')
      return {
        set(value, labels) {
          seriesOf(name, series, labels).value = value
        },
      }
    },
    snapshot: () =>
      [...metrics.values()].map(({ name, help, type, series }) => ({
        name,
        help,
        type,
        series: [...series.values()].map(({ labels, value }) => ({ labels, value })),
      })),
  }
}

function seriesOf(name: string, series: Metric['series'], labels: Labels = {}): { value: number } {
  const entries = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  const key = entries.length === 0 ? '' : JSON.stringify(entries)
  const known = series.get(key)
  if (known !== undefined) return known
  assert(series.size < mostSeries, `metric ${name} has too many series`)
  const made = { labels: Object.fromEntries(entries), value: 0 }
  series.set(key, made)
  return made
}
