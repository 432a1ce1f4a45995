import { sourceOf } from '../../base/source-address.ts'
import { audit } from '../audit.ts'
import { type Answer, type Call, json, type Route } from '../route.ts'

/**
 * The part of an OAuth 2.0 server that `@azure/identity` and az need: client credentials (RFC 6749 4.4) against a short-lived
 * token. The documents come first because the clients ask for them first.
 */

const common = { tag: 'Access', access: 'open', apiVersion: 'none' } as const

interface Place {
  readonly id: string
  /** Path of the discovery document. */
  readonly discovery: string
  readonly base: (tenant: string) => string
}

/** Where the clients look: az treats an authority ending in `/adfs` as one of its own kind. */
const places: readonly Place[] = [
  { id: 'Tenant', discovery: '/{tenantId}/v2.0', base: (tenant) => `/${encodeURIComponent(tenant)}/oauth2/v2.0` },
  { id: 'Adfs', discovery: '/adfs', base: () => '/adfs/oauth2' },
  { id: 'AdfsTenant', discovery: '/adfs/{tenantId}', base: () => '/adfs/oauth2' },
]

const tokenPaths = [
  { id: 'Token_Issue', path: '/{tenantId}/oauth2/v2.0/token' },
  { id: 'Token_IssueV1', path: '/{tenantId}/oauth2/token' },
] as const

export const tokenEndpointRoutes: readonly Route[] = [
  ...places.map(
    ({ id, discovery, base }): Route => ({
      ...common,
      id: `Token_Discover${id}`,
      method: 'GET',
      path: `${discovery}/.well-known/openid-configuration`,
      summary: 'Where the token endpoint is.',
      answers: { 200: 'OpenIdConfiguration' },
      handle: (call) => discover(call, `${call.baseUrl}${base(call.params['tenantId'] ?? '')}`),
    }),
  ),
  ...tokenPaths.map(
    ({ id, path }): Route => ({
      ...common,
      id,
      method: 'POST',
      path,
      summary: 'A short-lived token for the secret of a service principal: form with client_id, client_secret, scope.',
      body: { schema: 'TokenRequest', required: true, form: 'text', limit: 'formBytes' },
      answers: { 200: 'TokenResponse' },
      handle: issueToken,
    }),
  ),
]

function discover(call: Call, base: string): Answer {
  return json(200, {
    issuer: base,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}/token`,
    device_authorization_endpoint: `${base}/devicecode`,
    jwks_uri: `${call.baseUrl}/sealgate/keys`,
    response_types_supported: ['token'],
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  })
}

async function issueToken(call: Call): Promise<Answer> {
  const form = new URLSearchParams(String(call.body))
  const grant = form.get('grant_type')
  if (grant !== 'client_credentials') {
    return oauthError(400, 'unsupported_grant_type', 'The grant_type is client_credentials here.')
  }
  const audience = audienceProblem(call, form)
  if (audience !== null) return oauthError(400, 'invalid_scope', audience)
  const { client, secret } = basicCredentials(call) ?? {
    client: form.get('client_id') ?? '',
    secret: form.get('client_secret') ?? '',
  }
  const signedIn = await call.house.tokens.signIn(client.slice(0, 128), secret.slice(0, 1_024))
  if (!signedIn.ok) {
    const seconds = call.house.failures.take(sourceOf(call.remoteAddress))
    if (seconds > 0) {
      const tired = oauthError(429, 'temporarily_unavailable', `Too many failed attempts. Try again in ${seconds} s.`)
      return { ...tired, headers: { ...tired.headers, 'retry-after': String(seconds) } }
    }
    call.house.parts.log.write('warn', 'apiAuthenticationFailed', {
      reason: 'secret',
      remoteAddress: call.remoteAddress,
    })
    return oauthError(401, 'invalid_client', 'The client is not known, or its secret is not the right one.')
  }
  const { token, seconds } = signedIn.value
  audit(call, { action: 'Sealgate/tokens/issue', resource: `client ${client.slice(0, 128)}`, outcome: 'issued' })
  return json(
    200,
    { token_type: 'Bearer', expires_in: seconds, ext_expires_in: seconds, access_token: token },
    { 'cache-control': 'no-store', pragma: 'no-cache' },
  )
}

/** Scopes that say something about the answer rather than about whom the token is for. */
const protocolScopes = ['openid', 'profile', 'offline_access', 'email']

/**
 * A token is for this server. Clients that cannot be told so ask for Azure's own management endpoint, whatever endpoint
 * they are given.
 */
function audienceProblem(call: Call, form: URLSearchParams): string | null {
  const wanted = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '' && !protocolScopes.includes(scope))
  const resource = form.get('resource')
  if (resource !== null) wanted.push(resource)
  const known = [call.baseUrl, 'https://management.azure.com', 'https://management.core.windows.net']
  for (const scope of wanted) {
    const audience = scope.replace(/\/\.default$/, '').replace(/\/+$/, '')
    if (!known.includes(audience.toLowerCase()) && audience !== call.baseUrl) {
      return `The scope ${JSON.stringify(scope.slice(0, 128))} is for somebody else. Write ${call.baseUrl}/.default.`
    }
  }
  return null
}

/** RFC 6749 2.3.1: both parts are form-encoded first. */
function basicCredentials({ headers }: Call): { readonly client: string; readonly secret: string } | null {
  const { authorization } = headers
  const encoded =
    typeof authorization === 'string' ? /^Basic +([A-Za-z0-9+/=]{1,2048})$/i.exec(authorization)?.[1] : null
  if (encoded === undefined || encoded === null) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return null
  const plain = (part: string): string => new URLSearchParams(`x=${part}`).get('x') ?? ''
  return { client: plain(text.slice(0, colon)), secret: plain(text.slice(colon + 1)) }
}

/** RFC 6749 5.2 has a form of its own for errors, which these clients read. */
function oauthError(status: number, error: string, description: string): Answer {
  return json(status, { error, error_description: description }, { 'cache-control': 'no-store', pragma: 'no-cache' })
}
