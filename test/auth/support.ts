import assert from 'node:assert/strict'
import type { Authentication } from '../../src/auth/decision.ts'
import type { ConnectEvidence } from '../../src/auth/evidence.ts'
import { fold } from '../../src/base/fold.ts'
import type { DecisionStep } from '../../src/ports/events.ts'
import type { NamespaceId } from '../../src/ports/identity.ts'
import { type AttributeQuery, parseAttributeQuery } from '../../src/registry/attribute-query.ts'
import { limitsOf } from '../../src/registry/profile.ts'
import { parseTopicTemplate, type TopicTemplate } from '../../src/registry/topic-template.ts'
import type {
  AuthenticationNameSource,
  NamespaceView,
  PermissionBinding,
  RegisteredCaCertificate,
  RegisteredClient,
} from '../../src/registry/view.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { DenyList } from '../../src/x509/deny-list.ts'
import { canonicalKeyOfText } from '../../src/x509/distinguished-name.ts'
import { parseIpAddress } from '../../src/x509/ip-address.ts'
import { type RegisteredRevocationList, Revocation } from '../../src/x509/revocation.ts'

type ClientFacts = Partial<Omit<RegisteredClient, 'foldedName' | 'revision'>> & { readonly name: string }

let namespaces = 0

/**
 * A namespace that tests change at will; every change moves the revision that a registry would move. Look-ups are
 * counted, and indexes are the plain rules: folded name, canonical DN, address octets.
 */
export class TestNamespace implements NamespaceView {
  readonly id = `namespace-${++namespaces}` as NamespaceId
  readonly name: string = 'plant7'
  readonly resourceId = '/test/plant7'
  readonly maximumSessionExpirySeconds: number = 3600
  readonly maximumClientSessionsPerAuthenticationName: number = 1
  mqttEnabled = true
  limits = limitsOf('full')
  alternativeAuthenticationNameSources: readonly AuthenticationNameSource[] = []
  hasCustomJwtAuthentication = false
  hasWebhookAuthentication = false
  allowedOrigins: readonly string[] = []
  trustRevision = 1n
  rightsRevision = 1n
  lookups = 0

  #revision = 1n
  readonly #clients = new Map<string, RegisteredClient>()
  readonly #cas = new Map<string, RegisteredCaCertificate>()
  readonly #denyList = new DenyList()
  readonly #lists = new Map<string, RegisteredRevocationList>()
  readonly #groups = new Map<string, AttributeQuery>()
  readonly #spaces = new Map<string, readonly TopicTemplate[]>()
  readonly #bindings = new Map<string, PermissionBinding>()

  // --------------------------------------------------------------------------------------------- written

  client(facts: ClientFacts): RegisteredClient {
    const authenticationName = facts.authenticationName ?? facts.name
    const client: RegisteredClient = {
      uid: `uid-${facts.name}`,
      authenticationName,
      enabled: true,
      validationScheme: 'SubjectMatchesAuthenticationName',
      allowedThumbprints: [],
      attributes: {},
      issuers: null,
      ...facts,
      foldedName: fold(authenticationName),
      revision: ++this.#revision,
    }
    this.#clients.set(client.uid, client)
    return client
  }

  change(name: string, facts: Partial<RegisteredClient>): RegisteredClient {
    const client = this.clientByResourceName(name)
    assert.ok(client !== undefined)
    return this.client({ ...client, ...facts })
  }

  removeClient(name: string): void {
    this.#clients.delete(`uid-${name}`)
  }

