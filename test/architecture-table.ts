const everyRoom = ['base', 'mqtt', 'x509', 'ports', 'registry', 'auth', 'broker', 'listeners', 'adapters', 'api']

/** Which room may import which (ARCHITECTURE.md). A name with a slash allows that file only; `:types` allows types only. */
export const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [],
  mqtt: ['base'],
  x509: ['base'],
  ports: ['base', 'mqtt:types'],
  registry: ['base', 'mqtt', 'x509', 'ports'],
  auth: ['base', 'mqtt', 'x509', 'ports', 'registry'],
  broker: ['base', 'mqtt', 'ports', 'registry', 'auth'],
  listeners: ['base', 'mqtt:types', 'ports'],
  adapters: ['base', 'mqtt:types', 'ports'],
  api: ['base', 'mqtt', 'ports', 'registry', 'auth', 'broker/operations.ts'],
  cli: ['base', 'mqtt', 'x509', 'registry', 'main.ts', 'config.ts'],
  'config.ts': ['base'],
  main: [...everyRoom, 'config.ts'],
  'main.ts': [...everyRoom, 'config.ts', 'main'],
}

/**
 * The rooms within `broker/`, from the ground up: each may import those above it in this list. What lies at its top (the broker, a
 * connection, what the API is given) may import all of them, and none of them imports the top.
 */
export const brokerRooms: readonly string[] = [
  'turn',
  'bounds',
  'message',
  'namespace',
  'publish',
  'core',
  'lifetime',
  'trust',
  'packets',
  'connect',
]
