/** Labels hold members of closed sets only: no client, topic or Client Identifier (S64). */
export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(value: number, labels?: Labels): void
}

export interface Gauge {
  set(value: number, labels?: Labels): void
}

export interface Metrics {
  counter(name: string, help: string): Counter
  gauge(name: string, help: string): Gauge
}
