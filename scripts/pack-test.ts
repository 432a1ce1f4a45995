import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'

/** Packs what `npm run build` made, installs it in an empty folder, and runs it there: version, start, handshake, stop. */
const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'sealgate-pack-'))
try {
  await testPackage()
  console.log('the package runs where it is installed')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function testPackage(): Promise<void> {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' })
  const [{ filename, version }] = JSON.parse(packed) as [{ filename: string; version: string }]
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--omit=dev', `./${filename}`], {
    cwd: folder,
    stdio: 'inherit',
  })

  const launcher = join(folder, 'node_modules', 'sealgate', 'bin', 'sealgate.js')
  assert.ok(!existsSync(join(folder, 'node_modules', 'sealgate', 'src')), 'the package holds no sources')
  const told = execFileSync(process.execPath, [launcher, '--version'], { encoding: 'utf8' })
  assert.equal(told.trim(), version)

  const readyFile = join(folder, 'ready.json')
  const child = spawn(
    process.execPath,
    [launcher, 'dev', '--mqtts', '127.0.0.1:0', '--wss', 'off', '--https', 'off', '--ready-file', readyFile],
    { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const ended = once(child, 'exit')
  const started = Date.now()
  while (!existsSync(readyFile)) {
    assert.equal(child.exitCode, null, 'it ended before it was ready')
    assert.ok(Date.now() - started < 20_000, 'it was not ready in 20 seconds')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const ready = JSON.parse(readFileSync(readyFile, 'utf8'))
  assert.equal(ready.version, version)
  assert.equal(statSync(ready.tokenFile).mode & 0o777, 0o600)
  const socket = connect({
    host: ready.mqtts.host,
    port: ready.mqtts.port,
    servername: 'localhost',
    ca: readFileSync(ready.caFile),
  })
  await once(socket, 'secureConnect')
  socket.destroy()
  child.kill('SIGTERM')
  const [code] = await ended
  assert.equal(code, 0)
  assert.ok(!existsSync(readyFile), 'the ready file is removed at stop')
}
