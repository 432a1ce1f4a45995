/**
 * Where `openssl verify -partial_chain -x509_strict -purpose sslclient` answers otherwise than we do, and why that is
 * meant. A difference that no longer exists fails the test.
 */
export interface OpensslDifference {
  readonly openssl: 'accepts' | 'refuses'
  readonly reason: string
}

const inclusive = 'RFC 5280 4.1.2.5 counts the last second of the validity in; openssl does not'
const profile = 'a rule for how a CA should write its certificate, without effect on what the certificate allows'
const leafIsNoAuthority = 'a CA certificate in the hands of a device could issue more of them'
const noBacktracking = 'openssl takes the first issuer that fits and does not come back to try the others'
const anyPurpose = 'anyExtendedKeyUsage allows clientAuth (RFC 5280 4.2.1.12); openssl asks for it by name'
const identifiers = 'key identifiers help the search and decide nothing: small CAs leave them out'
const serialInIdentifier =
  'issuer and serial number in authorityKeyIdentifier repeat the search by name; the signature decides'
const unprocessed = 'no CRL is fetched, so a critical demand to use one is refused'
const strength = 'openssl judges strength by a security level, which verify leaves low; ours is the key policy'
const encodedNames = 'issuer and subject are compared as encoded, as RFC 5280 4.1.2.6 asks CAs to repeat the encoding'
const wildcard = 'a wildcard may stand for a name that the constraint excludes'
const malformedName = 'a malformed name of a constrained kind lies in no subtree'
const malformedSubtree = 'a malformed subtree is not understood, so every name of its kind fails'
const leafConstraints = 'RFC 5280 4.2.1.10: nameConstraints only in CA certificates'
const length = 'six certificates are the most that one decision follows'
const serials = 'RFC 5280 4.1.2.2: serial numbers are positive and at most 20 octets'
const parameters = 'RFC 5758 3.2: no parameters with ECDSA'

export const opensslDifferences: Readonly<Record<string, OpensslDifference>> = {
  'validity::leaf-notAfter-now': { openssl: 'refuses', reason: inclusive },
  'validity::intermediate-notAfter-now': { openssl: 'refuses', reason: inclusive },
  'validity::anchor-notAfter-now': { openssl: 'refuses', reason: inclusive },
  'ca::anchor-not-critical': { openssl: 'refuses', reason: profile },
  'ca::intermediate-not-critical': { openssl: 'refuses', reason: profile },
  'ku::anchor-absent': { openssl: 'refuses', reason: profile },
  'ku::intermediate-absent': { openssl: 'refuses', reason: profile },
  'ca::leaf-that-is-a-ca': { openssl: 'accepts', reason: leafIsNoAuthority },
  'cycle::with-a-way-out': { openssl: 'refuses', reason: noBacktracking },
  'equal::elsewhere-and-valid': { openssl: 'refuses', reason: noBacktracking },
  'equal::expired-elsewhere-and-valid': { openssl: 'refuses', reason: noBacktracking },
  'eku::anchor-any': { openssl: 'refuses', reason: anyPurpose },
  'eku::intermediate-any': { openssl: 'refuses', reason: anyPurpose },
  'eku::leaf-any': { openssl: 'refuses', reason: anyPurpose },
  'equal::anchors-without-identifiers': { openssl: 'refuses', reason: identifiers },
  'identifier::anchor-without': { openssl: 'refuses', reason: identifiers },
  'identifier::empty': { openssl: 'refuses', reason: identifiers },
  'identifier::leaf-without': { openssl: 'refuses', reason: identifiers },
  'identifier::with-another-serial': { openssl: 'refuses', reason: serialInIdentifier },
  'extension::leaf-critical-crl-distribution-points': { openssl: 'accepts', reason: unprocessed },
  'key::anchor-rsa-1024': { openssl: 'accepts', reason: strength },
  'key::intermediate-rsa-1024': { openssl: 'accepts', reason: strength },
  'key::leaf-dsa': { openssl: 'accepts', reason: strength },
  'key::leaf-p-192': { openssl: 'accepts', reason: strength },
  'key::leaf-rsa-1024': { openssl: 'accepts', reason: strength },
  'key::leaf-rsa-16384': { openssl: 'accepts', reason: strength },
  'key::leaf-rsa-even-exponent': { openssl: 'accepts', reason: strength },
  'key::leaf-rsa-exponent-of-3072-bits': { openssl: 'accepts', reason: strength },
  'key::leaf-secp256k1': { openssl: 'accepts', reason: strength },
  'name::issuer-in-another-case': { openssl: 'accepts', reason: encodedNames },
  'name::issuer-in-another-string-type': { openssl: 'accepts', reason: encodedNames },
  'nc::dns-excluded-wildcard-name': { openssl: 'accepts', reason: wildcard },
  'nc::dns-permitted-wildcard-name': { openssl: 'accepts', reason: wildcard },
  'nc::dns-permitted-leading-dot-name': { openssl: 'accepts', reason: malformedName },
  'nc::dns-permitted-name-with-space': { openssl: 'accepts', reason: malformedName },
  'nc::email-permitted-two-ats': { openssl: 'accepts', reason: malformedName },
  'nc::dns-subtree-with-leading-dot': { openssl: 'accepts', reason: malformedSubtree },
  'nc::ip-permitted-mask-with-a-hole': { openssl: 'accepts', reason: malformedSubtree },
  'nc::in-a-leaf': { openssl: 'accepts', reason: leafConstraints },
  'nc::in-a-leaf-not-critical': { openssl: 'accepts', reason: leafConstraints },
  'pathlen::six-cas': { openssl: 'accepts', reason: length },
  'serial::leaf-negative': { openssl: 'accepts', reason: serials },
  'serial::leaf-of-21-octets': { openssl: 'accepts', reason: serials },
  'serial::leaf-zero': { openssl: 'accepts', reason: serials },
  'signature::ecdsa-with-null': { openssl: 'accepts', reason: parameters },
}
