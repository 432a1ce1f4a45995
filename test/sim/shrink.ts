import type { Plan } from './plan.ts'
import { run } from './run.ts'

/** Runs that are spent on making one failure shorter. */
const mostRuns = 600

/**
 * Leaves out as many actions as it can while the same invariant still breaks: halves first, then ever smaller parts.
 *
 * @returns the places of the actions that are needed, in their order
 */
export async function shrink(plan: Plan, invariant: string): Promise<readonly number[]> {
  let kept: readonly number[] = plan.actions.map((_, place) => place)
  let runs = 0
  async function stillFails(places: readonly number[]): Promise<boolean> {
    runs++
    const { violation } = await run(reduced(plan, places))
    return violation?.invariant === invariant
  }
  for (let size = kept.length >> 1; size >= 1; ) {
    let isShorter = false
    for (let from = Math.max(0, kept.length - size); runs < mostRuns; from = Math.max(0, from - size)) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (rest.length < kept.length && (await stillFails(rest))) {
        kept = rest
        isShorter = true
      }
      if (from === 0) break
    }
    if (runs >= mostRuns) break
    if (size === 1 && !isShorter) break
    size = size === 1 ? 1 : size >> 1
  }
  return kept
}

export function reduced(plan: Plan, places: readonly number[]): Plan {
  return { ...plan, actions: plan.actions.filter((_, place) => places.includes(place)) }
}

/** `0-3,7`: places as the command line spells them. */
export function formatPlaces(places: readonly number[]): string {
  const parts: string[] = []
  for (let i = 0; i < places.length; ) {
    let end = i
    while (end + 1 < places.length && places[end + 1] === (places[end] as number) + 1) end++
    parts.push(end === i ? `${places[i]}` : `${places[i]}-${places[end]}`)
    i = end + 1
  }
  return parts.join(',')
}

export function parsePlaces(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first = Number.NaN, last = first] = part.split('-').map(Number)
    if (!Number.isInteger(first) || !Number.isInteger(last)) throw new Error(`not a list of places: ${text}`)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}
