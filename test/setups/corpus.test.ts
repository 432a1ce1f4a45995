import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { connackReasonCode, connackReturnCode } from '../../src/auth/connack-reason.ts'
import { type DecisionCode, decisionCodes } from '../../src/auth/decision.ts'
import type { DecisionStep } from '../../src/ports/events.ts'
import { sealgate } from '../cli/run.ts'
import { type RunningBroker, runBroker } from '../support/running-broker.ts'
import { now, pem } from '../x509/kit.ts'
import { attempt, type Outcome } from './attempt.ts'
import { dates, keys } from './dates-and-keys.ts'
import { doors } from './doors.ts'
import { names, workingNames } from './names.ts'
import { lostPaths, paths, workingPaths } from './paths.ts'
import { revocation } from './revocation.ts'
import { sessionsAndRights } from './sessions-and-rights.ts'
import { bothVersions, type Change, type Client, type Setup, type Shown, type Working } from './setup.ts'
import { thumbprints, workingThumbprints } from './thumbprints.ts'

/**
 * Set-ups that do not work, as people make them. Each is tried over real TLS against a broker in this process; the record
 * must show code, compared values and remedy; the dry run must say the same; and the remedy, applied, must make it work.
 */

const corpus: readonly Setup[] = [
  ...doors,
  ...names,
  ...paths,
  ...lostPaths,
  ...dates,
  ...keys,
  ...thumbprints,
  ...revocation,
  ...sessionsAndRights,
]
const working: readonly Working[] = [...workingNames, ...workingPaths, ...workingThumbprints]

let broker: RunningBroker
before(async () => {
  broker = await runBroker(now)
})
after(() => broker.stop())

let namespaces = 0

interface World {
  readonly namespace: string
  readonly other: string
}

async function build({ registry, elsewhere, mqtt }: Pick<Setup, 'registry' | 'elsewhere' | 'mqtt'>): Promise<World> {
  const namespace = `setup-${namespaces++}`
  const other = `${namespace}-other`
  await make(namespace, registry, mqtt)
  if (elsewhere !== undefined) await make(other, elsewhere)
  return { namespace, other }
}

async function make(namespace: string, changes: readonly Change[], state = 'Enabled'): Promise<void> {
  await broker.must('PUT', namespace, {
    location: 'local',
    properties: {
      topicSpacesConfiguration: { state },
      sealgate: { limits: { refusalDelayMs: 0, reasonStrings: true } },
    },
  })
  await apply(namespace, changes)
}

async function apply(namespace: string, changes: readonly Change[]): Promise<void> {
  for (const { method, path, body } of changes) await broker.must(method, `${namespace}${path}`, body)
}

interface Entry {
  readonly code: string | null
  readonly action: string
  readonly count: number
  readonly remedy: string | null
  readonly steps: readonly DecisionStep[]
  readonly authenticationName: string | null
  readonly nameSource: string | null
  readonly certificateFingerprint: string | null
}

/** What two records of one question must have in common: all but who asked, when and how. */
function substance({ code, remedy, steps, authenticationName, nameSource, certificateFingerprint }: Entry): unknown {
  return { code, remedy, steps, authenticationName, nameSource, certificateFingerprint }
}

function shows(steps: readonly DecisionStep[], shown: Shown): boolean {
  const fits = (is: string | null, wanted: string | RegExp | undefined): boolean =>
    wanted === undefined || (typeof wanted === 'string' ? is === wanted : wanted.test(is ?? ''))
  return steps.some(
    ({ step, outcome, expected, presented, detail }) =>
      step === shown.step &&
      outcome === 'failed' &&
      fits(expected, shown.expected) &&
      fits(presented, shown.presented) &&
      fits(detail, shown.detail),
  )
}

async function tryAll(t: TestContext, world: World, client: Client): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const run of client.runs ?? bothVersions) {
    const outcome = await attempt(t, broker, world, client, run)
    await outcome.peer?.leave()
    outcomes.push(outcome)
  }
  return outcomes
}

async function refusals(world: World, { code }: Setup): Promise<readonly Entry[]> {
  const inNamespace = await broker.must('GET', `${world.namespace}/decisions?outcome=refused&code=${code}`)
  if (inNamespace.body.value.length > 0) return inNamespace.body.value
  const stray = await broker.must('GET', `/sealgate/decisions?code=${code}`)
  return stray.body.value.slice(0, 1)
}

/** What the command line prints for the same question. */
async function explainByCommand(world: World, { shows, username, clientId = 'peer', ...more }: Client): Promise<Entry> {
  const file = (name: string, ...certificates: readonly Uint8Array[]): string => {
    const path = join(broker.directory, `${world.namespace}-${name}.pem`)
    writeFileSync(path, certificates.map((der) => pem(der)).join(''))
    return path
  }
  const args = [
    ...(shows === null ? [] : ['--cert', file('device', shows.certificate)]),
    ...(shows === null || shows.sent.length === 0 ? [] : ['--chain', file('chain', ...shows.sent)]),
    ...(username === null ? [] : ['--username', username]),
    ...(more.authenticationMethod === undefined ? [] : ['--authentication-method', more.authenticationMethod]),
    ...(more.willTopic === undefined ? [] : ['--will-topic', more.willTopic]),
    ...(more.publishesTo === undefined ? [] : ['--publish', more.publishesTo]),
    ...(more.subscribesTo === undefined ? [] : ['--subscribe', more.subscribesTo]),
  ]
  return command('explain', '--namespace', world.namespace, '--client-id', clientId, ...args)
}

