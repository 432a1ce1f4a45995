import type { Terminal } from '../terminal.ts'
import { RestClient } from './client.ts'
import type { ConnectionOptions } from './connection-options.ts'
import { findServer } from './find-server.ts'

/** @throws CommandFailure; the connection is closed in any case */
export async function withClient<T>(
  terminal: Terminal,
  options: ConnectionOptions,
  work: (client: RestClient) => Promise<T>,
): Promise<T> {
  const client = new RestClient(findServer(terminal, options), terminal)
  try {
    return await work(client)
  } finally {
    client.close()
  }
}
