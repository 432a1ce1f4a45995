import type { Result } from '../../base/result.ts'
import { err, ok } from '../../base/result.ts'
import { invalid, type Problem } from '../../registry/failure.ts'
import { Fields } from '../../registry/fields.ts'
import { armError, failed } from '../arm/error.ts'
import { audit } from '../audit.ts'
import { type Answer, type Call, callerOf, empty, json, type Route } from '../route.ts'
import { type Caller, may } from './caller.ts'
import { denied } from './gate.ts'
import { formatScope, parseScope, roles } from './role.ts'
import type { TokenRecord } from './tokens.ts'

/** Tokens for people and programs. Making and revoking them is an action of its own, which only owners have (S69). */

const common = { tag: 'Access', apiVersion: 'optional' } as const
const writeAction = 'Sealgate/tokens/write'
const readAction = 'Sealgate/tokens/read'
const deleteAction = 'Sealgate/tokens/delete'

const defaultDays = 90
const maximumDays = 3_650
const day = 86_400_000

export const tokenRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Tokens_List',
    method: 'GET',
    path: '/sealgate/tokens',
    summary: 'Tokens and service principals within the scope of the caller. Secrets are never shown again.',
    access: 'authenticated',
    answers: { 200: 'TokenList' },
    handle: listTokens,
  },
  {
    ...common,
    id: 'Tokens_Create',
    method: 'POST',
    path: '/sealgate/tokens',
    summary:
      'Makes a token, or a service principal for the token endpoint. The answer is the only place where its secret ever stands.',
    access: 'authenticated',
    body: { schema: 'NewToken', required: true },
    answers: { 201: 'CreatedToken' },
    handle: createToken,
  },
  {
    ...common,
    id: 'Tokens_Get',
    method: 'GET',
    path: '/sealgate/tokens/{tokenId}',
    summary: 'One token, by its id.',
    access: 'authenticated',
    answers: { 200: 'Token' },
    handle(call) {
      const record = visible(call, readAction)
      return record === null ? unknownToken(call) : json(200, documentOf(record))
    },
  },
  {
    ...common,
    id: 'Tokens_Revoke',
    method: 'DELETE',
    path: '/sealgate/tokens/{tokenId}',
    summary: 'Revokes a token, or a service principal with everything that was given out for it. At once.',
    access: 'authenticated',
    answers: { 200: null, 204: null },
    handle: revokeToken,
  },
]

function listTokens(call: Call): Answer {
  const caller = callerOf(call)
  const seen = call.house.tokens.list().filter(({ scope }) => may(caller, readAction, scope))
  const scope = caller.grant.scope === '' ? formatScope(subscriptionOf(call), null, null) : caller.grant.scope
  if (!may(caller, readAction, scope)) return denied({ ...call, caller }, readAction, scope)
  return json(200, { value: seen.map(documentOf) })
}

async function createToken(call: Call): Promise<Answer> {
  const read = readNewToken(call)
  if (!read.ok) return read.error
  const given = read.value
  const caller = callerOf(call)
  if (!may(caller, writeAction, given.scope)) return denied({ ...call, caller }, writeAction, given.scope)
  const made = await call.house.tokens.create({ ...given, createdBy: caller.name })
  if (!made.ok) {
    return made.error === 'nameTaken'
      ? armError(409, 'Conflict', `There is a token named "${given.name}". Revoke it, or choose another name.`, {
          target: 'name',
        })
      : armError(403, 'QuotaExceeded', 'There are too many tokens. Revoke those that nobody uses.')
  }
  const { record, secret } = made.value
  audit(call, { action: writeAction, resource: `/sealgate/tokens/${record.id}`, outcome: 'created' })
  const shown =
    record.kind === 'token'
      ? { token: secret }
      : { clientId: record.id, clientSecret: secret, tenantId: subscriptionOf(call) }
  return json(201, { ...documentOf(record), ...shown }, { 'cache-control': 'no-store' })
}

