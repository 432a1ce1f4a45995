import { childTypes } from '../../registry/resource-id.ts'
import { type Answer, type Call, json, type Route } from '../route.ts'
import { offeredVersions } from './api-version.ts'
import { armError } from './error.ts'
import { seesGroup, seesNamespace } from './namespace-list.ts'

/** Tenant, subscription, places and providers: one of each, as the tools of Azure expect them to exist. */

const common = { method: 'GET', tag: 'Azure Resource Manager', apiVersion: 'required' } as const
const subscription = '/subscriptions/{subscriptionId}'

const resourcesVersions = ['2024-03-01', '2022-09-01', '2021-04-01', '2020-10-01', '2019-10-01'] as const

export const subscriptionRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Tenants_List',
    path: '/tenants',
    summary: 'The one tenant.',
    access: 'authenticated',
    answers: { 200: 'GenericList' },
    handle: ({ house }) => {
      const { subscriptionId } = house.parts.settings
      return json(200, {
        value: [{ id: `/tenants/${subscriptionId}`, tenantId: subscriptionId, displayName: 'Sealgate' }],
      })
    },
  },
  {
    ...common,
    id: 'Subscriptions_List',
    path: '/subscriptions',
    summary: 'The one subscription.',
    access: 'authenticated',
    answers: { 200: 'GenericList' },
    handle: (call) => json(200, { value: [subscriptionOf(call)] }),
  },
  {
    ...common,
    id: 'Subscriptions_Get',
    path: subscription,
    summary: 'The one subscription.',
    access: 'authenticated',
    answers: { 200: 'Generic' },
    handle: (call) => json(200, subscriptionOf(call)),
  },
  {
    ...common,
    id: 'Subscriptions_ListLocations',
    path: `${subscription}/locations`,
    summary: 'Names of places that namespaces and resource groups here have.',
    access: 'authenticated',
    answers: { 200: 'GenericList' },
    handle: (call) => {
      const { subscriptionId } = call.house.parts.settings
      const value = locationsOf(call).map((name) => ({
        id: `/subscriptions/${subscriptionId}/locations/${name}`,
        name,
        displayName: name,
        regionalDisplayName: name,
        metadata: { regionType: 'Physical', regionCategory: 'Other' },
      }))
      return json(200, { value })
    },
  },
  {
    ...common,
    id: 'Providers_List',
    path: `${subscription}/providers`,
    summary: 'Resource providers, their types and versions.',
    access: 'authenticated',
    answers: { 200: 'GenericList' },
    handle: (call) => json(200, { value: providerNames.map((name) => providerOf(call, name)) }),
  },
  {
    ...common,
    id: 'Providers_Get',
    path: `${subscription}/providers/{providerNamespace}`,
    summary: 'One resource provider.',
    access: 'authenticated',
    answers: { 200: 'Generic' },
    handle: answerProvider,
  },
  {
    ...common,
    method: 'POST',
    id: 'Providers_Register',
    path: `${subscription}/providers/{providerNamespace}/register`,
    summary: 'Nothing to do: every provider is registered.',
    access: 'authenticated',
    answers: { 200: 'Generic' },
    handle: answerProvider,
  },
  {
    ...common,
    id: 'Operations_List',
    path: '/providers/Microsoft.EventGrid/operations',
    summary: 'Names of actions that a role can hold.',
    access: 'authenticated',
    answers: { 200: 'GenericList' },
    handle: () =>
      json(200, { value: actionNames().map((name) => ({ name, isDataAction: false, display: { operation: name } })) }),
  },
]

function subscriptionOf({ house }: Call) {
  const { subscriptionId } = house.parts.settings
  return {
    id: `/subscriptions/${subscriptionId}`,
    subscriptionId,
    tenantId: subscriptionId,
    displayName: 'Sealgate',
    state: 'Enabled',
    authorizationSource: 'RoleBased',
    subscriptionPolicies: { locationPlacementId: 'local', quotaId: 'local', spendingLimit: 'Off' },
  }
}

/** Of what the caller may see; names of places elsewhere are none of their business. */
function locationsOf(call: Call): readonly string[] {
  const { groups: all } = call.house
  const namespaces = all
    .namespaces(null)
    .filter((namespace) => seesNamespace(call, namespace))
    .map(({ document }) => document.location ?? 'local')
  const groups = all
    .list()
    .filter(({ name }) => seesGroup(call, name))
    .map(({ location }) => location)
  return [...new Set(['local', ...groups, ...namespaces].map((name) => name.replaceAll(' ', '').toLowerCase()))].sort()
}

const providerNames = ['Microsoft.EventGrid', 'Microsoft.Resources'] as const

function answerProvider(call: Call): Answer {
  const wanted = call.params['providerNamespace'] ?? ''
  const name = providerNames.find((known) => known.toLowerCase() === wanted.toLowerCase())
  if (name !== undefined) return json(200, providerOf(call, name))
  const message = `The resource namespace '${wanted.slice(0, 80)}' is invalid. There are ${providerNames.join(' and ')}.`
  return armError(404, 'InvalidResourceNamespace', message)
}

function providerOf(call: Call, namespace: (typeof providerNames)[number]) {
  const locations = locationsOf(call)
  const ofType = (resourceType: string, apiVersions: readonly string[]) => ({
    resourceType,
    locations,
    apiVersions,
    capabilities: 'SupportsTags, SupportsLocation',
  })
  const resourceTypes =
    namespace === 'Microsoft.EventGrid'
      ? ['namespaces', ...childTypes.map((type) => `namespaces/${type}`)].map((type) => ofType(type, offeredVersions))
      : ['subscriptions', 'resourceGroups', 'deployments', 'tenants', 'resources'].map((type) =>
          ofType(type, resourcesVersions),
        )
  return {
    id: `/subscriptions/${call.house.parts.settings.subscriptionId}/providers/${namespace}`,
    namespace,
    registrationState: 'Registered',
    registrationPolicy: 'RegistrationFree',
    resourceTypes,
  }
}

function actionNames(): readonly string[] {
  const types = ['namespaces', ...childTypes.map((type) => `namespaces/${type}`)]
  const verbs = [
    'listKeys/action',
    'regenerateKey/action',
    'explain/action',
    'export/action',
    'decisions/read',
    'sessions/read',
    'sessions/close/action',
    'clientAuthentication/write',
    'clients/certificates/read',
    'caCertificates/use/read',
  ]
  return [
    ...types.flatMap((type) => ['read', 'write', 'delete'].map((verb) => `Microsoft.EventGrid/${type}/${verb}`)),
    ...verbs.map((verb) => `Microsoft.EventGrid/namespaces/${verb}`),
  ]
}
