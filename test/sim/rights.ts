import assert from 'node:assert/strict'
import type { NamespaceId } from '../../src/ports/identity.ts'
import { type LimitOverrides, limitsOf, type ProfileName } from '../../src/registry/profile.ts'
import { parseCertificate } from '../../src/x509/certificate.ts'
import { denyKeysOf } from '../../src/x509/deny.ts'
import { TestNamespace } from '../auth/support.ts'

/** Clients of each namespace; both namespaces have the same names, Client Identifiers, topics and CA certificate. */
export const deviceNames = ['d0', 'd1', 'd2', 'd3'] as const
export type DeviceName = (typeof deviceNames)[number]

export const topicNames = [
  'open/a',
  'open/b',
  'open/a/x',
  'open/b/x',
  'team/red',
  'team/blue',
  'own/d0/1',
  'own/d1/1',
] as const

export const topicFilters = [
  'open/a',
  'open/b',
  'open/+',
  'open/#',
  'open/+/x',
  'open/a/#',
  'team/red',
  'team/blue',
  'team/+',
  'own/d0/#',
  'own/d1/+',
  '#',
  '$share/g/open/#',
  '$share/g/open/+',
  '$share/h/team/red',
] as const

/** What an operator does while everybody is connected. */
export const registryChanges = [
  'disable',
  'enable',
  'toRed',
  'toBlue',
  'revokePublish',
  'grantPublish',
  'revokeSubscribe',
  'grantSubscribe',
  'deny',
  'allow',
  'denyAll',
  'allowAll',
] as const
export type RegistryChange = (typeof registryChanges)[number]

interface Grants {
  readonly enabled: readonly boolean[]
  readonly teams: readonly string[]
  readonly publishTeam: boolean
  readonly subscribeTeam: boolean
  /** Whose certificate stands in the deny list. */
  readonly denied: readonly boolean[]
  /** The certificate of the CA does. */
  readonly caDenied: boolean
}

/**
 * One namespace with its own plain idea of who may do what, written without the broker's code, and its history: what
 * crosses the network while rights change may meet either side of the change.
 */
export class SimNamespace extends TestNamespace {
  override readonly name: string
  override readonly maximumSessionExpirySeconds = 3_600
  override readonly maximumClientSessionsPerAuthenticationName = 10
  readonly #history: Grants[]
  readonly #certificateOf: (device: DeviceName | 'ca') => Uint8Array

