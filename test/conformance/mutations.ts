/** Replaces `find`, which stands exactly once in the file, and so breaks what the statements ask for. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Mutation {
  /** `5:3.1.0-2` is [MQTT-3.1.0-2], `3:3.1.0-2` is [MQTT311-3.1.0-2]; a test of each has to fail. */
  readonly breaks: string
  readonly edits: readonly Edit[]
}

const never = 'if (false as boolean) {'

function edit(breaks: string, file: string, find: string, replace: string): Mutation {
  return { breaks, edits: [{ file: `src/${file}`, find, replace }] }
}

function edits(breaks: string, ...all: readonly (readonly [file: string, find: string, replace: string])[]): Mutation {
  return { breaks, edits: all.map(([file, find, replace]) => ({ file: `src/${file}`, find, replace })) }
}

const decoder: readonly Mutation[] = [
  edit(
    '5:1.5.4-1 5:3.1.3-4 3:1.5.3-1 3:3.1.3-4',
    'mqtt/utf8.ts',
    'if (lead < 0xc2 || lead > 0xf4) return Utf8.IllFormed',
    'if (lead > 0xff) return Utf8.IllFormed',
  ),
  edit(
    '5:1.5.4-2 5:4.7.3-2 3:1.5.3-2 3:4.7.3-2',
    'mqtt/utf8.ts',
    'if (byte === 0) return Utf8.NullCharacter',
    'if (byte < 0) return Utf8.NullCharacter',
  ),
  edit('5:1.5.4-3 3:1.5.3-3', 'mqtt/utf8.ts', "'utf8', start, end)", "'utf8', start, end).replaceAll('\\ufeff', '')"),
  edit(
    '5:1.5.5-1',
    'mqtt/packet-reader.ts',
    'if (byte === 0 && shift > 0) this.fail(',
    'if (byte === 0 && shift > 99) this.fail(',
  ),
  edit(
    '5:2.1.3-1 5:3.6.1-1 5:3.8.1-1 5:3.10.1-1 5:3.14.1-1 5:3.15.1-1 3:2.2.2-1 3:2.2.2-2 3:3.6.1-1 3:3.8.1-1 3:3.10.1-1 3:3.14.1-1',
    'mqtt/decode.ts',
    "if (type !== 'PUBLISH' && flags !== requiredFlags(type)) {",
    never,
  ),
  edit(
    '5:2.2.1-2 3:2.3.1-5',
    'mqtt/publish-encoder.ts',
    'const first = 0x30 | (qos << 1)',
    'const first = 0x30 | ((qos || 1) << 1)',
  ),
  edits(
    '5:2.2.1-3 3:2.3.1-1',
    ['mqtt/publish-view.ts', 'if (packetIdentifier === 0) {', never],
    ['mqtt/packets/publish.ts', 'if (identifier === 0 && reader.failure === null) {', never],
  ),
  edits(
    '5:3.3.1-2 3:3.3.1-2',
    ['mqtt/publish-view.ts', 'if (dup && qos === 0) return', 'if (dup && qos === 3) return'],
    ['mqtt/packets/publish.ts', 'else if (dup && qos === 0) reader.fail(', 'else if (dup && qos === 3) reader.fail('],
  ),
  edits(
    '5:3.3.1-4 3:3.3.1-4',
    ['mqtt/publish-view.ts', 'if (qos === 3) return', 'if (qos === 4) return'],
    ['mqtt/packets/publish.ts', 'if (qos === 3) reader.fail(', 'if (topicNeverFails) reader.fail('],
    [
      'mqtt/packets/publish.ts',
      "import { assert } from '../../base/assert.ts'",
      "import { assert } from '../../base/assert.ts'\nconst topicNeverFails = false as boolean",
    ],
  ),
  edits(
    '5:3.3.2-8',
    ['mqtt/publish-view.ts', 'if (this.topicAlias === 0) {', never],
    [
      'mqtt/property-reader.ts',
      'if (row.range !== undefined && reader.failure === null &&',
      'if (row.range === null && reader.failure === null &&',
    ],
  ),
  edits(
    '5:3.3.2-14',
    ['mqtt/publish-view.ts', 'if (bytes[at] === 0x2b || bytes[at] === 0x23) {', never],
    ['mqtt/property-reader.ts', "else if (text.includes('+') || text.includes('#'))", 'else if (text === null)'],
  ),
  edits(
    '5:3.3.2-13 5:3.3.2-19',
    [
      'mqtt/publish-view.ts',
      'return verdict === Utf8.Ascii || verdict === Utf8.WellFormed ? null : notText(',
      'return verdict >= 0 ? null : notText(',
    ],
    ['mqtt/packet-reader.ts', 'if (verdict === Utf8.NullCharacter || verdict === Utf8.IllFormed) {', never],
  ),
  edit(
    '5:1.5.7-1 5:3.1.3-11 5:3.1.3-12 5:3.8.3-1 5:3.10.3-1 5:3.3.2-1 3:3.1.3-10 3:3.1.3-11 3:3.8.3-1 3:3.10.3-1 3:3.3.2-1',
    'mqtt/packet-reader.ts',
    'if (verdict === Utf8.NullCharacter || verdict === Utf8.IllFormed) {',
    never,
  ),
  edits(
    '5:3.1.2-1 3:3.1.2-1',
    ['mqtt/packets/connect.ts', "if (reader.failure === null && name !== 'MQTT' && name !== 'MQIsdp') {", never],
    ['mqtt/packets/connect.ts', "if (name === 'MQTT' && (level", 'if ((level'],
  ),
  edit(
    '5:3.1.2-2',
    'mqtt/packets/connect.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    'else reader.fail(unsupported(`${name} level ${level}`))',
    'else reader.version = level < 4 ? 4 : 5',
  ),
  edit('5:3.1.2-3 3:3.1.2-3', 'mqtt/packets/connect.ts', 'if ((flags & 0x01) !== 0) {', never),
  edit('5:3.1.2-11 3:3.1.2-11 3:3.1.2-13', 'mqtt/packets/connect.ts', 'if (willQoS !== 0)', 'if (willQoS > 9)'),
  edit('5:3.1.2-13 3:3.1.2-15', 'mqtt/packets/connect.ts', 'if ((flags & WILL_RETAIN) !== 0) {', never),
  edit('5:3.1.2-12 3:3.1.2-14', 'mqtt/packets/connect.ts', 'else if (willQoS === 3) {', 'else if (willQoS === 4) {'),
  edit(
    '3:3.1.2-22',
    'mqtt/packets/connect.ts',
    'if (version === 4 && (flags & USER_NAME) === 0 && (flags & PASSWORD) !== 0) {',
    never,
  ),
  edit(
    '5:3.1.2-16 5:3.1.2-18 3:3.1.2-18 3:3.1.2-20',
    'mqtt/packets/connect.ts',
    "reader.binary('Password')\n  reader.finish()",
    "reader.binary('Password')",
  ),
  edit(
    '5:3.1.2-17 3:3.1.2-19',
    'mqtt/packets/connect.ts',
    'const username = (flags & USER_NAME) === 0 ?',
    'const username = (flags & USER_NAME) === 0 || reader.remaining === 0 ?',
  ),
  edit(
    '5:3.1.2-19 3:3.1.2-21',
    'mqtt/packets/connect.ts',
    'const password = (flags & PASSWORD) === 0 ?',
    'const password = (flags & PASSWORD) === 0 || reader.remaining === 0 ?',
  ),
  edit(
    '5:3.1.3-1 3:3.1.3-1',
    'mqtt/packets/connect.ts',
    "const topicName = reader.text('Will Topic', reader.version === 5 ? '3.1.3-11' : '3.1.3-10')\n  const payload = reader.binary('Will Payload')",
    "const payload = reader.binary('Will Payload')\n  const topicName = reader.text('Will Topic', reader.version === 5 ? '3.1.3-11' : '3.1.3-10')",
  ),
  edit('5:3.8.3-5', 'mqtt/packets/subscribe.ts', 'if ((options & 0xc0) !== 0) {', never),
  edit('3:3-8.3-4', 'mqtt/packets/subscribe.ts', 'if (options > 2) reader.fail(', 'if (options > 256) reader.fail('),
  edit('5:3.8.3-2 3:3.8.3-3', 'mqtt/packets/subscribe.ts', 'if (subscriptions.length === 0) {', never),
  edit('5:3.10.3-2 3:3.10.3-2', 'mqtt/packets/unsubscribe.ts', 'if (topicFilters.length === 0) {', never),
  edit(
    '5:3.3.2-2 5:4.7.0-1 3:3.3.2-2 3:4.7.1-1',
    'mqtt/topic.ts',
    'if (unit === PLUS || unit === HASH) return err(',
    'if (unit < 0) return err(',
  ),
  edit(
    '5:4.7.1-1 5:4.7.1-2 3:4.7.1-2 3:4.7.1-3',
    'mqtt/topic.ts',
    'if (!opensLevel || !closesLevel) return err(',
    'if (!opensLevel && !closesLevel && at < 0) return err(',
  ),
  edit('5:4.7.3-1 3:4.7.3-1', 'mqtt/topic.ts', 'if (text.length === 0) return', 'if (text.length < 0) return'),
  edit('5:4.7.3-3 3:4.7.3-3', 'mqtt/topic.ts', 'const MAXIMUM_BYTES = 65_535', 'const MAXIMUM_BYTES = 60_000'),
  edit(
    '5:4.7.3-4 3:4.7.3-4',
    'mqtt/topic.ts',
    'return ok(text as TopicName)',
    'return ok(text.toLowerCase() as TopicName)',
  ),
  edit('5:4.8.2-1', 'mqtt/topic.ts', "if (shareName === '') return err(", "if (shareName === '\\0') return err("),
  edit(
    '5:4.8.2-2',
    'mqtt/topic.ts',
    "if (shareName.includes('+') || shareName.includes('#')) return err(",
    "if (shareName === '\\0') return err(",
  ),
]

