#!/usr/bin/env node
// Plain JavaScript without imports of ours: it must run, and speak clearly, on a Node.js that is too old for the rest.
import { existsSync } from 'node:fs'
import module from 'node:module'

const oldest = [22, 18]
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  console.error(
    `sealgate needs Node.js ${oldest.join('.')} or newer; this is ${process.versions.node} (${process.execPath}). ` +
      'In a checkout: npm ci, then npm start or npx sealgate. Else install Node.js 24.',
  )
  process.exit(1)
}

module.enableCompileCache?.()
// A checkout runs from source; Node.js strips no types below node_modules, so an installed package has dist.
const source = new URL('../src/cli/main.ts', import.meta.url)
const fromSource = existsSync(source) && !import.meta.url.includes('/node_modules/')
const { main } = await import(fromSource ? source.href : new URL('../dist/cli/main.js', import.meta.url).href)
await main(process.argv.slice(2))
