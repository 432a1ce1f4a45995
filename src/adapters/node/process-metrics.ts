import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricSnapshot, MetricsRegister } from './metrics.ts'

/** How often the loop is asked to be on time; a delay shorter than this is not seen. */
const resolutionMs = 10
const nanosecondsPerSecond = 1e9

type Definition = Pick<MetricSnapshot, 'name' | 'help' | 'type'>

/** Of this process, named as the clients of Prometheus name them. */
export const processMetrics = {
  loopDelay: {
    name: 'sealgate_event_loop_delay_seconds',
    help: 'How late the event loop was since it was last asked: what every peer waits on top. Quantiles 0.5, 0.99 and 1.',
    type: 'gauge',
  },
  memory: { name: 'process_resident_memory_bytes', help: 'Memory of the process.', type: 'gauge' },
  heap: { name: 'nodejs_heap_size_used_bytes', help: 'JavaScript objects in use.', type: 'gauge' },
  heapTotal: {
    name: 'nodejs_heap_size_total_bytes',
    help: 'Memory of the JavaScript heap, what is free in it included.',
    type: 'gauge',
  },
  external: {
    name: 'nodejs_external_memory_bytes',
    help: 'Memory outside the heap that JavaScript objects hold, such as buffers.',
    type: 'gauge',
  },
  cpu: { name: 'process_cpu_seconds_total', help: 'Time of the processor used, user and system.', type: 'counter' },
  start: {
    name: 'process_start_time_seconds',
    help: 'When the process started, seconds since 1970.',
    type: 'gauge',
  },
} as const satisfies Readonly<Record<string, Definition>>

/** The register with the figures of this process beside its own. */
export function withProcessMetrics(register: MetricsRegister): MetricsRegister {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  const startSeconds = Date.now() / 1_000 - process.uptime()
  const delay = (quantile: number) => ({
    labels: { quantile: String(quantile) },
    // The histogram holds how long each tick took, the awaited time included.
    value: Math.max(0, delays.percentile(quantile * 100) / nanosecondsPerSecond - resolutionMs / 1_000),
  })
  const one = (value: number) => [{ labels: {}, value }]
  return {
    ...register,
    snapshot() {
      const { user, system } = process.cpuUsage()
      const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
      const own: readonly MetricSnapshot[] = [
        { ...processMetrics.loopDelay, series: [0.5, 0.99, 1].map(delay) },
        { ...processMetrics.memory, series: one(rss) },
        { ...processMetrics.heap, series: one(heapUsed) },
        { ...processMetrics.heapTotal, series: one(heapTotal) },
        { ...processMetrics.external, series: one(external) },
        { ...processMetrics.cpu, series: one((user + system) / 1e6) },
        { ...processMetrics.start, series: one(startSeconds) },
      ]
      delays.reset()
      return [...register.snapshot(), ...own]
    },
  }
}