const connecting: readonly Mutation[] = [
  edit(
    '5:3.1.0-2 3:3.1.0-2',
    'broker/dispatch.ts',
    "connection.end(clientError(ReasonCode.ProtocolError, '[MQTT-3.1.0-2] a second CONNECT'))",
    "connection.send({ type: 'PINGRESP' })",
  ),
  edit(
    '5:3.1.2-4 5:3.1.4-4 5:3.2.2-2 3:3.1.2-6 3:3.1.4-3 3:3.2.2-1',
    'broker/connect/open-session.ts',
    'cleanStart: packet.cleanStart,',
    'cleanStart: false,',
  ),
  edit(
    '5:3.1.2-5 5:3.2.2-3 5:3.1.2-23 5:3.1.3-2 5:4.5.0-1 5:4.6.0-1 3:3.1.2-4 3:3.1.2-5 3:3.2.2-2 3:3.1.3-2 3:4.4.0-1 3:4.5.0-1 3:4.6.0-1',
    'broker/connect/open-session.ts',
    'cleanStart: packet.cleanStart,',
    'cleanStart: true,',
  ),
  edit('5:3.1.2-6 3:3.2.2-3', 'broker/connect/connect.ts', 'sessionPresent: opened.present,', 'sessionPresent: true,'),
  edit(
    '5:3.1.2-7 5:3.1.2-8 3:3.1.2-8 3:3.1.2-9',
    'broker/lifetime/session-end.ts',
    "cause.will === 'publish' ? record.will : null",
    "cause.will === 'publish' && record.will === null ? record.will : null",
  ),
  edit(
    '5:3.1.2-10 5:3.14.4-3 3:3.1.2-10 3:3.14.4-3',
    'broker/lifetime/session-end.ts',
    "cause.will === 'publish' ? record.will : null",
    'record.will',
  ),
  edit(
    '5:3.1.2-14 3:3.1.2-16',
    'broker/lifetime/will.ts',
    'core.publishing.publish(publication, view, qos, retain,',
    'core.publishing.publish(publication, view, qos, retain || true,',
  ),
  edit(
    '5:3.1.2-15 3:3.1.2-17',
    'broker/lifetime/will.ts',
    'core.publishing.publish(publication, view, qos, retain,',
    'core.publishing.publish(publication, view, qos, retain && false,',
  ),
  edit(
    '5:3.1.2-22 5:3.2.2-22 3:3.1.2-24',
    'broker/connection.ts',
    'keepAliveSeconds * 1500',
    'keepAliveSeconds * 15000',
  ),
  edit(
    '5:4.1.0-2 3:4.1.0-1',
    'adapters/session-rules.ts',
    'unixMillis(how.now + how.expiryIntervalSeconds * 1000)',
    'unixMillis(how.now + how.expiryIntervalSeconds * 100_000)',
  ),
  edit(
    '5:3.1.3-6 5:3.2.2-16 3:3.1.3-6',
    'broker/connect/open-session.ts',
    "clientId: packet.clientId === '' ? assignedClientId(core, namespace) : packet.clientId,",
    "clientId: packet.clientId === '' ? 'somebody' : packet.clientId,",
  ),
  edit(
    '5:3.1.3-7',
    'broker/connect/connack.ts',
    "...(packet.clientId === '' ? { assignedClientIdentifier: clientId } : {}),",
    '',
  ),
  edit(
    '5:3.1.3-8 3:3.1.3-9',
    'broker/connect/connack.ts',
    'if (packet.clientId.length > limits.maximumClientIdCharacters) {',
    never,
  ),
  edit(
    '5:3.1.3-9',
    'adapters/session-rules.ts',
    'return existing.willDueAt !== null && existing.willDueAt <= now',
    'return existing.willDueAt !== null',
  ),
  edit(
    '5:3.1.4-2 5:3.1.4-6 5:3.2.2-7 5:4.13.2-1 3:3.1.4-5 3:3.2.2-5',
    'broker/connect/connect-refusal.ts',
    'reasonString === null ? {} : { reasonString },\n    })\n    connection.endRefused()',
    'reasonString === null ? {} : { reasonString },\n    })',
  ),
  edit(
    '5:3.1.4-3 3:3.1.4-2',
    'broker/lifetime/session-end.ts',
    'if (online != null && online.fence.epoch !== opened.fence.epoch) online.link.end(takenOver)',
    '',
  ),
  edit('3:3.1.4-1', 'broker/connect/connect-refusal.ts', 'version === 5 ||', 'version !== null ||'),
  edit(
    '5:3.2.2-9',
    'broker/connect/connack.ts',
    '...(limits.maximumQoS === 2 ? {} : { maximumQoS: limits.maximumQoS }),',
    '',
  ),
  edit(
    '5:3.2.2-10',
    'broker/packets/subscribe.ts',
    'maximumQoS: request.qos > limits.maximumQoS ? limits.maximumQoS : request.qos,',
    'maximumQoS: request.qos,',
  ),
  edit('5:3.2.2-12', 'broker/connect/connack.ts', 'if (will.qos > limits.maximumQoS) {', never),
  edit('5:3.2.2-13', 'broker/connect/connack.ts', 'if (will.retain && !limits.retainAvailable) {', never),
  edit(
    '5:4.12.0-2',
    'broker/connect/auth-exchange.ts',
    'reasonCode: ReasonCode.ContinueAuthentication,',
    'reasonCode: ReasonCode.Success,',
  ),
  edit(
    '5:4.12.0-5',
    'broker/connect/connect.ts',
    '...(evidence.authenticationMethod === null ? {} : { authenticationMethod: evidence.authenticationMethod }),',
    '',
  ),
  edit(
    '5:4.12.0-6',
    'broker/connect/connect.ts',
    'evidence.authenticationMethod === null ? {}',
    'evidence.authenticationMethod === null ? { authenticationMethod: "" }',
  ),
]

