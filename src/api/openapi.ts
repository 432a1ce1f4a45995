import { schemas } from './openapi-schemas.ts'
import { json, type Route } from './route.ts'

/** The OpenAPI 3.1 document, made from the table that the router is made from. */
export function openApiDocument(routes: readonly Route[], version: string): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sealgate management API',
      version,
      description:
        'Wire-compatible with Azure Resource Manager for Microsoft.EventGrid/namespaces. Every GET also answers HEAD: 204 or the status of the refusal.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ bearer: [] }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas,
    },
  }
}

const mediaTypes = {
  json: 'application/json',
  text: 'application/x-www-form-urlencoded',
  octets: 'application/octet-stream',
} as const

function operationOf(route: Route): Readonly<Record<string, unknown>> {
  const { id, summary, tag, access, body, query = [], apiVersion, answers } = route
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter(String(name), 'path', true)),
    ...(apiVersion === 'none'
      ? []
      : [
          parameter(
            'api-version',
            'query',
            apiVersion === 'required',
            'A date, such as 2025-02-15 or 2025-07-15-preview.',
          ),
        ]),
    ...query.map(({ name, description }) => parameter(name, 'query', false, description)),
  ]
  return {
    operationId: id,
    summary,
    tags: [tag],
    ...(access === 'open' ? { security: [] } : {}),
    ...(typeof access === 'object' ? { 'x-sealgate-action': access.action } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.required,
            content: {
              [mediaTypes[body.form ?? 'json']]: {
                schema: { $ref: `#/components/schemas/${body.schema}` },
              },
            },
          },
        }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, schema]) => [status, responseOf(schema)])),
      default: { description: 'Refused.', content: contentOf('Error') },
    },
  }
}

function parameter(name: string, place: 'path' | 'query', required: boolean, description?: string) {
  return {
    name,
    in: place,
    required,
    schema: { type: 'string' },
    ...(description === undefined ? {} : { description }),
  }
}

function responseOf(schema: string | null) {
  return { description: 'Done.', ...(schema === null ? {} : { content: contentOf(schema) }) }
}

function contentOf(schema: string) {
  const type = schema === 'File' ? 'application/octet-stream' : 'application/json'
  return { [type]: { schema: { $ref: `#/components/schemas/${schema}` } } }
}

/** @param all the whole table, this row included */
export function openApiRoute(all: () => readonly Route[]): Route {
  return {
    id: 'OpenApi_Get',
    method: 'GET',
    path: '/openapi.json',
    tag: 'Health',
    summary: 'This document.',
    access: 'open',
    apiVersion: 'none',
    answers: { 200: 'Generic' },
    handle: ({ house }) => json(200, openApiDocument(all(), house.parts.settings.version)),
  }
}
