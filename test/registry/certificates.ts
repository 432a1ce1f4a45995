import { unixSeconds } from '../../src/base/time.ts'
import { parseDistinguishedName } from '../../src/x509/distinguished-name.ts'
import { type CertificateAuthority, createCertificateAuthority, issueCertificate } from '../../src/x509/issue.ts'
import { toPem } from '../../src/x509/pem.ts'
import { start } from './support.ts'

const day = 86_400
const now = start / 1000

/** Days are counted from the clock of these tests. */
export function authority(subject: string, from = -30, until = 365): CertificateAuthority {
  return createCertificateAuthority({
    subject: nameOf(subject),
    notBefore: unixSeconds(now + from * day),
    notAfter: unixSeconds(now + until * day),
  })
}

export function leafPem(issuer: CertificateAuthority, subject: string): string {
  const { certificate } = issueCertificate({
    issuer,
    subject: nameOf(subject),
    notBefore: unixSeconds(now - day),
    notAfter: unixSeconds(now + day),
  })
  return toPem('CERTIFICATE', certificate.der)
}

export function pemOf({ certificate }: CertificateAuthority): string {
  return toPem('CERTIFICATE', certificate.der)
}

export function nameOf(text: string) {
  const name = parseDistinguishedName(text)
  if (!name.ok) throw new Error(text)
  return name.value
}
