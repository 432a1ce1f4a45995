import { bytesEqual, toHex } from '../../base/bytes.ts'
import { formatUnixSeconds, toUnixSeconds, type UnixSeconds } from '../../base/time.ts'
import { checkCaUpload } from '../../x509/ca-upload.ts'
import type { Certificate } from '../../x509/certificate.ts'
import { formatDistinguishedName } from '../../x509/distinguished-name.ts'
import { ExtendedKeyUsage } from '../../x509/extensions.ts'
import { leafFaults, thumbprintFaults } from '../../x509/path-rules.ts'
import { toPem } from '../../x509/pem.ts'
import type { PublicKeyFacts } from '../../x509/public-key.ts'
import { describeAlgorithm, signatureScheme } from '../../x509/signature.ts'
import { parseThumbprint, thumbprintsOf } from '../../x509/thumbprint.ts'
import { CommandFailure, wrongUsage } from '../command-failure.ts'
import { escapeText } from '../escape-text.ts'
import { type Cell, facts, indented, type OutputForm, printResult, table } from '../print.ts'
import type { Terminal } from '../terminal.ts'
import { readCertificates } from './files.ts'
import { type ComparedName, comparedNames, type Scheme, schemes, subjectKey } from './names.ts'

/** `sealgate cert inspect`: what the broker reads in a certificate, and what it would say of it now. */
export async function inspect(
  terminal: Terminal,
  files: readonly string[],
  options: { readonly output: OutputForm },
): Promise<void> {
  const now = toUnixSeconds(terminal.now())
  const inspected: Inspected[] = []
  for (const file of files) {
    const { certificates, holdsPrivateKey } = await readCertificates(terminal, file)
    if (holdsPrivateKey) terminal.complain(`note: ${file} holds a private key too; it was not read`)
    for (const [index, certificate] of certificates.entries()) {
      const heading = certificates.length === 1 ? file : `${file}, certificate ${index + 1} of ${certificates.length}`
      inspected.push({ file, heading, ...describe(certificate, now) })
    }
  }
  const data = inspected.map(({ heading: _, ...rest }) => rest)
  await printResult(terminal, options.output, data.length === 1 ? data[0] : data, () =>
    inspected.flatMap((one, index) => [...(index === 0 ? [] : ['']), ...shown(one, now)]),
  )
}

/** `sealgate cert fingerprint`: the thumbprint alone, ready for a script or for `allowed-thumbprints`. */
export async function fingerprint(
  terminal: Terminal,
  file: string,
  options: { readonly algorithm: 'sha256' | 'sha1'; readonly matches?: string },
): Promise<void> {
  const [certificate] = (await readCertificates(terminal, file)).certificates
  if (certificate === undefined) throw new CommandFailure(`${file}: no certificate in it`)
  const prints = thumbprintsOf(certificate.der)
  if (options.matches === undefined) {
    terminal.print(prints[options.algorithm])
    return
  }
  const wanted = parseThumbprint(options.matches)
  if (!wanted.ok)
    throw wrongUsage(`--matches ${options.matches}: expected 64 (SHA-256) or 40 (SHA-1) hexadecimal digits`)
  const own = prints[wanted.value.algorithm]
  if (own !== wanted.value.hex) throw new CommandFailure(`${file} has another thumbprint: ${own}`)
  terminal.print(`${file} has this thumbprint`)
}

interface Description {
  readonly subject: string
  readonly subjectKey: string
  readonly issuer: string
  readonly selfSigned: boolean
  readonly serialNumber: string
  readonly notBefore: string
  readonly notAfter: string
  readonly version: number
  readonly key: string
  readonly signature: string
  readonly certificateAuthority: boolean
  readonly pathLengthConstraint: number | null
  readonly keyUsage: readonly string[] | null
  readonly extendedKeyUsage: readonly string[] | null
  readonly unknownCriticalExtensions: readonly string[]
  readonly subjectKeyIdentifier: string | null
  readonly authorityKeyIdentifier: string | null
  readonly sha256: string
  readonly sha1: string
  /** By validation scheme, in certificate order. */
  readonly comparedNames: Readonly<Record<Scheme, readonly ComparedName[]>>
  /** One sentence each; none: nothing about the certificate itself stands in the way. */
  readonly problems: {
    readonly asClient: readonly string[]
    readonly asThumbprintClient: readonly string[]
    /** Null: it is no CA certificate. */
    readonly asCaCertificate: readonly string[] | null
  }
}