const publishing: readonly Mutation[] = [
  edit('5:3.3.1-1 3:3.3.1-1', 'broker/publish/stored-outgoing.ts', ') setDup(arena.bytes, start)', ') void setDup'),
  edit(
    '5:3.3.1-3 3:3.3.1-3',
    'mqtt/publish-encoder.ts',
    'const first = 0x30 |',
    'const first = 0x30 | ((draft.payload[draft.frameStart] ?? 0) & 8) |',
  ),
  edit(
    '5:3.3.1-5 3:3.3.1-5 3:3.3.1-6 3:3.3.1-8',
    'broker/publish/publish.ts',
    "if (keeping !== 'nothing') {",
    "if (keeping !== 'nothing' && qos > 2) {",
  ),
  edits('5:3.3.1-6 5:3.3.1-7 3:3.3.1-10 3:3.3.1-11', [
    'broker/publish/publish.ts',
    "return 'removal'",
    "return 'message'",
  ]),
  edits(
    '5:3.3.1-8 3:3.3.1-12',
    [
      'broker/publish/publish.ts',
      'if (!stored && !retain && release === null',
      'if (!stored && !retain && release === null && qos === 0',
    ],
    ['broker/publish/publish.ts', "if (keeping !== 'nothing') {", "if (keeping !== 'nothing' || qos > 0) {"],
  ),
  edit(
    '5:3.3.1-9 5:3.8.4-4 3:3.8.4-3',
    'broker/packets/subscribe.ts',
    'if (retainHandling === 2 ||',
    'if (retainHandling >= 0 ||',
  ),
  edit('5:3.3.1-10', 'broker/packets/subscribe.ts', '(retainHandling === 1 && !isNew) ||', ''),
  edit('5:3.3.1-11', 'broker/packets/subscribe.ts', 'if (retainHandling === 2 ||', 'if (retainHandling > 2 ||'),
  edit(
    '5:3.3.1-12 3:3.3.1-9',
    'broker/publish/publish.ts',
    'const flag = retain && delivery.retainAsPublished',
    'const flag = retain',
  ),
  edit(
    '5:3.3.1-13',
    'broker/publish/publish.ts',
    'const flag = retain && delivery.retainAsPublished',
    'const flag = false',
  ),
  edit(
    '3:3.3.1-7',
    'broker/publish/publish.ts',
    "if (keeping !== 'nothing') {",
    "if (keeping !== 'nothing' && qos > 0) {",
  ),
  edit(
    '5:3.3.2-3 3:3.3.2-3',
    'broker/namespace/topic-trie.ts',
    'if (from > name.length) {',
    'if (from > name.length || node.own !== null) {',
  ),
  edit(
    '5:3.3.2-5',
    'broker/publish/stored-outgoing.ts',
    'message.expiresAt !== null && message.expiresAt <= now) {',
    'message.expiresAt !== null && message.expiresAt < 0) {',
  ),
  edit(
    '5:3.3.2-6',
    'broker/publish/stored-outgoing.ts',
    'Math.ceil((message.expiresAt - now) / 1000)',
    'view.messageExpiryIntervalSeconds',
  ),
  edit(
    '5:3.3.2-12',
    'broker/packets/publish-topics.ts',
    'if (alias > namespace.limits.topicAliasMaximum) {',
    'if (alias > 2) {',
  ),
  edit(
    '5:3.3.2-4 5:3.3.2-15 5:3.3.2-16 5:3.3.2-17 5:3.3.2-18 5:3.3.2-20',
    'mqtt/publish-encoder.ts',
    'return copyBytes(properties, propertiesStart, propertiesEnd, buffer, offset)',
    'const end = copyBytes(properties, propertiesStart, propertiesEnd, buffer, offset)\n    buffer[end - 1] = 0x5a\n    return end',
  ),
  edit(
    '3:3.1.2-2',
    'mqtt/packets/connect.ts',
    'return (bytes[levelAt]! & 0x7f) >= 5 ? 5 : 4',
    'return (bytes[levelAt]! & 0x7f) >= 3 ? 5 : 4',
  ),
  edits(
    '5:3.3.4-1 5:4.3.2-4 3:3.3.4-1 3:4.3.2-2',
    [
      'broker/publish/publish-run.ts',
      'at = encodePuback(arena.bytes, at, identifiers[i] as number)',
      'at = encodePuback(arena.bytes, at, (identifiers[i] as number) ^ 1)',
    ],
    [
      'broker/packets/incoming-publish.ts',
      "if (qos === 1 && isDone) this.#link.sendAcknowledgement('PUBACK', identifier,",
      "if (qos === 1 && isDone) this.#link.sendAcknowledgement('PUBREC', identifier,",
    ],
  ),
  edit(
    '5:3.3.4-2 3:3.3.5-1',
    'broker/namespace/router.ts',
    'if (stored.maximumQoS > maximumQoS) maximumQoS = stored.maximumQoS',
    'if (stored.maximumQoS > maximumQoS) maximumQoS = 1',
  ),
  edit(
    '5:3.3.4-3 5:3.3.4-4',
    'broker/namespace/router.ts',
    'if (stored.subscriptionIdentifier !== null) identifiers.push(',
    'if (stored.subscriptionIdentifier !== null && identifiers.length === 0) identifiers.push(',
  ),
  edits(
    '5:3.3.4-9 5:4.9.0-1 5:4.9.0-2',
    ['broker/message/inflight.ts', 'return this.#count < this.#maximumMessages &&', 'return this.#count < 65_535 &&'],
    ['broker/message/inflight.ts', 'assert(this.#count < this.#maximumMessages,', 'assert(this.#count < 65_535,'],
  ),
  edit('3:3.3.5-2', 'broker/packets/publish-answers.ts', 'if (view.qos === 0 || this.#session.version === 4) {', never),
  edit(
    '5:4.3.2-5 3:4.3.2-2',
    'broker/packets/incoming-publish.ts',
    'if (qos > 0 && !this.#admits(view.packetIdentifier)) return\n    if (qos === 2 && this',
    "if (qos === 1 && view.dup) return this.#link.sendAcknowledgement('PUBACK', view.packetIdentifier, ReasonCode.Success)\n    if (qos === 2 && this",
  ),
  edit(
    '5:4.3.3-8 5:4.3.3-10 3:4.3.3-2',
    'broker/packets/incoming-publish.ts',
    '    if (qos === 2) {',
    '    if (qos === 2 && view.dup) {',
  ),
  edit(
    '5:4.3.3-11',
    'broker/packets/incoming-publish.ts',
    "if ((token & releaseToken) !== 0) this.#link.sendAcknowledgement('PUBCOMP',",
    "if ((token & releaseToken) !== 0) this.#link.sendAcknowledgement('PUBREC',",
  ),
  edit(
    '5:4.3.3-12',
    'broker/packets/held-messages.ts',
    'this.#bodies?.delete(identifier)\n    this.#bytes -= body?.length ?? 0\n    this.#release(identifier)',
    'void identifier',
  ),
  edit(
    '5:4.3.3-9',
    'broker/packets/incoming-publish.ts',
    '      this.#answers.refuseTopic(view, topicFault)\n      return',
    '      this.#answers.refuseTopic(view, topicFault)\n      if (view.qos === 2) (this.#exactlyOnce ??= this.#makeExactlyOnce([])).hold(slot, view, this.publisher, ReasonCode.Success)\n      return',
  ),
  edit(
    '5:4.3.3-5 5:4.3.3-6 3:4.3.3-1',
    'broker/publish/stored-outgoing.ts',
    "const isReleased = phase === 'released'",
    'const isReleased = false',
  ),
  edit(
    '5:4.3.3-4',
    'broker/namespace/session.ts',
    'this.inflight.released(identifier)',
    'if (this.version > 0) return',
  ),
  edit('5:4.4.0-2', 'broker/namespace/session.ts', 'if (reasonCode >= 0x80) {', 'if (reasonCode > 0xff) {'),
  edit(
    '5:4.6.0-2 3:4.6.0-2',
    'broker/publish/publish.ts',
    'will === null && origin.uncommitted === 0) {',
    'will === null) {',
  ),
  edit(
    '5:4.6.0-3 3:4.6.0-3',
    'broker/publish/commits.ts',
    'for (const waiting of batch.waiting) waiting.settled(committed)',
    'for (const waiting of [...batch.waiting].reverse()) waiting.settled(committed)',
  ),
  edit(
    '5:4.6.0-5 5:4.6.0-6 3:4.6.0-5 3:4.6.0-6',
    'broker/namespace/memory-queue.ts',
    'this.#messages.push(message)',
    'this.#messages.splice(this.#first, 0, message)',
  ),
  edits('5:4.7.2-1 3:4.7.2-1', [
    'broker/namespace/topic-trie.ts',
    'const dollar = topicName.charCodeAt(0) === 0x24',
    'const dollar = topicName.charCodeAt(0) === 0',
  ]),
  edit(
    '5:4.8.2-3',
    'broker/publish/publish.ts',
    '[member.subscription]), group }',
    '[member.subscription]), group, maximumQoS: 2 as const }',
  ),
  edit(
    '3:4.8.0-2',
    'broker/packets/incoming-publish.ts',
    'if (!committed) {\n      this.#link.end(storeUnavailable)\n      return\n    }\n    const identifier',
    'const identifier',
  ),
  edits(
    '5:2.2.1-4 5:4.3.2-1 3:2.3.1-4 3:4.3.2-1',
    ['broker/message/inflight.ts', 'this.#next = identifier + 1', 'this.#next = (identifier % 60) + 1'],
    [
      'broker/message/inflight.ts',
      'identifier >= states.length || states[identifier] !== OutgoingState.Free;',
      'identifier >= states.length;',
    ],
  ),
  edit(
    '5:3.1.2-25',
    'broker/namespace/session.ts',
    '    const size = forms.end - forms.start\n    if (size > this.maximumPacketSizeBytes) {\n      this.namespace',
    '    const size = forms.end - forms.start\n    if (size < 0) {\n      this.namespace',
  ),
]

