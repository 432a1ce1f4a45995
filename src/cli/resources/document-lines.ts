import { parseCertificate } from '../../x509/certificate.ts'
import { formatDistinguishedName } from '../../x509/distinguished-name.ts'
import { readPem } from '../../x509/pem.ts'
import { thumbprintsOf } from '../../x509/thumbprint.ts'
import { facts } from '../print.ts'
import type { ResourceDocument } from './kind.ts'

type Row = [label: string, value: string | readonly string[]]

/** A resource for people: one property a line, by its path; a certificate as what it says. */
export function documentLines(document: ResourceDocument): string[] {
  const { name, id, location, tags, sku, properties } = document
  const rows: Row[] = [['name', name]]
  if (location !== undefined) rows.push(['location', location])
  add(rows, 'sku', sku)
  add(rows, 'tags', tags)
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'encodedCertificate' && typeof value === 'string') rows.push(...certificateRows(value))
    else if (!unimportant.has(key)) add(rows, key, value)
  }
  rows.push(['id', id])
  return facts(rows)
}

/** Always the same here. */
const unimportant = new Set(['provisioningState', 'privateEndpointConnections'])

/** What is nested stands below its name, further in. */
function add(rows: Row[], label: string, value: unknown): void {
  if (value === null || value === undefined) return
  if (Array.isArray(value)) {
    if (value.length > 0) rows.push([label, value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))])
  } else if (typeof value === 'object') {
    const inner: Row[] = []
    for (const [key, one] of Object.entries(value)) add(inner, `  ${key}`, one)
    const indent = label.length - label.trimStart().length
    if (inner.length > 0) rows.push([label, ''], ...inner.map(([key, one]): Row => [' '.repeat(indent) + key, one]))
  } else rows.push([label, String(value)])
}

function certificateRows(pem: string): Row[] {
  const contents = readPem(pem)
  const der = contents.ok ? contents.value.certificates[0] : undefined
  const parsed = der === undefined ? null : parseCertificate(der)
  if (parsed === null || !parsed.ok) return [['certificate', 'unreadable']]
  const { subject, issuer } = parsed.value
  return [
    ['subject', formatDistinguishedName(subject)],
    ['issuer', formatDistinguishedName(issuer)],
    ['thumbprint', thumbprintsOf(parsed.value.der).sha256],
  ]
}