  constructor(
    name: string,
    profile: ProfileName,
    overrides: LimitOverrides,
    certificateOf: (device: DeviceName | 'ca') => Uint8Array,
  ) {
    super()
    this.name = name
    this.#certificateOf = certificateOf
    this.limits = limitsOf(profile, overrides)
    this.ca('ca', certificateOf('ca'))
    this.group('red', 'attributes.team = "red"')
    this.group('blue', 'attributes.team = "blue"')
    this.space('open', 'open/#')
    this.space('redSpace', 'team/red')
    this.space('blueSpace', 'team/blue')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a topic template
    this.space('own', 'own/${client.authenticationName}/#')
    for (const space of ['open', 'own']) {
      this.bind('$all', 'Publisher', space)
      this.bind('$all', 'Subscriber', space)
    }
    this.#history = [
      {
        enabled: deviceNames.map(() => true),
        teams: ['red', 'red', 'blue', 'blue'],
        publishTeam: true,
        subscribeTeam: true,
        denied: deviceNames.map(() => false),
        caDenied: false,
      },
    ]
    for (const team of ['red', 'blue']) {
      this.bind(team, 'Publisher', `${team}Space`)
      this.bind(team, 'Subscriber', `${team}Space`)
    }
    for (const name of deviceNames) this.#write(name)
  }

  get namespaceId(): NamespaceId {
    return this.id
  }

  /** Of the rights of now; every change makes a new one. */
  get version(): number {
    return this.#history.length - 1
  }

  /** @returns what the broker is told of it; empty: nothing changed */
  apply(change: RegistryChange, device: DeviceName): { type: string; change: string; name: string; uid: string }[] {
    const at = deviceNames.indexOf(device)
    const now = this.#history.at(-1) as Grants
    const client = [{ type: 'clients', change: 'updated', name: device, uid: `uid-${device}` }]
    switch (change) {
      case 'disable':
      case 'enable': {
        const enabled = change === 'enable'
        if (now.enabled[at] === enabled) return []
        this.#history.push({ ...now, enabled: now.enabled.with(at, enabled) })
        this.#write(device)
        return client
      }
      case 'toRed':
      case 'toBlue': {
        const team = change === 'toRed' ? 'red' : 'blue'
        if (now.teams[at] === team) return []
        this.#history.push({ ...now, teams: now.teams.with(at, team) })
        this.#write(device)
        return client
      }
      case 'revokePublish':
      case 'grantPublish':
        if (now.publishTeam === (change === 'grantPublish')) return []
        this.#history.push({ ...now, publishTeam: !now.publishTeam })
        return this.#bindTeams('Publisher', !now.publishTeam)
      case 'revokeSubscribe':
      case 'grantSubscribe':
        if (now.subscribeTeam === (change === 'grantSubscribe')) return []
        this.#history.push({ ...now, subscribeTeam: !now.subscribeTeam })
        return this.#bindTeams('Subscriber', !now.subscribeTeam)
      case 'deny':
      case 'allow': {
        const denied = change === 'deny'
        if (now.denied[at] === denied) return []
        this.#history.push({ ...now, denied: now.denied.with(at, denied) })
        return this.#writeDenyEntry(device, denied)
      }
      case 'denyAll':
      case 'allowAll':
        if (now.caDenied === (change === 'denyAll')) return []
        this.#history.push({ ...now, caDenied: !now.caDenied })
        return this.#writeDenyEntry('ca', !now.caDenied)
    }
  }

  /** Could it connect at any time since that version? */
  mayConnect(device: DeviceName, since: number): boolean {
    const at = deviceNames.indexOf(device)
    return this.#some(since, ({ enabled, denied, caDenied }) => enabled[at] === true && !caDenied && !denied[at])
  }

  /** By now. */
  isDenied(device: DeviceName): boolean {
    const { denied, caDenied } = this.#history.at(-1) as Grants
    return caDenied || denied[deviceNames.indexOf(device)] === true
  }

  isEnabled(device: DeviceName, since: number): boolean {
    return this.#some(since, (grants) => grants.enabled[deviceNames.indexOf(device)] === true)
  }

  /** Was it allowed at any time since that version? */
  mayPublish(device: DeviceName, topicName: string, since: number): boolean {
    return this.#some(since, (grants) => may(grants, device, topicName, grants.publishTeam))
  }

  /** Was it allowed all the while since that version? */
  mayAlwaysPublish(device: DeviceName, topicName: string, since: number): boolean {
    return this.#history.slice(since).every((grants) => may(grants, device, topicName, grants.publishTeam))
  }

  maySubscribe(device: DeviceName, topicFilter: string, since: number): boolean {
    const filter = topicFilter.replace(/^\$share\/[^/]+\//, '')
    return this.#some(since, (grants) => may(grants, device, filter, grants.subscribeTeam))
  }

  #some(since: number, holds: (grants: Grants) => boolean): boolean {
    for (let version = since; version < this.#history.length; version++) {
      if (holds(this.#history[version] as Grants)) return true
    }
    return false
  }

  #write(device: DeviceName): void {
    const at = deviceNames.indexOf(device)
    const now = this.#history.at(-1) as Grants
    this.client({
      name: device,
      enabled: now.enabled[at] as boolean,
      validationScheme: 'SubjectMatchesAuthenticationName',
      attributes: { team: now.teams[at] as string },
    })
  }

  /** Each by another of the three keys that a certificate can be denied by. */
  #writeDenyEntry(of: DeviceName | 'ca', denied: boolean): ReturnType<SimNamespace['apply']> {
    const name = `deny-${of}`
    if (denied) {
      const parsed = parseCertificate(this.#certificateOf(of))
      assert.ok(parsed.ok)
      const { issuerAndSerialNumber, tbsCertificate, publicKey } = denyKeysOf(parsed.value)
      const keys = [{ issuerAndSerialNumber }, { tbsCertificate }, { publicKey }]
      this.deny(name, keys[(deviceNames.length + deviceNames.indexOf(of as DeviceName)) % keys.length] ?? {})
    } else this.allow(name)
    return [{ type: 'sealgateDenyEntries', change: denied ? 'created' : 'deleted', name, uid: `uid-${name}` }]
  }

  #bindTeams(permission: 'Publisher' | 'Subscriber', isGranted: boolean): ReturnType<SimNamespace['apply']> {
    return ['red', 'blue'].map((team) => {
      const name = `${team}-${permission}-${team}Space`
      if (isGranted) this.bind(team, permission, `${team}Space`)
      else this.unbind(name)
      return { type: 'permissionBindings', change: isGranted ? 'created' : 'deleted', name, uid: `uid-${name}` }
    })
  }
}

function may(grants: Grants, device: DeviceName, topic: string, team: boolean): boolean {
  const at = deviceNames.indexOf(device)
  if (grants.enabled[at] !== true) return false
  if (topic.startsWith('open/')) return true
  if (topic.startsWith(`own/${device}/`)) return true
  return team && topic === `team/${grants.teams[at]}`
}

/** The standard's matching, naively. */
export function matches(topicFilter: string, topicName: string): boolean {
  const filter = topicFilter.replace(/^\$share\/[^/]+\//, '').split('/')
  const name = topicName.split('/')
  for (let i = 0; i < filter.length; i++) {
    if (filter[i] === '#') return true
    if (i >= name.length || (filter[i] !== '+' && filter[i] !== name[i])) return false
  }
  return filter.length === name.length
}
