export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Structured log. `facts` never hold a password, key, token, authentication data or payload (S60). */
export interface Log {
  /** @param event stable camelCase word that scripts may match */
  write(level: LogLevel, event: string, facts: Readonly<Record<string, unknown>>): void
}
