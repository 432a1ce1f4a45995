export type LimitUnit =
  | 'bytes'
  | 'characters'
  | 'count'
  | 'perSecond'
  | 'bytesPerSecond'
  | 'milliseconds'
  | 'seconds'
  | 'hours'
  | 'switch'
  | 'choice'

/** What every row of the profile table says. */
interface RowFacts {
  readonly unit: LimitUnit
  /** One sentence for the profile page. */
  readonly meaning: string
  /** Where the value of `event-grid` comes from. */
  readonly source: string
  /** Set as `properties.sealgate.<name>`, not below `limits`. */
  readonly policy?: true
}

export interface NumberRow extends RowFacts {
  readonly kind: 'number'
  readonly eventGrid: number | null
  readonly full: number | null
  /** Smallest and largest value of an override. */
  readonly range: readonly [minimum: number, maximum: number]
  /** An override may be null: no limit. */
  readonly nullable: boolean
  /** Azure's number is per throughput unit of the namespace; an override is the total. */
  readonly perUnit: boolean
}

export interface SwitchRow extends RowFacts {
  readonly kind: 'switch'
  readonly eventGrid: boolean
  readonly full: boolean
}

export interface ChoiceRow<Choice extends string | number> extends RowFacts {
  readonly kind: 'choice'
  readonly choices: readonly Choice[]
  readonly eventGrid: Choice
  readonly full: Choice
}

export type ProfileRow = NumberRow | SwitchRow | ChoiceRow<string | number>
