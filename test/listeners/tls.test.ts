import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect, createSecureContext, type TLSSocket } from 'node:tls'
import { contextOptions, TlsContexts } from '../../src/listeners/tls-context.ts'
import { authorityExtensions, clientExtensions, issued, selfSigned } from '../e2e/openssl.ts'
import { openDoor, temporaryDirectory } from './door.ts'

function dial(t: TestContext, port: number, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false, ...options })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

/** Resolves when the other side has ended the connection, by whatever means. */
function cut(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** Fourteen intermediates that link, then junk: what links is the longest walk that a peer can cause. */
let longChain: { readonly key: string; readonly cert: string } | null = null

function oneHundredAndNinetyCertificates(t: TestContext): { readonly key: string; readonly cert: string } {
  if (longChain !== null) return longChain
  const directory = temporaryDirectory(t)
  let issuer = selfSigned(directory, 'ca', '/CN=CA')
  const chain: string[] = []
  for (let i = 0; i < 14; i++) {
    issuer = issued(directory, `i${i}`, `/CN=Intermediate ${i}`, issuer, authorityExtensions)
    chain.unshift(issuer.certificate)
  }
  const leaf = issued(directory, 'leaf', '/CN=device', issuer, clientExtensions)
  const junk = selfSigned(directory, 'junk', '/CN=junk').certificate
  longChain = { key: leaf.key, cert: leaf.certificate + chain.join('') + junk.repeat(190 - 15) }
  return longChain
}

/** Runs `openssl s_client` until it has said what is looked for or ends; its whole output. */
async function sClient(t: TestContext, port: number, args: string[], input: string | null): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args])
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    // The line after the summary: the handshake is complete and s_client reads its input.
    if (input !== null && output.includes('Verify return code')) {
      child.stdin.end(input)
      input = null
    }
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await once(child, 'close')
  return output
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const only = { minVersion: version, maxVersion: version } as const
  const flag = version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3'

  test(`${version}: bytes go both ways and the facts are the peer's`, async (t) => {
    const directory = temporaryDirectory(t)
    const authority = selfSigned(directory, 'ca', '/CN=CA')
    const intermediate = issued(directory, 'intermediate', '/CN=Intermediate', authority, authorityExtensions)
    const leaf = issued(directory, 'leaf', '/CN=device', intermediate, clientExtensions)
    const door = await openDoor(t, 'tls')
    const client = dial(t, door.listening.port, {
      ...only,
      servername: 'Broker.EXAMPLE.com.',
      key: leaf.key,
      cert: leaf.certificate + intermediate.certificate,
    })
    client.write('hello')
    const { transport, chunks } = await door.visitors.next()
    assert.equal(transport.listener, 'mqtts')
    assert.equal(transport.tlsVersion, version)
    assert.equal(transport.serverName, 'broker.example.com')
    assert.equal(transport.remoteAddress, '127.0.0.1')
    assert.equal((await chunks.next()).toString(), 'hello')
    assert.equal((await once(client, 'data'))[0].toString(), 'hello')
    assert.deepEqual(
      transport.peerChain.map((der) => Buffer.from(der).toString('base64')),
      [leaf, intermediate].map((pair) => pair.certificate.replace(/-----.*-----|\s/g, '')),
    )
  })

  test(`${version}: S19: the CertificateRequest names no certificate authority`, async (t) => {
    const door = await openDoor(t, 'tls')
    const output = await sClient(t, door.listening.port, [flag, '-msg'], 'Q\n')
    assert.match(output, /CertificateRequest/)
    assert.match(output, /No client certificate CA names sent/)
  })

  test(`${version}: a session is never resumed, for the same host or for another`, async (t) => {
    const door = await openDoor(t, 'tls')
    const first = dial(t, door.listening.port, { ...only, servername: 'a.example' })
    let session: Buffer | undefined
    first.on('session', (given) => {
      session = given
    })
    await once(first, 'secureConnect')
    // A round trip: whatever session material the server sends has arrived by then.
    first.write('x')
    await once(first, 'data')
    session ??= first.getSession()
    assert.ok(session !== undefined)
    for (const servername of ['a.example', 'b.example']) {
      const again = dial(t, door.listening.port, { ...only, servername, session })
      await once(again, 'secureConnect')
      assert.equal(again.isSessionReused(), false)
    }
  })

  test(`${version}: without a certificate the handshake completes and the chain is empty`, async (t) => {
    const door = await openDoor(t, 'tls')
    dial(t, door.listening.port, only)
    assert.deepEqual((await door.visitors.next()).transport.peerChain, [])
  })

  test(`${version}: a self-signed CA:TRUE certificate without extended key usage reaches the core`, async (t) => {
    const pair = selfSigned(temporaryDirectory(t), 'self', '/CN=self')
    const door = await openDoor(t, 'tls')
    dial(t, door.listening.port, { ...only, key: pair.key, cert: pair.certificate })
    assert.equal((await door.visitors.next()).transport.peerChain.length, 1)
  })

  test(`${version}: 190 certificates are read as ten at most`, async (t) => {
    const door = await openDoor(t, 'tls')
    dial(t, door.listening.port, { ...only, ...oneHundredAndNinetyCertificates(t) })
    assert.equal((await door.visitors.next()).transport.peerChain.length, 10)
  })
}

