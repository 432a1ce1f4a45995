import type { ApiParts } from '../api/parts.ts'
import { type Api, openApi } from '../api/server.ts'
import { type Config, packageVersion } from '../config.ts'
import type { TlsContexts } from '../listeners/tls-context.ts'

/** Opens the management API on `--https` with the process' server certificate. */
export function openManagement(
  config: Config,
  endpoint: { readonly host: string; readonly port: number },
  contexts: TlsContexts,
  parts: Omit<ApiParts, 'settings' | 'tls'>,
): Promise<Api> {
  const { subscriptionId, resourceGroup, publicUrl, domain, maximumConnections, handshakeTimeout } = config
  return openApi({
    ...parts,
    tls: {
      get options() {
        return contexts.fallbackOptions
      },
      onChange: (callback) => contexts.onFallbackChange(callback),
    },
    settings: {
      ...endpoint,
      version: packageVersion(),
      subscriptionId,
      resourceGroup,
      publicUrl,
      domain,
      maximumConnections,
      handshakeTimeoutMs: handshakeTimeout * 1_000,
      openMetrics: isLoopback(endpoint.host),
    },
  })
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
