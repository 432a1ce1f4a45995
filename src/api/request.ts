import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { normalizeServerName } from '../base/server-name.ts'
import type { House } from './house.ts'

/** `https://host:port`, as the settings say or else as the request names us; nothing else of the header is believed. */
export function baseUrlOf(house: House, request: FastifyRequest): string {
  const { publicUrl } = house.parts.settings
  if (publicUrl !== null) return publicUrl.replace(/\/+$/, '')
  const { host = '' } = request.headers
  return `https://${/^[A-Za-z0-9.:[\]-]{1,255}$/.test(host) ? host : 'localhost'}`
}

/**
 * A connection that was opened for one namespace's host is not used for another's (S49: kept-alive and coalesced
 * connections would carry a judgement from one into the other).
 */
/** @param host of the Host header; null: an address */
export function isMisdirected(house: House, request: FastifyRequest, host: string | null): boolean {
  const { servername } = request.raw.socket as TLSSocket
  if (typeof servername !== 'string' || servername === '') return false
  return namespaceOfHost(house, normalizeServerName(servername)) !== namespaceOfHost(house, host)
}

function namespaceOfHost(house: House, host: string | null): string | null {
  const { domain } = house.parts.settings
  if (domain === null || host === null || !host.endsWith(`.${domain.toLowerCase()}`)) return null
  const label = host.slice(0, -domain.length - 1)
  return house.parts.registry.view.namespaceByName(label)?.id ?? null
}

const headerText = /^[\x21-\x7e]{1,128}$/

/** Ids that support staff look for; what a client sent is given back only when it is harmless in a header. */
export function correlationHeaders(request: FastifyRequest): Record<string, string> {
  const given = (name: string): string | null => {
    const value = request.headers[name]
    return typeof value === 'string' && headerText.test(value) ? value : null
  }
  const client = given('x-ms-client-request-id')
  return {
    'x-ms-request-id': request.id,
    'x-ms-correlation-request-id': given('x-ms-correlation-request-id') ?? request.id,
    ...(client === null ? {} : { 'x-ms-client-request-id': client }),
  }
}