test('TLS 1.2: renegotiation is refused and the listener goes on', async (t) => {
  const door = await openDoor(t, 'tls')
  const output = await sClient(t, door.listening.port, ['-tls1_2'], 'R\n')
  assert.match(output, /RENEGOTIATING/)
  assert.match(output, /handshake failure|no renegotiation/)
  await (await door.visitors.next()).ended
  dial(t, door.listening.port)
  await door.visitors.next()
})

for (const cipher of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256', 'DHE-RSA-AES128-GCM-SHA256']) {
  test(`S19: TLS 1.2 with ${cipher} (no ECDHE or no AEAD) is refused`, async (t) => {
    const door = await openDoor(t, 'tls')
    dial(t, door.listening.port, { maxVersion: 'TLSv1.2', ciphers: cipher })
    const failure = await door.failures.next()
    assert.equal(failure.reason, 'no shared cipher')
    assert.equal(failure.remoteAddress, '127.0.0.1')
  })
}

test('TLS 1.1 is refused with its reason', async (t) => {
  const door = await openDoor(t, 'tls')
  dial(t, door.listening.port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' })
  assert.equal((await door.failures.next()).reason, 'unsupported protocol')
})

test('S52: ALPN may be absent or mqtt; anything else is answered by an alert and reported with its SNI', async (t) => {
  const door = await openDoor(t, 'tls')
  const known = dial(t, door.listening.port, { ALPNProtocols: ['x-foo', 'mqtt'] })
  await once(known, 'secureConnect')
  assert.equal(known.alpnProtocol, 'mqtt')
  const unknown = dial(t, door.listening.port, { ALPNProtocols: ['x-foo'], servername: 'host.example' })
  const [error] = (await once(unknown, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
  assert.deepEqual(await door.failures.next(), {
    listener: 'mqtts',
    serverName: 'host.example',
    remoteAddress: '127.0.0.1',
    reason: 'no application protocol',
  })
})

test('S48: without SNI the server name is null', async (t) => {
  const door = await openDoor(t, 'tls')
  dial(t, door.listening.port, { servername: '' })
  assert.equal((await door.visitors.next()).transport.serverName, null)
})

test('plain MQTT on the TLS port is a handshake failure with the address', async (t) => {
  const door = await openDoor(t, 'tls')
  const client = connectTcp(door.listening.port, '127.0.0.1')
  t.after(() => client.destroy())
  client.on('error', () => {})
  client.write(Buffer.from('100c00044d5154540402003c0000', 'hex'))
  const failure = await door.failures.next()
  assert.equal(failure.remoteAddress, '127.0.0.1')
  assert.match(failure.reason, /wrong version number|packet length|http request/)
  await once(client, 'close')
})

test('a peer that leaves in the middle of the handshake is reported with its address', async (t) => {
  const door = await openDoor(t, 'tls')
  const client = connectTcp(door.listening.port, '127.0.0.1')
  t.after(() => client.destroy())
  // The first half of a record header of a ClientHello.
  client.end(Buffer.from('160301', 'hex'))
  const failure = await door.failures.next()
  assert.equal(failure.remoteAddress, '127.0.0.1')
  assert.match(failure.reason, /peer left during the handshake/)
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: a client that does not trust the server certificate is reported with what it says`, async (t) => {
    const door = await openDoor(t, 'tls')
    const flag = version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3'
    const other = selfSigned(temporaryDirectory(t), 'other', '/CN=other').certificateFile
    await sClient(t, door.listening.port, [flag, '-verify_return_error', '-CAfile', other], null)
    const failure = await door.failures.next()
    assert.equal(failure.remoteAddress, '127.0.0.1')
    assert.match(failure.reason, /alert unknown ca/)
  })
}

test('a peer that connects and leaves without a byte is no handshake failure', async (t) => {
  const door = await openDoor(t, 'tls')
  const silent = connectTcp(door.listening.port, '127.0.0.1')
  await once(silent, 'connect')
  silent.end()
  await once(silent.resume(), 'close')
  const speaking = connectTcp(door.listening.port, '127.0.0.1')
  t.after(() => speaking.destroy())
  speaking.end(Buffer.from('160301', 'hex'))
  assert.match((await door.failures.next()).reason, /peer left/)
  assert.equal(door.failures.size, 0)
})

test('a silent peer is cut when the handshake timeout passes', async (t) => {
  const door = await openDoor(t, 'tls', { handshakeTimeoutMs: 50 })
  const client = connectTcp(door.listening.port, '127.0.0.1')
  t.after(() => client.destroy())
  client.on('error', () => {})
  await once(client, 'close')
  assert.equal((await door.failures.next()).reason, 'ERR_TLS_HANDSHAKE_TIMEOUT')
})

test('a host of its own gets its own certificate, an unknown one the fallback; both may change while it listens', async (t) => {
  const directory = temporaryDirectory(t)
  const pair = (name: string): { certificate: string; privateKey: string } => {
    const made = selfSigned(directory, name, `/CN=${name}`)
    return { certificate: made.certificate, privateKey: made.key }
  }
  const contexts = new TlsContexts(pair('fallback'))
  contexts.setHost('own.example', createSecureContext(contextOptions(pair('own'))))
  const door = await openDoor(t, 'tls', { contexts })
  const served = async (servername: string): Promise<unknown> => {
    const client = dial(t, door.listening.port, { servername })
    await once(client, 'secureConnect')
    return client.getPeerCertificate().subject.CN
  }
  assert.equal(await served('OWN.example'), 'own')
  assert.equal(await served('other.example'), 'fallback')
  assert.equal(await served(''), 'fallback')
  contexts.replaceFallback(pair('second'))
  contexts.setHost('own.example', null)
  assert.equal(await served('other.example'), 'second')
  assert.equal(await served('own.example'), 'second')
  assert.throws(() =>
    contexts.replaceFallback({ certificate: pair('third').certificate, privateKey: pair('x').privateKey }),
  )
  assert.equal(await served(''), 'second')
})

test('S56: a host above its rate of handshakes is refused before anything is computed for it, others are not', async (t) => {
  const asked: (string | null)[] = []
  const admitsHandshake = (serverName: string | null): boolean => {
    asked.push(serverName)
    return serverName !== 'flooded.example' && serverName !== null
  }
  const door = await openDoor(t, 'tls', { admitsHandshake })
  const flooded = dial(t, door.listening.port, { servername: 'Flooded.example' })
  await cut(flooded)
  const failure = await door.failures.next()
  assert.equal(failure.reason, 'handshake rate of the host exceeded')
  const other = dial(t, door.listening.port, { servername: 'other.example' })
  await once(other, 'secureConnect')
  await door.visitors.next()
  // Who names no host is asked about when the handshake is complete: before, nobody knows.
  const nameless = dial(t, door.listening.port, { servername: '' })
  await cut(nameless)
  assert.equal((await door.failures.next()).reason, 'handshake rate of the host exceeded')
  assert.deepEqual(asked, ['flooded.example', 'other.example', null])
})

test('S55: a source without tokens is cut before the handshake and told of once', async (t) => {
  const rates = { perAddressPerSecond: 0.001, perAddressBurst: 2, totalPerSecond: 0, totalBurst: 1 }
  const door = await openDoor(t, 'tls', { rates })
  await once(dial(t, door.listening.port), 'secureConnect')
  await once(dial(t, door.listening.port), 'secureConnect')
  await cut(dial(t, door.listening.port))
  await cut(dial(t, door.listening.port))
  assert.equal((await door.failures.next()).reason, 'connection rate exceeded')
  assert.equal(door.failures.size, 0)
})

test('S55: a handshake of 190 certificates costs its source more than one token', async (t) => {
  const pair = selfSigned(temporaryDirectory(t), 'self', '/CN=self')
  const rates = { perAddressPerSecond: 0.001, perAddressBurst: 5, totalPerSecond: 0, totalBurst: 1 }
  const door = await openDoor(t, 'tls', { rates })
  dial(t, door.listening.port, { key: pair.key, cert: pair.certificate.repeat(190) })
  assert.equal((await door.failures.next()).reason, 'connection rate exceeded by a large handshake')
})

test('a closed door leaves nothing open', async (t) => {
  const door = await openDoor(t, 'tls')
  const inside = dial(t, door.listening.port)
  await once(inside, 'secureConnect')
  const halfWay = connectTcp(door.listening.port, '127.0.0.1').on('error', () => {})
  await once(halfWay, 'connect')
  const { ended } = await door.visitors.next()
  await door.listening.close()
  await ended
  const late = connectTcp(door.listening.port, '127.0.0.1')
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
})

test('the socket of the TLS layer is only read for the chain: no field of a certificate but raw', () => {
  const source = readFileSync(new URL('../../src/listeners/peer-chain.ts', import.meta.url), 'utf8')
  assert.doesNotMatch(source, /\.(subject|issuer|valid_to|fingerprint)\b/)
})
