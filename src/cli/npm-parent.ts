/** How often it is looked whether npm is still there. */
const lookEveryMs = 500

/**
 * npm and npx hand a signal to the shell between them and us, and die without one: either way we would run on alone. So a
 * server that is the script, not one that a script left running in the background, ends with the process that started it.
 *
 * @returns stops looking
 */
export function endWithNpm(environment: Readonly<Record<string, string | undefined>>, end: () => void): () => void {
  if (!isTheScript(environment['npm_lifecycle_script'])) return () => {}
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== parent) end()
  }, lookEveryMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** `sealgate dev`, `npm-run-a && sealgate serve`; not `sealgate dev & test`. */
export function isTheScript(script: string | undefined): boolean {
  if (script === undefined || !/\bsealgate\b/.test(script)) return false
  return !/(?<![&>])&(?![&>])/.test(script.replaceAll(/\d*>&\d*/g, ''))
}