interface Inspected extends Description {
  readonly file: string
  readonly heading: string
}

export function describe(certificate: Certificate, now: UnixSeconds): Description {
  const { sha256, sha1 } = thumbprintsOf(certificate.der)
  const skew = { notBeforeSeconds: 300, notAfterSeconds: 0 }
  const isAuthority = certificate.basicConstraints?.cA === true
  const upload = isAuthority ? checkCaUpload(toPem('CERTIFICATE', certificate.der), [], now) : null
  return {
    subject: formatDistinguishedName(certificate.subject),
    subjectKey: subjectKey(certificate),
    issuer: formatDistinguishedName(certificate.issuer),
    selfSigned: bytesEqual(certificate.subject.der, certificate.issuer.der),
    serialNumber: serialText(certificate.serialNumber),
    notBefore: formatUnixSeconds(certificate.notBefore),
    notAfter: formatUnixSeconds(certificate.notAfter),
    version: certificate.version,
    key: keyText(certificate.publicKeyFacts),
    signature: signatureText(certificate),
    certificateAuthority: isAuthority,
    pathLengthConstraint: certificate.basicConstraints?.pathLenConstraint ?? null,
    keyUsage: certificate.keyUsage === null ? null : [...certificate.keyUsage],
    extendedKeyUsage: certificate.extendedKeyUsage?.map(purposeText) ?? null,
    unknownCriticalExtensions: certificate.unknownCriticalExtensions,
    subjectKeyIdentifier: hexOrNull(certificate.subjectKeyIdentifier),
    authorityKeyIdentifier: hexOrNull(certificate.authorityKeyIdentifier),
    sha256,
    sha1,
    comparedNames: Object.fromEntries(schemes.map((scheme) => [scheme, comparedNames(certificate, scheme)])) as Record<
      Scheme,
      readonly ComparedName[]
    >,
    problems: {
      asClient: sentences(leafFaults(certificate, { now, skew, purpose: ExtendedKeyUsage.ClientAuth }), certificate),
      asThumbprintClient: sentences(thumbprintFaults(certificate, { now, skew }), certificate),
      asCaCertificate:
        upload === null
          ? null
          : upload.ok
            ? upload.value.warnings
                .filter(({ code }) => code === 'purposeExcludesClients')
                .map(({ sentence }) => sentence)
            : [upload.error.sentence],
    },
  }
}

function shown(one: Inspected, now: UnixSeconds): string[] {
  const { keyUsage, extendedKeyUsage, problems } = one
  const authority = one.pathLengthConstraint === null ? 'yes' : `yes, at most ${one.pathLengthConstraint} below it`
  const names = schemes.flatMap((scheme): Cell[][] => {
    const found = one.comparedNames[scheme]
    if (found.length === 0) return [[scheme, null]]
    return found.map(({ text, unusable }, index) => [
      index === 0 ? scheme : '',
      unusable === null ? text : `${text} (${unusable})`,
    ])
  })
  return [
    escapeText(one.heading),
    ...indented(
      facts([
        ['Subject', one.subject === '' ? 'empty' : one.subject],
        ['Compared as', one.subjectKey === '' ? null : one.subjectKey],
        ['Issuer', one.selfSigned ? 'itself' : one.issuer],
        ['Serial number', one.serialNumber],
        ['Valid', `${one.notBefore} to ${one.notAfter}${remaining(one, now)}`],
        ['Key', one.key],
        ['Signature', one.signature],
        ['CA certificate', one.certificateAuthority ? authority : 'no'],
        ['Key usage', keyUsage === null ? 'any' : keyUsage.join(', ')],
        ['Purposes', extendedKeyUsage === null ? 'any' : extendedKeyUsage.join(', ')],
        ['Critical, unknown', one.unknownCriticalExtensions.join(', ') || null],
      ]),
    ),
    '',
    ...indented(['What the validation schemes compare with the authentication name:']),
    ...indented(
      indented(
        table(
          ['scheme', 'name in this certificate'],
          [...names, ['ThumbprintMatch', one.sha256], ['', `${one.sha1} (SHA-1)`]],
          '',
        ),
      ),
    ),
    '',
    ...indented(
      facts(
        one.certificateAuthority
          ? [['As a registered CA certificate', verdict(problems.asCaCertificate ?? [])]]
          : [
              ['As a client below a registered CA', verdict(problems.asClient)],
              ['As a client by its thumbprint', verdict(problems.asThumbprintClient)],
            ],
      ),
    ),
  ]
}

