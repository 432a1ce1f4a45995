import { childId, fullType } from '../../registry/resource-id.ts'
import type { Call, Route } from '../route.ts'
import { namespacePath } from './paths.ts'
import { namespaceOf, writeResource } from './resources.ts'

const type = 'sealgateRevocationLists'
const parameter = 'revocationListName'

/** A list of a million entries has tens of megabytes, which is nothing to write into a JSON document. */
export const uploadList: Route = {
  tag: 'Resources',
  apiVersion: 'required',
  id: 'RevocationLists_Upload',
  method: 'POST',
  path: `${namespacePath}/${type}/{${parameter}}/upload`,
  summary:
    'Makes or replaces a revocation list from its octets: DER, PEM, or PEM with the certificate of the CA behind it. At most 32 MiB and 1,000,000 entries.',
  access: { action: `${fullType(type)}/write` },
  query: [{ name: 'allowOlder', description: 'true: also when the list in use is newer.' }],
  body: { schema: 'Octets', required: true, limit: 'listBytes', form: 'octets' },
  answers: { 200: 'RevocationList', 201: 'RevocationList' },
  handle(call: Call) {
    const id = childId(namespaceOf(call), type, call.params[parameter] ?? '')
    const { registry } = call.house.parts
    // What is said about the list stays; only the list is another one.
    const found = registry.get(id)
    const { description } = found.ok ? found.value.document.properties : {}
    const properties = {
      ...(description === undefined ? {} : { description }),
      ...(call.query.get('allowOlder') === 'true' ? { allowOlder: true } : {}),
    }
    return writeResource(call, 'put', id, { body: { properties }, content: call.body as Uint8Array })
  },
}
