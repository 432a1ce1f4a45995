import type { KeyObject } from 'node:crypto'
import { formatUnixSeconds } from '../../base/time.ts'
import type { Certificate } from '../../x509/certificate.ts'
import { type DistinguishedName, formatDistinguishedName } from '../../x509/distinguished-name.ts'
import { ExtendedKeyUsage } from '../../x509/extensions.ts'
import type { GeneralName } from '../../x509/general-name.ts'
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createSelfSigned,
  createSigningRequest,
  generatePrivateKey,
  type Issued,
  issueCertificate,
  type KeyType,
  privateKeyPem,
} from '../../x509/issue.ts'
import { toPem } from '../../x509/pem.ts'
import { keyWeakness } from '../../x509/public-key.ts'
import { thumbprintsOf } from '../../x509/thumbprint.ts'
import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { facts, type OutputForm, printResult } from '../print.ts'
import { shellWord } from '../shell-word.ts'
import type { Terminal } from '../terminal.ts'
import { isKeyOf, type NewFile, readCertificates, readPrivateKey, writeNewFiles } from './files.ts'
import { type AlternativeNameOptions, alternativeNamesOf, comparedNames, schemes, subjectOf } from './names.ts'
import { readRequest } from './request.ts'
import { type ValidityOptions, validityOf } from './validity.ts'

export interface MakeOptions extends ValidityOptions {
  readonly out?: string
  readonly keyOut?: string
  readonly key?: string
  readonly keyType?: KeyType
  readonly force?: boolean
  readonly output: OutputForm
}

export interface AuthorityOptions extends MakeOptions {
  readonly ca?: string
  readonly caKey?: string
  readonly pathLength?: string
}

export interface LeafOptions extends MakeOptions, AlternativeNameOptions {
  readonly usage?: Usage
}

export interface IssueOptions extends LeafOptions {
  readonly ca: string
  readonly caKey?: string
  readonly csr?: string
  readonly chain?: boolean
}

/** Ten years: it is what devices are told to trust, and it should outlive what it signs. */
const authorityDays = 3_650
/** A little over two years, the longest that common tools take without complaint for a leaf. */
const leafDays = 825

export async function makeAuthority(terminal: Terminal, name: string, options: AuthorityOptions): Promise<void> {
  const { pathLength } = options
  if (pathLength !== undefined && !/^\d{1,2}$/.test(pathLength)) {
    throw wrongUsage(`--path-length ${pathLength}: expected the number of CA certificates that may follow, 0 to 99`)
  }
  const issuer = options.ca === undefined ? null : (await readAuthority(terminal, options.ca, options.caKey)).authority
  if (issuer === null && options.caKey !== undefined) throw wrongUsage('--ca-key needs --ca FILE, the certificate')
  const { certificate, privateKey } = createCertificateAuthority({
    subject: subjectOf(name),
    ...validityOf(options, authorityDays, terminal.now()),
    key: keyOf(terminal, options),
    ...(issuer === null ? {} : { issuer }),
    ...(pathLength === undefined ? {} : { pathLenConstraint: Number(pathLength) }),
  })
  await finish(terminal, options, {
    stem: 'ca',
    kind: issuer === null ? 'CA certificate' : 'CA certificate, intermediate',
    certificate,
    privateKey: options.key === undefined ? privateKey : null,
    next: (file) => [
      'Register it, so that what it signs is accepted:',
      `  sealgate namespace ca-certificate create --name ${shellWord(authorityName(name))} --certificate ${shellWord(file)}`,
      'Sign a certificate for a device:',
      `  sealgate cert issue DEVICE${file === 'ca.pem' ? '' : ` --ca ${shellWord(file)}`}`,
    ],
  })
}

export async function makeLeaf(terminal: Terminal, name: string | undefined, options: IssueOptions): Promise<void> {
  const { authority, others } = await readAuthority(terminal, options.ca, options.caKey)
  const { subject, subjectAltNames, key } = await leafParts(terminal, name, options)
  const validity = validityOf(options, leafDays, terminal.now())
  const issued = issueCertificate({
    subject,
    subjectAltNames,
    ...validity,
    key,
    issuer: authority,
    extendedKeyUsage: purposesOf(options.usage),
  })
  if (validity.notAfter > authority.certificate.notAfter) {
    terminal.complain(
      `note: the CA certificate ends earlier, at ${formatUnixSeconds(authority.certificate.notAfter)}, and this one with it`,
    )
  }
  const chain = options.chain === true ? [authority.certificate, ...others].filter((one) => !isSelfSigned(one)) : []
  if (options.chain === true && chain.length === 0) {
    terminal.complain('note: --chain added nothing: the CA is a root, which peers do not send')
  }
  await finish(terminal, options, {
    stem: stemOf(name, options.csr),
    kind: 'certificate',
    ...issued,
    privateKey: options.key === undefined ? issued.privateKey : null,
    chain,
    next: () => registrationOf(issued.certificate),
  })
}