function verdict(problems: readonly string[]): readonly string[] {
  return problems.length === 0 ? ['nothing in it stands in the way'] : problems
}

function remaining({ notBefore, notAfter }: Description, now: UnixSeconds): string {
  const [from, until] = [Date.parse(notBefore) / 1_000, Date.parse(notAfter) / 1_000]
  if (now < from) return ', not yet'
  if (now > until) return ', expired'
  const days = Math.floor((until - now) / 86_400)
  return days === 1 ? ', 1 day left' : `, ${days} days left`
}

interface Fault {
  readonly kind: string
  readonly rule?: string
  readonly expected: string
  readonly presented: string
}

function sentences(faults: Iterable<Fault>, { notBefore, notAfter }: Certificate): string[] {
  return [...faults].map(({ kind, rule, expected, presented }) => {
    if (kind === 'certificateExpired') return `${kind}: it ended at ${formatUnixSeconds(notAfter)}`
    if (kind === 'certificateNotYetValid') return `${kind}: it begins at ${formatUnixSeconds(notBefore)}`
    return `${rule === undefined ? kind : `${kind} (${rule})`}: expected ${expected}, found ${presented}`
  })
}

function signatureText({ signatureAlgorithm }: Certificate): string {
  const scheme = signatureScheme(signatureAlgorithm)
  if (scheme === null) return `${describeAlgorithm(signatureAlgorithm)} (not accepted)`
  return 'hash' in scheme ? `${scheme.kind} with ${scheme.hash.toUpperCase().replace(/^SHA-?/, 'SHA-')}` : scheme.kind
}

function keyText(facts: PublicKeyFacts): string {
  switch (facts.kind) {
    case 'RSA':
    case 'RSASSA-PSS':
      return `${facts.kind} ${facts.modulusBits} bits, exponent ${facts.exponent.toString().slice(0, 20)}`
    case 'EC':
      return `EC ${facts.curve ?? 'with explicit parameters'}`
    case 'other':
      return `of type ${facts.oid}`
    default:
      return facts.kind
  }
}

const purposeTexts: Readonly<Record<string, string>> = {
  [ExtendedKeyUsage.ClientAuth]: 'clientAuth',
  [ExtendedKeyUsage.ServerAuth]: 'serverAuth',
  [ExtendedKeyUsage.Any]: 'anyExtendedKeyUsage',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
}

function purposeText(oid: string): string {
  return purposeTexts[oid] ?? oid
}

function hexOrNull(octets: Uint8Array | null): string | null {
  return octets === null ? null : toHex(octets)
}

/** Colons between the octets: never read as a decimal number (S24). */
function serialText(serial: bigint): string {
  const negative = serial < 0n
  const digits = (negative ? -serial : serial).toString(16).toUpperCase()
  const even = digits.length % 2 === 0 ? digits : `0${digits}`
  const octets = even.match(/../g) ?? ['00']
  return `${negative ? '-' : ''}${octets.length === 1 ? `00:${octets[0]}` : octets.join(':')}`
}
