import { err, ok, type Result } from '../../base/result.ts'
import { sourceOf } from '../../base/source-address.ts'
import { readApiVersion } from '../arm/api-version.ts'
import { armError, tryLater } from '../arm/error.ts'
import { audit } from '../audit.ts'
import type { House } from '../house.ts'
import type { Answer, Call, Query, Route } from '../route.ts'
import { type Caller, may, mayInPart } from './caller.ts'
import { formatScope } from './role.ts'

/** What is asked before a byte of the body is read. */

export interface Knock {
  readonly authorization: string | undefined
  readonly remoteAddress: string
  readonly requestId: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly baseUrl: string
}

export interface Admitted {
  readonly caller: Caller | null
  readonly apiVersion: string | null
}

/** Who it is, how often they ask, what they may, and whether what the path names is there: in this order. */
export function admit(house: House, route: Route, knock: Knock): Result<Admitted, Answer> {
  let caller: Caller | null = null
  if (!isOpen(house, route)) {
    const identified = identify(house, knock)
    if (!identified.ok) return identified
    caller = identified.value
    const seconds = house.requests.take(caller.id)
    if (seconds > 0) return err(tryLater(429, seconds, `Too many requests. Try again in ${seconds} s.`))
  }
  const apiVersion =
    route.apiVersion === 'none' ? ok(null) : readApiVersion(knock.query, route.apiVersion === 'required')
  if (!apiVersion.ok) return apiVersion
  if (caller !== null && typeof route.access === 'object') {
    const denied = authorizeAction(house, caller, route.access, knock)
    if (denied !== null) return err(denied)
  }
  const missing = missingScope(house, route, knock)
  return missing === null ? ok({ caller, apiVersion: apiVersion.value }) : err(missing)
}

function isOpen({ parts }: House, { access }: Route): boolean {
  if (typeof access === 'string') return access === 'open'
  return access.unless !== undefined && parts.settings[access.unless]
}

/** A token that is valid is never refused for what others of the same address tried: 256 bits are not guessed. */
export function identify(house: House, knock: Knock): Result<Caller, Answer> {
  const { authorization, baseUrl, remoteAddress } = knock
  const challenge = (error: string, description: string) => ({
    'www-authenticate': `Bearer authorization_uri="${baseUrl}/adfs/oauth2/authorize", error="${error}", error_description="${description}"`,
  })
  if (authorization === undefined || authorization === '') {
    const message = 'Authentication failed. The Authorization header is missing. Send "Authorization: Bearer <token>".'
    return err(armError(401, 'AuthenticationFailed', message, { headers: challenge('invalid_request', 'no token') }))
  }
  const token = /^Bearer +([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(authorization)?.[1]
  const identified = token === undefined ? err('invalid' as const) : house.tokens.identify(token)
  if (identified.ok) return identified
  const seconds = house.failures.take(sourceOf(remoteAddress))
  if (seconds > 0) return err(tryLater(429, seconds, `Too many failed attempts. Try again in ${seconds} s.`))
  house.parts.log.write('warn', 'apiAuthenticationFailed', { reason: identified.error, remoteAddress })
  return identified.error === 'expired'
    ? err(
        armError(401, 'ExpiredAuthenticationToken', 'The access token is expired. Get a new one.', {
          headers: challenge('invalid_token', 'the token is expired'),
        }),
      )
    : err(
        armError(
          401,
          'InvalidAuthenticationToken',
          'The access token is not valid here: unknown, revoked or misspelt.',
          {
            headers: challenge('invalid_token', 'the token is not valid'),
          },
        ),
      )
}

/** The scope that a path names. */
function scopeOf(house: House, params: Knock['params']): string {
  const { subscriptionId } = house.parts.settings
  return formatScope(
    params['subscriptionId'] ?? subscriptionId,
    params['resourceGroupName'] ?? null,
    params['namespaceName'] ?? null,
  )
}

/** Told to the caller and to the audit log: who tries what they may not is worth knowing. */
export function denied(
  call: Pick<Call, 'house' | 'requestId' | 'remoteAddress'> & { readonly caller: Caller },
  action: string,
  scope: string,
): Answer {
  const { caller } = call
  audit(call, { action, resource: scope, outcome: 'denied' })
  const message = `The client '${caller.name}' with role '${caller.grant.role}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid.`
  return armError(403, 'AuthorizationFailed', message)
}

function authorizeAction(
  house: House,
  caller: Caller,
  access: { readonly action: string; readonly filtered?: true },
  { params, requestId, remoteAddress }: Knock,
): Answer | null {
  const scope = scopeOf(house, params)
  if (may(caller, access.action, scope)) return null
  if (access.filtered === true && mayInPart(caller, access.action, scope)) return null
  return denied({ house, caller, requestId, remoteAddress }, access.action, scope)
}

function missingScope(house: House, route: Route, { params }: Knock): Answer | null {
  const { subscriptionId, resourceGroupName } = params
  const known = house.parts.settings.subscriptionId
  if (subscriptionId !== undefined && subscriptionId.toLowerCase() !== known.toLowerCase()) {
    return armError(404, 'SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`)
  }
  if (resourceGroupName === undefined || route.anyGroup === true) return null
  if (house.groups.has(resourceGroupName)) return null
  return groupNotFound(resourceGroupName)
}

export function groupNotFound(name: string): Answer {
  return armError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`)
}