async function revokeToken(call: Call): Promise<Answer> {
  const record = visible(call, deleteAction)
  if (record === null) return empty(204)
  await call.house.tokens.revoke(record.id)
  audit(call, { action: deleteAction, resource: `/sealgate/tokens/${record.id}`, outcome: 'deleted' })
  return empty(200)
}

type NewToken = Pick<TokenRecord, 'kind' | 'name' | 'role' | 'scope' | 'notActions' | 'expiresAt'>

/** Nobody hands on more than they have: neither scope nor time nor an action that was taken from them. */
function readNewToken(call: Call): Result<NewToken, Answer> {
  const caller = callerOf(call)
  const problems: Problem[] = []
  const body = new Fields(call.body, '', problems)
  body.refuseOthers(['kind', 'name', 'role', 'scope', 'notActions', 'expiresInDays'])
  const name = body.text('name', 64)
  if (name === undefined || !/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name)) {
    body.fail('name', 'InvalidName', 'A name has 1 to 64 characters: letters, digits, and . _ @ -')
  }
  if (name?.toLowerCase() === 'administrator') body.fail('name', 'InvalidName', 'This is the built-in administrator.')
  const role = body.choice('role', roles)
  if (role === undefined && !body.has('role')) body.fail('role', 'Required', `Write one of ${roles.join(', ')}.`)
  const scope = readScope(body, caller, subscriptionOf(call))
  const notActions = body.texts('notActions', 50) ?? []
  for (const [index, action] of notActions.entries()) {
    if (/^[A-Za-z*][A-Za-z0-9./*]{0,255}$/.test(action)) continue
    body.fail(
      `notActions[${index}]`,
      'InvalidValue',
      'Write an action, such as Microsoft.EventGrid/namespaces/*/write.',
    )
  }
  const expiresAt = readExpiry(body, caller, call.house.parts.clock.now())
  if (problems.length > 0) return err(failed(invalid(problems)))
  return ok({
    kind: body.choice('kind', ['token', 'servicePrincipal']) ?? 'token',
    name: name as string,
    role: role as NewToken['role'],
    scope,
    notActions: [...new Set([...caller.grant.notActions, ...notActions])],
    expiresAt,
  })
}

function readScope(body: Fields, caller: Caller, subscriptionId: string): string {
  const text = body.text('scope', 1024)
  const own = caller.grant.scope === '' ? formatScope(subscriptionId, null, null) : caller.grant.scope
  if (text === undefined) return own
  const scope = parseScope(text)
  if (scope === null) {
    body.fail('scope', 'InvalidValue', 'Write the id of a subscription, a resource group or a namespace.')
  }
  return scope ?? own
}

function readExpiry(body: Fields, caller: Caller, now: number): number | null {
  const never = body.keys().includes('expiresInDays') && !body.has('expiresInDays')
  const days = body.integer('expiresInDays', 1, maximumDays) ?? defaultDays
  const wanted = never ? null : now + days * day
  if (caller.expiresAt === null) return wanted
  return wanted === null ? caller.expiresAt : Math.min(wanted, caller.expiresAt)
}

/** Null: there is none, or none that the caller may know of. */
function visible(call: Call, action: string): TokenRecord | null {
  const { tokenId = '' } = call.params
  const record = /^[0-9a-f]{32}$/.test(tokenId) ? call.house.tokens.find(tokenId) : undefined
  return record !== undefined && may(callerOf(call), action, record.scope) ? record : null
}

function unknownToken(call: Call): Answer {
  return armError(404, 'ResourceNotFound', `There is no token with the id "${call.params['tokenId']}" in your scope.`)
}

function documentOf({ id, name, kind, role, scope, notActions, createdAt, createdBy, expiresAt }: TokenRecord) {
  return {
    id,
    name,
    kind,
    role,
    scope,
    notActions,
    createdAt: new Date(createdAt).toISOString(),
    createdBy,
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  }
}

function subscriptionOf({ house }: Call): string {
  return house.parts.settings.subscriptionId
}