export async function makeSelfSigned(
  terminal: Terminal,
  name: string | undefined,
  options: LeafOptions,
): Promise<void> {
  const { subject, subjectAltNames, key } = await leafParts(terminal, name, options)
  const { certificate, privateKey } = createSelfSigned({
    subject,
    subjectAltNames,
    ...validityOf(options, leafDays, terminal.now()),
    key,
    extendedKeyUsage: purposesOf(options.usage),
  })
  const { sha256 } = thumbprintsOf(certificate.der)
  await finish(terminal, options, {
    stem: stemOf(name),
    kind: 'certificate, self-signed',
    certificate,
    privateKey: options.key === undefined ? privateKey : null,
    next: () => {
      const shown = firstName(certificate)
      return [
        'Register the client by its thumbprint:',
        `  sealgate namespace client create --name ${shellWord(stemOf(shown))} --authentication-name ${shellWord(shown)} \\`,
        `    --client-certificate-authentication '{validationScheme:ThumbprintMatch,allowed-thumbprints:[${sha256}]}'`,
      ]
    },
  })
}

export async function makeRequest(
  terminal: Terminal,
  name: string | undefined,
  options: Omit<LeafOptions, keyof ValidityOptions | 'usage'>,
): Promise<void> {
  const { subject, subjectAltNames, key } = await leafParts(terminal, name, options)
  const privateKey = typeof key === 'object' ? key : generatePrivateKey(key)
  const der = createSigningRequest({ subject, privateKey, subjectAltNames })
  const stem = stemOf(name)
  const requestFile = options.out ?? `${stem}.csr`
  const keyFile = options.key === undefined ? (options.keyOut ?? keyFileBeside(requestFile)) : null
  write(
    terminal,
    options,
    { path: requestFile, content: toPem('CERTIFICATE REQUEST', der), secret: false },
    keyFile === null ? null : { path: keyFile, privateKey },
  )
  const data = { requestFile, privateKeyFile: keyFile, subject: formatDistinguishedName(subject) }
  await printResult(terminal, options.output, data, () => [
    ...facts([
      ['Request', requestFile],
      ['Private key', keyFile === null ? null : `${keyFile} (readable by you only)`],
      ['Subject', data.subject || 'empty'],
    ]),
    '',
    'Have it signed by a CA that is registered, for example:',
    `  sealgate cert issue --csr ${shellWord(requestFile)} --ca ca.pem`,
  ])
}

/** A CA certificate that may sign, with its key; `others` stand below it in the same file. */
export async function readAuthority(
  terminal: Terminal,
  file: string,
  keyFile = keyFileBeside(file),
): Promise<{ readonly authority: CertificateAuthority; readonly others: readonly Certificate[] }> {
  const [certificate, ...others] = (await readCertificates(terminal, file)).certificates
  if (certificate === undefined) throw new CommandFailure(`${file}: no certificate in it`)
  const { basicConstraints, keyUsage } = certificate
  if (basicConstraints?.cA !== true || keyUsage?.has('keyCertSign') === false) {
    throw new CommandFailure([
      `${file}: ${formatDistinguishedName(certificate.subject)} is no CA certificate, so it cannot sign others`,
      'sealgate cert ca NAME makes one',
    ])
  }
  const privateKey = readPrivateKey(terminal, keyFile, true)
  if (!isKeyOf(privateKey, certificate)) {
    throw new CommandFailure([`${keyFile} is not the private key of ${file}`, '--ca-key FILE names another'])
  }
  return { authority: { certificate, privateKey }, others }
}

async function leafParts(
  terminal: Terminal,
  name: string | undefined,
  options: AlternativeNameOptions & Pick<MakeOptions, 'key' | 'keyType'> & { readonly csr?: string },
): Promise<{ subject: DistinguishedName; subjectAltNames: GeneralName[]; key: KeyObject | KeyType }> {
  const subjectAltNames = alternativeNamesOf(options)
  if (options.csr !== undefined) {
    if (options.key !== undefined || options.keyType !== undefined) {
      throw wrongUsage('--csr brings its own key: leave --key and --key-type out')
    }
    const request = await readRequest(terminal, options.csr)
    const subject = name === undefined ? request.subject : subjectOf(name)
    // What a request asks for is its sender's wish: who signs names what it gets.
    const missing = request.subjectAltNames.length - subjectAltNames.length
    if (subjectAltNames.length === 0 && missing > 0) {
      terminal.complain(
        'note: the alternative names that the request asks for are not taken over; name them with --dns, --uri, --ip, --email',
      )
    }
    return { subject, subjectAltNames, key: request.publicKey }
  }
  if (name === undefined && subjectAltNames.length === 0) {
    throw wrongUsage('a name is missing', 'For example: sealgate cert issue press-7')
  }
  return { subject: subjectOf(name ?? ''), subjectAltNames, key: keyOf(terminal, options) }
}

function keyOf(terminal: Terminal, { key, keyType }: Pick<MakeOptions, 'key' | 'keyType'>): KeyObject | KeyType {
  if (key === undefined) return keyType ?? 'P-256'
  if (keyType !== undefined) throw wrongUsage('--key brings a key of its own type: leave --key-type out')
  return readPrivateKey(terminal, key, true)
}