const requests: readonly Mutation[] = [
  edits('5:3.8.3-3', [
    'broker/publish/publish.ts',
    'if (delivery.session === from && delivery.hasNoLocal) {',
    'if (delivery.session === from && !delivery.hasNoLocal && from === null) {',
  ]),
  edit(
    '5:3.8.4-1 5:3.8.4-2 5:2.2.1-6 3:3.8.4-1 3:3.8.4-2 3:2.3.1-7',
    'broker/packets/subscribe.ts',
    "type: 'SUBACK',\n    packetIdentifier,",
    "type: 'SUBACK',\n    packetIdentifier: packetIdentifier ^ 1024,",
  ),
  edit(
    '5:3.9.3-1 5:3.8.4-5 5:3.8.4-6 5:3.8.4-7 3:3.9.3-1 3:3.8.4-4 3:3.8.4-5',
    'broker/packets/subscribe.ts',
    'reasonCodes.push(stored.maximumQoS)',
    'reasonCodes.unshift(stored.maximumQoS)',
  ),
  edit(
    '3:3.9.3-2',
    'mqtt/packets/suback.ts',
    'writer.u8(version === 4 && code >= 0x80 ? ReasonCode.UnspecifiedError : code)',
    'writer.u8(code)',
  ),
  edit(
    '5:3.8.4-3',
    'broker/namespace/namespace.ts',
    'if (old !== undefined && isSame(old.stored, subscription.stored)) continue',
    'if (old !== undefined) continue',
  ),
  edits('5:3.8.4-8 3:3.8.4-6', [
    'broker/publish/publish.ts',
    'const effective = qos < maximumQoS ? qos : maximumQoS',
    'const effective = maximumQoS',
  ]),
  edit(
    '5:3.10.4-1 5:3.10.4-2 3:3.10.4-1 3:3.10.4-2',
    'broker/packets/subscribe.ts',
    'return session.unsubscribe(topicFilter) ?',
    'return session.subscriptions.has(topicFilter) ?',
  ),
  edit(
    '5:3.10.4-4 5:3.10.4-5 5:3.10.4-6 3:3.10.4-4 3:3.10.4-5 3:3.10.4-6',
    'broker/packets/subscribe.ts',
    "type: 'UNSUBACK', packetIdentifier, reasonCodes",
    "type: 'UNSUBACK', packetIdentifier: packetIdentifier ^ 1024, reasonCodes",
  ),
  edit(
    '5:3.11.3-1',
    'broker/packets/subscribe.ts',
    'const reasonCodes = packet.topicFilters.map(',
    'const reasonCodes = [...packet.topicFilters].reverse().map(',
  ),
  edit('5:3.12.4-1 3:3.12.4-1', 'broker/dispatch.ts', "connection.send({ type: 'PINGRESP' })", 'void connection'),
  edit('5:4.13.1-1 3:4.8.0-1', 'broker/dispatch.ts', 'else connection.end(packetFailure(decoded.error))', ''),
  edit(
    '5:3.1.2-29 5:3.4.2-2 5:3.5.2-2 5:3.6.2-2 5:3.7.2-2',
    'broker/connection.ts',
    'this.send({ type, packetIdentifier, reasonCode, properties: {} })',
    "this.send({ type, packetIdentifier, reasonCode, properties: { reasonString: 'why' } })",
  ),
  edit(
    '5:3.4.2-3 5:3.5.2-3 5:3.6.2-3 5:3.7.2-3',
    'broker/connection.ts',
    'this.send({ type, packetIdentifier, reasonCode, properties: {} })',
    "this.send({ type, packetIdentifier, reasonCode, properties: { userProperties: [['a', 'b']] } })",
  ),
  edit(
    '5:3.14.2-1',
    'broker/connection.ts',
    "this.send({ type: 'DISCONNECT', reasonCode: cause.reasonCode, properties: {} })",
    "this.send({ type: 'DISCONNECT', reasonCode: 0, properties: {} })",
  ),
  edit(
    '5:3.14.2-2',
    'broker/connection.ts',
    "this.send({ type: 'DISCONNECT', reasonCode: cause.reasonCode, properties: {} })",
    "this.send({ type: 'DISCONNECT', reasonCode: cause.reasonCode, properties: { sessionExpiryIntervalSeconds: 1 } })",
  ),
]

export const mutations: readonly Mutation[] = [...decoder, ...connecting, ...publishing, ...requests]