  ca(name: string, der: Uint8Array): void {
    const parsed = parseCertificate(der)
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.reason)
    this.#cas.set(name, { uid: `uid-${name}`, name, certificate: parsed.value })
    this.trustRevision++
  }

  removeCa(name: string): void {
    this.#cas.delete(name)
    this.trustRevision++
  }

  group(name: string, query: string): void {
    const parsed = parseAttributeQuery(query)
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
    this.#groups.set(name, parsed.value)
    this.rightsRevision++
  }

  space(name: string, ...templates: string[]): void {
    this.#spaces.set(
      name,
      templates.map((text) => {
        const parsed = parseTopicTemplate(text)
        assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
        return parsed.value
      }),
    )
    this.rightsRevision++
  }

  bind(clientGroupName: string, permission: PermissionBinding['permission'], topicSpaceName: string): string {
    const name = `${clientGroupName}-${permission}-${topicSpaceName}`
    this.#bindings.set(name, { name, clientGroupName, permission, topicSpaceName })
    this.rightsRevision++
    return name
  }

  unbind(name: string): void {
    this.#bindings.delete(name)
    this.rightsRevision++
  }

  // ------------------------------------------------------------------------------------------------ read

  clientByAuthenticationName(name: string): RegisteredClient | undefined {
    this.lookups++
    const folded = fold(name)
    return this.#find((client) => client.foldedName === folded) ?? this.#byCanonicalForm(name)
  }

  #byCanonicalForm(name: string): RegisteredClient | undefined {
    const key = canonicalKeyOfText(name)
    const octets = parseIpAddress(name)
    return key !== null ? this.#bySubject(key) : octets !== null ? this.#byAddress(octets) : undefined
  }

  clientBySubjectKey(key: string): RegisteredClient | undefined {
    this.lookups++
    return this.#bySubject(key)
  }

  #bySubject(key: string): RegisteredClient | undefined {
    return this.#find(
      ({ validationScheme, authenticationName }) =>
        validationScheme === 'SubjectMatchesAuthenticationName' && canonicalKeyOfText(authenticationName) === key,
    )
  }

  clientByIpAddress(octets: Uint8Array): RegisteredClient | undefined {
    this.lookups++
    return this.#byAddress(octets)
  }

  #byAddress(octets: Uint8Array): RegisteredClient | undefined {
    return this.#find(({ validationScheme, authenticationName }) => {
      const own = validationScheme === 'IpMatchesAuthenticationName' ? parseIpAddress(authenticationName) : null
      return own !== null && Buffer.compare(own, octets) === 0
    })
  }

  clientByUid(uid: string): RegisteredClient | undefined {
    return this.#clients.get(uid)
  }

  clientByResourceName(name: string): RegisteredClient | undefined {
    return this.#find((client) => client.name === name)
  }

  #find(isIt: (client: RegisteredClient) => boolean): RegisteredClient | undefined {
    for (const client of this.#clients.values()) if (isIt(client)) return client
    return undefined
  }

  caCertificates(): readonly RegisteredCaCertificate[] {
    return [...this.#cas.values()]
  }

  deny(name: string, keys: Parameters<DenyList['set']>[1]): void {
    this.#denyList.set(name, keys)
    this.trustRevision++
  }

  allow(name: string): void {
    this.#denyList.delete(name)
    this.trustRevision++
  }

  list(registered: RegisteredRevocationList): void {
    this.#lists.set(registered.name, registered)
    this.trustRevision++
  }

  get revocation(): Revocation {
    const refuseStale = this.limits.staleRevocationLists === 'refuse'
    return new Revocation({ denyList: this.#denyList, lists: [...this.#lists.values()], refuseStale })
  }

  clientGroups(): readonly { readonly name: string; readonly query: AttributeQuery }[] {
    return [...this.#groups].map(([name, query]) => ({ name, query }))
  }

  topicTemplates(topicSpaceName: string): readonly TopicTemplate[] {
    return this.#spaces.get(topicSpaceName) ?? []
  }

  permissionBindings(): readonly PermissionBinding[] {
    return [...this.#bindings.values()]
  }
}

/** A CONNECT of MQTT 5 over TLS without anything; the test adds what it is about. */
export function evidenceOf(facts: Partial<ConnectEvidence> = {}): ConnectEvidence {
  return {
    listener: 'mqtts',
    serverName: 'plant7.example',
    remoteAddress: '192.0.2.7',
    protocol: 'MQTT5',
    peerChain: [],
    username: null,
    clientId: 'c1',
    authenticationMethod: null,
    hasPassword: false,
    plainIdentity: null,
    token: null,
    webhook: null,
    ...facts,
  }
}

/** The client that a decision accepts, or the code of its refusal. */
export function verdictOf(result: Authentication): string {
  return result.outcome === 'accepted' ? `accepted ${result.principal.authenticationName}` : result.code
}

/** The step of that name; a test that asks for a missing one fails. */
export function stepOf(result: Authentication, name: string): DecisionStep {
  const found = result.explanation.steps.find(({ step }) => step === name)
  assert.ok(found !== undefined, `no step ${name}: ${JSON.stringify(result.explanation.steps)}`)
  return found
}