type Usage = 'clientAuth' | 'serverAuth' | 'both' | 'none'

function purposesOf(usage: Usage = 'clientAuth'): string[] {
  const { ClientAuth, ServerAuth } = ExtendedKeyUsage
  return { clientAuth: [ClientAuth], serverAuth: [ServerAuth], both: [ClientAuth, ServerAuth], none: [] }[usage]
}

interface Made extends Issued {
  readonly stem: string
  readonly kind: string
  /** Null: the key was brought by the user or is the requester's. */
  readonly chain?: readonly Certificate[]
  next(certificateFile: string): readonly string[]
}

async function finish(terminal: Terminal, options: MakeOptions, made: Made): Promise<void> {
  const { certificate, privateKey, chain = [] } = made
  const certificateFile = options.out ?? `${made.stem}.pem`
  const keyFile = privateKey === null ? null : (options.keyOut ?? keyFileBeside(certificateFile))
  if (privateKey === null && options.keyOut !== undefined) {
    throw wrongUsage('--key-out is for a key that is made here; this one is there already')
  }
  const weakness = keyWeakness(certificate.publicKeyFacts)
  if (weakness !== null)
    throw new CommandFailure(`the key is not accepted (${weakness.presented}); use ${weakness.expected}`)
  const content = [certificate, ...chain].map(({ der }) => toPem('CERTIFICATE', der)).join('')
  write(
    terminal,
    options,
    { path: certificateFile, content, secret: false },
    privateKey === null || keyFile === null ? null : { path: keyFile, privateKey },
  )
  const { sha256, sha1 } = thumbprintsOf(certificate.der)
  const data = {
    certificateFile,
    privateKeyFile: keyFile,
    subject: formatDistinguishedName(certificate.subject),
    issuer: formatDistinguishedName(certificate.issuer),
    notBefore: formatUnixSeconds(certificate.notBefore),
    notAfter: formatUnixSeconds(certificate.notAfter),
    sha256,
    sha1,
  }
  await printResult(terminal, options.output, data, () => [
    ...facts([
      ['Certificate', `${certificateFile} (${made.kind})`],
      ['Private key', keyFile === null ? null : `${keyFile} (readable by you only)`],
      ['Subject', data.subject || 'empty'],
      ['Issuer', isSelfSigned(certificate) ? null : data.issuer],
      ['Valid until', data.notAfter],
      ['Thumbprint', sha256],
    ]),
    '',
    ...made.next(certificateFile),
  ])
}

function write(
  terminal: Terminal,
  { force = false }: Pick<MakeOptions, 'force'>,
  file: NewFile,
  key: { readonly path: string; readonly privateKey: KeyObject } | null,
): void {
  // The key first: a certificate without its key is of no use to anybody.
  const keyFiles =
    key === null ? [] : [{ path: key.path, content: privateKeyPem(key.privateKey), secret: true } satisfies NewFile]
  writeNewFiles(terminal, [...keyFiles, file], force)
}

function registrationOf(certificate: Certificate): string[] {
  const lines = ['Register the client, with the CA registered or the chain below one that is:']
  const scheme =
    schemes.find((one) => one !== 'SubjectMatchesAuthenticationName' && usable(certificate, one)) ?? schemes[0]
  const name = usable(certificate, scheme) ?? firstName(certificate)
  return [
    ...lines,
    `  sealgate namespace client create --name ${shellWord(stemOf(name))} --authentication-name ${shellWord(name)} \\`,
    `    --client-certificate-authentication '{validationScheme:${scheme}}'`,
  ]
}

function usable(certificate: Certificate, scheme: (typeof schemes)[number]): string | null {
  const names = comparedNames(certificate, scheme).filter(({ unusable }) => unusable === null)
  // Of a subject the common name is what people register, and it stands behind the whole.
  return (scheme === 'SubjectMatchesAuthenticationName' ? names.at(-1) : names[0])?.text ?? null
}

function firstName(certificate: Certificate): string {
  for (const scheme of schemes) {
    const name = usable(certificate, scheme)
    if (name !== null) return name
  }
  return 'device'
}

function isSelfSigned({ subject, issuer }: Certificate): boolean {
  return formatDistinguishedName(subject) === formatDistinguishedName(issuer)
}

/** A name as a file name without its ending: nothing that leaves the directory or needs quotes. */
function stemOf(name: string | undefined, csr?: string): string {
  const from = name ?? csr?.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '') ?? 'device'
  const common = /^\s*CN\s*=\s*([^,+]+)/i.exec(from)?.[1] ?? from
  return (
    common
      .trim()
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[-.]+/, '')
      .slice(0, 64) || 'device'
  )
}

/** A name that a CA certificate may have as a resource. */
function authorityName(name: string): string {
  const stem = stemOf(name).replace(/[^A-Za-z0-9-]+/g, '-')
  return stem.length < 3 ? `ca-${stem}` : stem.slice(0, 50)
}

function keyFileBeside(file: string): string {
  return `${file.replace(/\.(?:pem|crt|cer|csr)$/i, '')}.key`
}
