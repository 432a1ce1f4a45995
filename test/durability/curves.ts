/** Values over time, one picture of them, and whether they level off. */
export interface Curve {
  readonly name: string
  readonly unit: string
  /** One per sample. */
  readonly values: readonly number[]
  /** Growth over the measured part that is taken for noise, in the curve's unit. */
  readonly tolerated: number
}

export interface Verdict {
  readonly name: string
  readonly unit: string
  readonly median: number
  /** The trend's growth from the end of the warm-up to the end. */
  readonly growth: number
  readonly allowed: number
  readonly isLevel: boolean
}

/**
 * The trend is the median of the slopes between all pairs of samples: a few outliers, such as the moment before a garbage
 * collection, do not move it. It may rise by a twentieth of the median, or by what the curve tolerates.
 *
 * @param times in seconds
 */
export function judge(curve: Curve, times: readonly number[], warmUpSeconds: number): Verdict {
  const from = times.findIndex((time) => time >= warmUpSeconds)
  const measured = thinned(from < 0 ? [] : times.map((_, i) => i).slice(from), 200)
  const slopes: number[] = []
  for (const [n, i] of measured.entries()) {
    for (const j of measured.slice(n + 1)) {
      slopes.push(((curve.values[j] ?? 0) - (curve.values[i] ?? 0)) / ((times[j] ?? 0) - (times[i] ?? 0)))
    }
  }
  const span = (times[measured.at(-1) ?? 0] ?? 0) - (times[measured[0] ?? 0] ?? 0)
  const median = middle(measured.map((i) => curve.values[i] ?? 0))
  const growth = slopes.length === 0 ? Number.NaN : middle(slopes) * span
  const allowed = Math.max(median / 20, curve.tolerated)
  return { name: curve.name, unit: curve.unit, median, growth, allowed, isLevel: growth <= allowed }
}

/** The longest time in which a count did not move, in seconds; both lists as long. */
export function longestStandstill(counts: readonly number[], times: readonly number[]): number {
  let longest = 0
  let movedAt = times[0] ?? 0
  for (const [i, time] of times.entries()) {
    if (i > 0 && counts[i] !== counts[i - 1]) movedAt = time
    longest = Math.max(longest, time - movedAt)
  }
  return longest
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

function thinned(indices: readonly number[], most: number): number[] {
  const step = Math.max(1, Math.ceil(indices.length / most))
  return indices.filter((_, n) => n % step === 0)
}

const width = 960
const panelHeight = 180
const margin = { left: 80, right: 20, top: 34, bottom: 26 }

/** One panel under the other, each from 0 to its largest value; the warm-up is shaded, the trend behind it dashed. */
export function picture(
  title: string,
  curves: readonly Curve[],
  times: readonly number[],
  warmUpSeconds: number,
): string {
  const last = times.at(-1) ?? 1
  const innerWidth = width - margin.left - margin.right
  const innerHeight = panelHeight - margin.top - margin.bottom
  const x = (time: number): number => margin.left + (time / last) * innerWidth
  const parts: string[] = []
  for (const [panel, curve] of curves.entries()) {
    const top = 30 + panel * panelHeight + margin.top
    const most = niceCeiling(Math.max(...curve.values, 1))
    const y = (value: number): number => top + innerHeight * (1 - value / most)
    const verdict = judge(curve, times, warmUpSeconds)
    const said = `${curve.name}: median ${short(verdict.median)} ${curve.unit}, trend ${verdict.growth >= 0 ? '+' : ''}${short(verdict.growth)}, allowed +${short(verdict.allowed)}: ${verdict.isLevel ? 'level' : 'GROWS'}`
    parts.push(`<text x="${margin.left}" y="${top - 10}" class="name">${said}</text>`)
    parts.push(rectangle(margin.left, top, x(Math.min(warmUpSeconds, last)) - margin.left, innerHeight, 'warm'))
    for (let i = 0; i <= 4; i++) {
      const value = (most * i) / 4
      parts.push(line(margin.left, y(value), width - margin.right, y(value), 'grid'))
      parts.push(`<text x="${margin.left - 8}" y="${fixed(y(value) + 4)}" class="value">${short(value)}</text>`)
    }
    for (let i = 0; i <= 6; i++) {
      const time = (last * i) / 6
      parts.push(
        `<text x="${fixed(x(time))}" y="${top + innerHeight + 16}" class="time">${short(time / 60)}${i === 6 ? '' : ' min'}</text>`,
      )
    }
    const points = curve.values.map((value, i) => `${fixed(x(times[i] ?? 0))},${fixed(y(value))}`).join(' ')
    parts.push(`<polyline points="${points}" class="curve"/>`)
    if (last > warmUpSeconds && !Number.isNaN(verdict.growth)) {
      const half = verdict.growth / 2
      parts.push(line(x(warmUpSeconds), y(verdict.median - half), x(last), y(verdict.median + half), 'trend'))
    }
  }
  const height = 40 + curves.length * panelHeight
  const style =
    'text{font:12px sans-serif;fill:#333}.title{font-size:15px;font-weight:bold}.value{text-anchor:end}.time{text-anchor:middle}' +
    '.grid{stroke:#ddd}.curve{fill:none;stroke:#06c;stroke-width:1.5}.trend{stroke:#c30;stroke-dasharray:6 4}.warm{fill:#f4f4f4}'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<style>${style}</style><rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="22" class="title">${title}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function rectangle(x: number, y: number, w: number, h: number, kind: string): string {
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(w)}" height="${fixed(h)}" class="${kind}"/>`
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" class="${kind}"/>`
}

function fixed(value: number): string {
  return value.toFixed(1)
}

function short(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10)
}

/** 1, 2 or 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= value) ?? value
}
