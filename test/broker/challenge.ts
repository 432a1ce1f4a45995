import { createHash } from 'node:crypto'
import { unixSeconds } from '../../src/base/time.ts'
import { ReasonCode } from '../../src/mqtt/reason-code.ts'
import type {
  AuthenticationMethod,
  AuthenticationMethods,
  AuthenticationStep,
} from '../../src/ports/authentication-method.ts'
import { noon } from '../auth/certificates.ts'
import { type ClientOptions, type House, type HouseOptions, house, type TestClient } from './support.ts'

/** The name that a namespace of these tests is configured for; how it talks is the registry's matter. */
export const method = 'CUSTOM-JWT'

const secret = 'open sesame'
const digest = (...parts: readonly string[]): Buffer => createHash('sha256').update(parts.join('\n')).digest()

/**
 * A challenge for tests only: the client names itself, gets a nonce, proves that it knows the secret, and the server's
 * last word proves the same of it.
 */
export function challenge(): AuthenticationMethod {
  let challenges = 0
  return {
    async begin(_namespace, data): Promise<AuthenticationStep> {
      const name = Buffer.from(data ?? []).toString()
      const nonce = `nonce ${++challenges}`
      return {
        kind: 'continue',
        data: Buffer.from(nonce),
        next: async (proof) => {
          if (proof === null || !digest(name, nonce, secret).equals(proof)) {
            return { kind: 'failed', failure: { kind: 'tokenInvalid', detail: 'the proof is wrong' } }
          }
          const expiresAt = unixSeconds(noon + 60 * challenges)
          return {
            kind: 'done',
            identity: { authority: 'token', subject: name, attributes: {}, roles: [], expiresAt },
            data: digest(nonce, secret),
          }
        },
      }
    },
  }
}

/** The server's last word for a challenge. */
export function lastWord(nonce: Uint8Array): Buffer {
  return digest(Buffer.from(nonce).toString(), secret)
}

export function proofOf(name: string, nonce: Uint8Array | undefined): Buffer {
  return digest(name, Buffer.from(nonce ?? []).toString(), secret)
}

export function methods(entry: AuthenticationMethod = challenge()): AuthenticationMethods {
  return new Map([[method, entry]])
}

export function configure(home: House): House {
  home.namespace.hasCustomJwtAuthentication = true
  return home
}

export function challengeHouse(options: HouseOptions = {}): House {
  return configure(house({ authenticationMethods: methods(), ...options }))
}

export function visitor(name = 'visitor', more: ClientOptions['properties'] = {}): ClientOptions {
  return {
    name: 'ignored',
    clientId: `c-${name}`,
    peerChain: [],
    properties: { authenticationMethod: method, authenticationData: Buffer.from(name), ...more },
  }
}

/** AUTH of the client: 0x18 unless told otherwise. */
export function auth(
  client: TestClient,
  data: Uint8Array | null,
  more: { reasonCode?: 0x18 | 0x19; method?: string } = {},
) {
  client.send({
    type: 'AUTH',
    reasonCode: more.reasonCode ?? ReasonCode.ContinueAuthentication,
    properties: {
      authenticationMethod: more.method ?? method,
      ...(data === null ? {} : { authenticationData: data }),
    },
  })
}

/** CONNECT, and the nonce that comes back. */
export async function asked(home: House, client: TestClient): Promise<Uint8Array> {
  client.send(client.connectPacket())
  await home.settle()
  return client.take('AUTH').properties.authenticationData ?? new Uint8Array()
}

export async function connected(home: House, name = 'visitor'): Promise<TestClient> {
  const client = home.open(visitor(name))
  auth(client, proofOf(name, await asked(home, client)))
  await home.settle()
  client.take('CONNACK')
  return client
}
