/** Unpredictable bytes. The only source of randomness for the core; a seeded one drives tests and the simulator. */
export interface Random {
  /** @param count 1 to 65,536 */
  bytes(count: number): Uint8Array
  /** 128 random bits as 32 lower-case hexadecimal digits: uids of namespaces, clients, sessions, decisions. */
  uid(): string
}
