export interface Gate {
  /** Resolves when somebody waits at the gate. */
  readonly reached: Promise<void>
  pass(): Promise<void>
  open(): void
}

/** Holds work until the test says so. */
export function gate(): Gate {
  const arrived = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  return {
    reached: arrived.promise,
    pass() {
      arrived.resolve()
      return opened.promise
    },
    open: () => opened.resolve(),
  }
}
