#!/usr/bin/env node
// Plain JavaScript without imports of ours: it must run, and speak clearly, on a Node.js that is too old for the rest.
import { existsSync, mkdirSync, statSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

const oldest = [22, 18]
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  console.error(
    `sealgate needs Node.js ${oldest.join('.')} or newer; this is ${process.versions.node} (${process.execPath}). ` +
      'In a checkout: npm ci, then npm start or npx sealgate. Else install Node.js 24.',
  )
  process.exit(1)
}

/**
 * A broker of many idle connections makes few young objects; the room that V8 takes for them by default (three times 16
 * MiB) is up to 9 KB for each of 5,000 connections, and a quarter of it is as fast (bench: mtls-idle, mtls-connect). And
 * its four threads that mark and compile beside ours would get four fifths of a core that they share with it, for as long
 * as they mark: one is enough (bench: storm). Node.js reports 118 KB for each TLS connection, most of it never touched, and
 * V8 collects the whole heap for each 64 MiB that were reported: every 570 connections of a fleet that comes back. Counted
 * towards the limit that grows with the heap they begin a collection when one is worth it (bench: storm; only the V8 of
 * Node.js 24 is known to know it, and one that does not would not start). V8 asks for all of it before the first line of a
 * program, so the process starts over in its place: same process id, same streams. Whoever gives one of them, in
 * NODE_OPTIONS or before this file, keeps it.
 */
const settings = [
  { given: /semi[-_]space/, flag: '--max-semi-space-size=4' },
  { given: /v8[-_]pool[-_]size/, flag: '--v8-pool-size=1' },
]
if (process.versions.v8.startsWith('13.')) {
  settings.push({ given: /external[-_]memory/, flag: '--external-memory-accounted-in-global-limit' })
}
const serves = process.argv[2] === 'serve' || process.argv[2] === 'dev'
const options = [...process.execArgv, process.env.NODE_OPTIONS].join(' ')
const flags = settings.filter(({ given }) => !given.test(options)).map(({ flag }) => flag)
if (serves && flags.length > 0 && process.execve !== undefined && process.channel === undefined) {
  const argv = [process.execPath, ...flags, ...process.execArgv, ...process.argv.slice(1)]
  try {
    process.execve(process.execPath, argv, process.env)
  } catch {
    // Windows, or Node.js' permission model: it goes on as it was started.
  }
}

/**
 * Compiled code is kept where only this user writes. Node.js' own choice is a directory that all users of a machine share, and
 * what stands in it is run. Whoever names one in NODE_COMPILE_CACHE keeps it; where there is no home, nothing is kept.
 */
function keepCompiledCode() {
  if (process.env.NODE_COMPILE_CACHE) return module.enableCompileCache?.()
  try {
    const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sealgate')
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // It may have been there before, made by somebody else: under sudo the home is often the caller's.
    const { uid, mode } = statSync(directory)
    const isOurs = process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0)
    if (isOurs) module.enableCompileCache?.(directory)
  } catch {
    // A user without a home, or one that may not be written to: a start takes a little longer.
  }
}

keepCompiledCode()
// A checkout runs from source; Node.js strips no types below node_modules, so an installed package has dist.
const source = new URL('../src/cli/main.ts', import.meta.url)
const fromSource = existsSync(source) && !import.meta.url.includes('/node_modules/')
const { main } = await import(fromSource ? source.href : new URL('../dist/cli/main.js', import.meta.url).href)
await main(process.argv.slice(2))
