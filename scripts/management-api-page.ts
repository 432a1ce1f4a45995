import { roleDefinitions, roles } from '../src/api/access/role.ts'
import { defaultLimits } from '../src/api/parts.ts'
import type { Route } from '../src/api/route.ts'
import { routes } from '../src/api/routes.ts'

/** docs/management-api.md: the table of the server, with what the table cannot say. */
export function managementApiPage(): string {
  const tags = [...new Set(routes.map(({ tag }) => tag))]
  const mebibytes = (bytes: number): string => `${bytes / 1_048_576} MiB`
  const { bodyBytes, templateBytes, listBytes, failureBurst, failuresPerSecond, explainsPerSecond } = defaultLimits
  return `# Management API

<!-- Made by \`npm run docs\` from src/api. Do not edit. -->

The API listens on \`--https\` and speaks HTTPS only. It has the paths, documents and errors of Azure Resource Manager for
\`Microsoft.EventGrid/namespaces\`, so clients written for Azure work when only their endpoint changes: Azure's SDKs for JavaScript (three
generations are part of the tests), \`az resource\`, \`az rest\`, \`az deployment group create\`. \`GET /openapi.json\` is the whole of it as
OpenAPI 3.1.

## How it answers

- **At once.** PUT answers 201 or 200, PATCH 200, DELETE 200 or 204, always with the finished resource. There are no long-running
  operations, so every poller is content with the first answer. A PUT may be repeated.
- **Paths** match whatever their case, with repeated slashes and percent-encoding; answers have Azure's casing. Names of clients keep
  their case. Query names are decoded too: \`%24top\` is \`$top\`.
- **api-version** is any date, with \`-preview\` or without. A PUT with the stable version keeps what that version cannot express.
- **\`properties.sealgate\`** holds settings that Azure does not know. A PUT or PATCH that leaves it or one of its members out keeps what is
  stored; \`null\` resets.
- **HEAD** on everything that has GET: 204 when it is there.
- **Lists** come in pages of \`$top\` (1 to 100, 20 when absent) with \`nextLink\`; \`$filter\` knows \`name\`.
- **ETags** are an extension: \`If-Match\` and \`If-None-Match: *\` answer 412 when they do not hold.
- **Errors** are \`{"error":{"code","message","target","details"}}\`; \`details\` lists all problems of a document. 429 and 503 carry \`Retry-After\`.
- **Warnings** of a write that was done stand in \`warnings\` of the answer and in the audit log.
- Content is limited to ${mebibytes(bodyBytes)}, templates to ${mebibytes(templateBytes)}, uploaded revocation lists to ${mebibytes(listBytes)}. One principal has two requests above 4 MiB and 128 MiB in all under way, everybody together 256 MiB; what is more is answered 429. JSON with a key twice, \`__proto__\` or nesting beyond 32 is refused.
  Deployments also take comments and keys without quotes, as az sends them.

## Who may do what

Send \`Authorization: Bearer TOKEN\`. The built-in administrator's token lies in \`DATA/admin.token\`; further ones are made with
\`POST /sealgate/tokens\`. Each has a role, a scope (subscription, resource group or namespace), an expiry, and may have actions taken from it
(\`notActions\`), for example \`Microsoft.EventGrid/namespaces/caCertificates/*\` so that whoever registers devices cannot choose whom to trust,
  and \`…/sealgateDenyEntries/*\` and \`…/sealgateRevocationLists/*\` so that they cannot bring back a lost one.
The store holds hashes only. Revoking takes effect with the next request. Nobody can hand on more than they have.

| role | may |
| --- | --- |
${roles.map((role) => `| ${role} | ${roleDefinitions[role].meaning} |`).join('\n')}

A service principal (\`"kind": "servicePrincipal"\`) has a secret for the token endpoint, which gives tokens that live an hour; that is what
\`az login --service-principal\` and \`@azure/identity\` use. \`@azure/identity\` needs \`disableInstanceDiscovery: true\`.

## With Azure's CLI

\`az\` as it is, pointed at a running \`npm start\`. Its settings go to a folder of their own, so that your login at Azure stays as it is:

\`\`\`sh
npx sealgate token create me --role contributor --service-principal
export AZURE_CONFIG_DIR=$PWD/.azure REQUESTS_CA_BUNDLE=$PWD/.sealgate/tls/ca.pem
az cloud register -n sealgate --endpoint-resource-manager https://localhost:8443
az cloud set -n sealgate
az login --service-principal -u me -p SECRET --tenant adfs
res_id=/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.EventGrid/namespaces/local
az resource create --id "$res_id/clients/lamp" --properties '{"attributes": {"room": "hall"}}'
az deployment group create -g local --template-file namespace.json
\`\`\`

SECRET is the client secret that the first command prints. \`--tenant adfs\` is how az finds our token endpoint. The extension
\`eventgrid\` is not needed: \`sealgate namespace …\` has its commands. \`node scripts/az-conformance.ts\` runs az through 32 steps, the set-up of
Microsoft's samples among them.

## Limits

Failed attempts are limited to ${failureBurst} at once and ${failuresPerSecond} per second of one source; a valid token is never refused for them. Dry runs are
limited to ${explainsPerSecond} per second of one caller. Every write leaves an \`audit\` line in the log: principal, action, resource, revisions, address.
${tags.map(section).join('')}`
}

function section(tag: Route['tag']): string {
  const rows = routes
    .filter((route) => route.tag === tag)
    .map(
      ({ method, path, summary, access }) =>
        `| \`${method}\` | \`${shortened(path)}\` | ${summary} | ${actionOf(access)} |`,
    )
  return `
## ${tag}

| method | path | what | action |
| --- | --- | --- | --- |
${rows.join('\n')}
${rows.some((row) => /`[GN](\/|`)/.test(row)) ? '\n`G` is `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}`, `N` is `G/providers/Microsoft.EventGrid/namespaces/{namespaceName}`.\n' : ''}`
}

function shortened(path: string): string {
  const group = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}'
  return path
    .replace(`${group}/providers/Microsoft.EventGrid/namespaces/{namespaceName}`, 'N')
    .replace(group, 'G')
    .replaceAll('|', '\\|')
}

function actionOf(access: Route['access']): string {
  if (access === 'open') return 'none, open'
  return access === 'authenticated' ? 'any token' : `\`${access.action}\``
}