async function command(...args: readonly string[]) {
  const place = { directory: broker.directory, environment: broker.environment, onWait: broker.passTime }
  const { code, out, err } = await sealgate(place, ...args, '--output', 'json')
  assert.equal(code, 0, err)
  return JSON.parse(out)
}

async function explain(world: World, client: Client): Promise<Entry> {
  const { shows, username, clientId, runs = bothVersions } = client
  const { body } = await broker.must('POST', `${world.namespace}/explain`, {
    ...(shows === null ? {} : { certificate: pem(shows.certificate) }),
    ...(shows === null || shows.sent.length === 0 ? {} : { chain: shows.sent.map((der) => pem(der)).join('') }),
    ...(username === null ? {} : { username }),
    clientId: clientId ?? 'peer',
    authenticationMethod: client.authenticationMethod,
    willTopic: client.willTopic,
    publishTo: client.publishesTo,
    subscribeTo: client.subscribesTo,
    protocol: runs[0]?.mqtt === 4 ? 'MQTT3' : 'MQTT5',
  })
  return body
}

/** The command line asks the same API: one set-up of each code is enough for it. */
function firstOfItsCode(setup: Setup): boolean {
  return corpus.find(({ code, explain }) => code === setup.code && explain === undefined) === setup
}

for (const setup of corpus) {
  test(`${setup.code}: ${setup.name}`, async (t) => {
    const world = await build(setup)
    broker.setClock(setup.clock ?? now)
    t.after(() => broker.setClock(now))
    const { client, code, refusedWrite, remedy } = setup
    if (refusedWrite !== undefined) {
      const { method, path, body } = refusedWrite.change
      const reply = await broker.call(method, `${world.namespace}${path}`, body)
      assert.equal(reply.status, 400)
      assert.match(JSON.stringify(reply.body), refusedWrite.says)
    }
    const goOn = setup.atOnce === true ? broker.holdTime() : () => {}
    t.after(goOn)
    for (const session of setup.sessions ?? []) {
      const { refused, peer } = await attempt(t, broker, world, session, bothVersions[0]!)
      assert.equal(refused, null)
      if (session.leaves) await peer?.leave()
    }

    const outcomes = await tryAll(t, world, client)
    for (const { refused, run, answer } of outcomes) {
      assert.notEqual(refused, null, 'the set-up works')
      if (refused !== 'CONNACK' || answer === null) continue
      assert.equal(answer.reasonCode, run.mqtt === 5 ? connackReasonCode(code) : connackReturnCode(code))
      // Reason Strings are a namespace's to allow; where there is none, nothing is said.
      const said = answer.properties.reasonString
      if (run.mqtt === 5 && setup.code !== 'unknownNamespace')
        assert.ok(said === code || said === 'notAuthorized', said)
    }
    goOn()
    const [record, ...others] = await refusals(world, setup)
    assert.ok(record !== undefined, `recorded as ${code}`)
    assert.deepEqual(others, [])
    assert.ok(
      shows(record.steps, setup.shows),
      `${JSON.stringify(setup.shows)} in ${JSON.stringify(record.steps, null, 1)}`,
    )
    assert.match(record.remedy ?? '', /^[A-Z].*\.$/)

    const { explain: unlike } = setup
    if (unlike === undefined) {
      assert.deepEqual(substance(await explain(world, client)), substance(record))
      if (firstOfItsCode(setup)) {
        assert.deepEqual(substance(await explainByCommand(world, client)), substance(record))
        const [listed] = await command('decisions', '--namespace', world.namespace, '--code', code)
        assert.deepEqual(substance(listed), substance(record))
      }
    } else if (unlike.says !== null) assert.equal((await explain(world, client)).code ?? 'accepted', unlike.says)

    if ('change' in remedy) await apply(world.namespace, remedy.change)
    if ('clock' in remedy) broker.setClock(remedy.clock)
    if ('command' in remedy) {
      const line = record.steps.at(-1)?.detail?.match(remedy.command)?.[1]
      assert.ok(line !== undefined, JSON.stringify(record.steps.at(-1)))
      await command(...line.split(' '))
    }
    const mended = {
      ...client,
      ...('client' in remedy ? remedy.client : {}),
      ...('change' in remedy ? remedy.and : {}),
    }
    for (const { refused, answer } of await tryAll(t, world, mended)) {
      assert.equal(refused, null, `after the remedy: ${refused} ${JSON.stringify(answer)}`)
    }
    if (mended.serverName === undefined) assert.equal((await explain(world, mended)).code, null)
  })
}

for (const { name, registry, client } of working) {
  test(`accepted: ${name}`, async (t) => {
    const world = await build({ registry })
    for (const { refused } of await tryAll(t, world, client)) assert.equal(refused, null)
    assert.equal((await explain(world, client)).code, null)
  })
}

/** Codes that no set-up here can lead to, and what they belong to. */
const elsewhere: Readonly<Partial<Record<DecisionCode, string>>> = {
  ipForbidden: 'inbound IP rules',
  tokenInvalid: 'tokens',
  identityConflict: 'tokens and webhooks',
  webhookDenied: 'webhooks',
  webhookUnavailable: 'webhooks',
}

test('the corpus has a set-up for every code of certificates, sessions and rights', () => {
  const covered = new Set<string>(corpus.map(({ code }) => code))
  assert.deepEqual(
    decisionCodes.filter((code) => !covered.has(code)),
    decisionCodes.filter((code) => code in elsewhere),
  )
})

test('the corpus has at least 45 set-ups, each of its own name', () => {
  assert.ok(corpus.length >= 45, `${corpus.length}`)
  assert.equal(new Set(corpus.map(({ name }) => name)).size, corpus.length)
})
