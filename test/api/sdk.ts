import { EventGridManagementClient } from '@azure/arm-eventgrid'
import { createSerializer } from '@azure/core-client'
import { ResourceManagementClient as Client7 } from 'arm-resources-7'
import { ResourceManagementClient as Client8 } from 'arm-resources-8'
import { administratorToken, serverCa, subscriptionId } from './support.ts'

/** The three generations of Azure's JavaScript runtime behind one face, so that one matrix runs on all of them. */
export interface Sdk {
  readonly name: string
  put(id: string, body: object): Promise<Seen>
  get(id: string): Promise<Seen>
  patch(id: string, body: object): Promise<Seen>
  delete(id: string): Promise<void>
  exists(id: string): Promise<boolean>
  /** Names of the namespaces of a resource group, page by page. */
  pages(resourceGroup: string, filter: string | null, top: number): Promise<string[][]>
}

export interface Seen {
  readonly id?: string
  readonly name?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly properties?: Readonly<Record<string, unknown>>
}

export interface SdkOptions {
  readonly endpoint: string
  readonly token?: string
  readonly apiVersion: string
}

export const sdks: readonly ((options: SdkOptions) => Sdk)[] = [generationA, generationB, generationC]

function common({ token = administratorToken }: SdkOptions) {
  return {
    credential: { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    options: {
      tlsOptions: { ca: serverCa },
      // What the default does in seconds; Retry-After still counts in whole ones.
      retryOptions: { retryDelayInMs: 1, maxRetryDelayInMs: 5 },
    },
  }
}

/** `@azure/arm-eventgrid` 14 has no namespaces; its own pipeline carries the requests. */
function generationA(options: SdkOptions): Sdk {
  const { credential, options: shared } = common(options)
  const { endpoint, apiVersion } = options
  const client = new EventGridManagementClient(credential, subscriptionId, { ...shared, endpoint, apiVersion })
  const serializer = createSerializer()
  const errors = {
    default: {
      bodyMapper: {
        type: {
          name: 'Composite',
          className: 'ErrorResponse',
          modelProperties: { error: { serializedName: 'error', type: { name: 'any' } } },
        },
      },
    },
  }
  const anything = { serializedName: 'body', type: { name: 'any' } }
  const send = async (
    httpMethod: string,
    path: string,
    accepted: readonly number[],
    body?: object,
  ): Promise<unknown> => {
    const responses: Record<string, unknown> = { ...errors }
    for (const status of accepted)
      responses[status] = status === 204 || httpMethod === 'DELETE' ? {} : { bodyMapper: anything }
    const answer = await client.sendOperationRequest(
      { body } as never,
      {
        httpMethod,
        baseUrl: endpoint,
        path,
        responses,
        serializer,
        queryParameters: [
          {
            parameterPath: 'apiVersion',
            mapper: {
              defaultValue: apiVersion,
              isConstant: true,
              serializedName: 'api-version',
              type: { name: 'String' },
            },
          },
        ],
        ...(body === undefined
          ? {}
          : {
              requestBody: { parameterPath: 'body', mapper: { ...anything, required: true } },
              mediaType: 'json',
              contentType: 'application/json',
            }),
      } as never,
    )
    return answer
  }
  return {
    name: 'arm-eventgrid 14',
    put: async (id, body) => (await send('PUT', id, [200, 201, 202], body)) as Seen,
    get: async (id) => (await send('GET', id, [200])) as Seen,
    patch: async (id, body) => (await send('PATCH', id, [200, 201, 202], body)) as Seen,
    delete: async (id) => void (await send('DELETE', id, [200, 202, 204])),
    async exists(id) {
      try {
        await send('GET', id, [200])
        return true
      } catch (error) {
        if ((error as { statusCode?: number }).statusCode === 404) return false
        throw error
      }
    },
    async pages(resourceGroup, filter, top) {
      const found: string[][] = []
      const first = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.EventGrid/namespaces?$top=${top}${filter === null ? '' : `&$filter=${encodeURIComponent(filter)}`}`
      for (let path: string | null = first; path !== null; ) {
        const page = (await send('GET', path, [200])) as { value: { name: string }[]; nextLink?: string }
        found.push(page.value.map(({ name }) => name))
        path = page.nextLink === undefined ? null : page.nextLink.slice(endpoint.length)
      }
      return found
    },
  }
}

function generationB(options: SdkOptions): Sdk {
  const { credential, options: shared } = common(options)
  const { endpoint, apiVersion } = options
  const client = new Client7(credential, subscriptionId, { ...shared, endpoint })
  return {
    name: 'arm-resources 7',
    put: (id, body) => client.resources.beginCreateOrUpdateByIdAndWait(id, apiVersion, body) as Promise<Seen>,
    get: (id) => client.resources.getById(id, apiVersion) as Promise<Seen>,
    patch: (id, body) => client.resources.beginUpdateByIdAndWait(id, apiVersion, body) as Promise<Seen>,
    delete: (id) => client.resources.beginDeleteByIdAndWait(id, apiVersion),
    exists: async (id) => (await client.resources.checkExistenceById(id, apiVersion)).body,
    pages: (group, filter, top) =>
      gather(client.resources.listByResourceGroup(group, { top, ...(filter === null ? {} : { filter }) }).byPage()),
  }
}

function generationC(options: SdkOptions): Sdk {
  const { credential, options: shared } = common(options)
  const { endpoint, apiVersion } = options
  const client = new Client8(credential, subscriptionId, { ...shared, endpoint })
  return {
    name: 'arm-resources 8',
    put: (id, body) => client.resources.beginCreateOrUpdateByIdAndWait(id, apiVersion, body) as Promise<Seen>,
    get: (id) => client.resources.getById(id, apiVersion) as Promise<Seen>,
    patch: (id, body) => client.resources.beginUpdateByIdAndWait(id, apiVersion, body) as Promise<Seen>,
    delete: async (id) => void (await client.resources.beginDeleteByIdAndWait(id, apiVersion)),
    exists: async (id) => (await client.resources.checkExistenceById(id, apiVersion)).body,
    pages: (group, filter, top) =>
      gather(client.resources.listByResourceGroup(group, { top, ...(filter === null ? {} : { filter }) }).byPage()),
  }
}

async function gather(pages: AsyncIterable<readonly { readonly name?: string | undefined }[]>): Promise<string[][]> {
  const found: string[][] = []
  for await (const page of pages) found.push(page.map(({ name }) => name ?? ''))
  return found
}
