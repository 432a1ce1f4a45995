/** Whether a filter matches a topic name, in the standard's words, level by level. */
export function matches(filter: string, name: string): boolean {
  const f = filter.split('/')
  const n = name.split('/')
  if (name.startsWith('$') && (f[0] === '+' || f[0] === '#')) return false
  for (let i = 0; ; i++) {
    if (f[i] === '#') return true
    if (i === f.length || i === n.length) return i === f.length && i === n.length
    if (f[i] !== '+' && f[i] !== n[i]) return false
  }
}
