/**
 * Where our verdict differs from x509-limbo's, and why that is meant. Its validators check web servers by the rules of
 * public CAs; ours checks devices whose CA an operator registered. A difference that no longer exists fails the test.
 */
export interface Difference {
  readonly expected: 'SUCCESS' | 'FAILURE'
  /** `ok`, a kind of failure, or `chainInvalid` with its rule. */
  readonly ours: string
  readonly reason: string
}

const identifiers = 'key identifiers help the search and decide nothing: small CAs leave them out'
const authorityProfile = 'the registered CA is trusted byte for byte; how public CAs must write theirs does not matter'
const purposeProfile = 'a rule for web servers of public CAs: RFC 5280 asks for none of it'
const leafIsNoAuthority = 'a CA certificate in the hands of a device could issue more of them'
const oddModulus = 'a length that public CAs may not use, but not a weak one'

const listNumber = 'a rule for whoever writes lists; here the number only tells which of two lists is newer'

export const limboDifferences: Readonly<Record<string, Difference>> = {
  'crl::crlnumber-critical': { expected: 'FAILURE', ours: 'ok', reason: listNumber },
  'crl::crlnumber-missing': { expected: 'FAILURE', ours: 'ok', reason: listNumber },
  'pathlen::max-chain-depth-1-self-issued': {
    expected: 'SUCCESS',
    ours: 'chainInvalid pathTooLong',
    reason: 'the limit of a path is one of work, so self-issued certificates count',
  },
  'pathlen::validation-ignores-pathlen-in-leaf': {
    expected: 'SUCCESS',
    ours: 'chainInvalid leafIsCertificateAuthority',
    reason: leafIsNoAuthority,
  },
  'rfc5280::ca-as-leaf': {
    expected: 'SUCCESS',
    ours: 'chainInvalid leafIsCertificateAuthority',
    reason: leafIsNoAuthority,
  },
  'rfc5280::aki::cross-signed-root-missing-aki': { expected: 'FAILURE', ours: 'ok', reason: identifiers },
  'rfc5280::aki::intermediate-missing-aki': { expected: 'FAILURE', ours: 'ok', reason: identifiers },
  'rfc5280::aki::leaf-missing-aki': { expected: 'FAILURE', ours: 'ok', reason: identifiers },
  'rfc5280::ski::intermediate-missing-ski': { expected: 'FAILURE', ours: 'ok', reason: identifiers },
  'rfc5280::ski::root-missing-ski': { expected: 'FAILURE', ours: 'ok', reason: identifiers },
  'rfc5280::nc::permitted-dns-match-noncritical': {
    expected: 'FAILURE',
    ours: 'ok',
    reason: 'constraints hold whether marked critical or not',
  },
  'rfc5280::pc::ica-noncritical-pc': {
    expected: 'FAILURE',
    ours: 'ok',
    reason: 'no decision depends on a policy, so a policy constraint that is not critical is read past',
  },
  'rfc5280::root-non-critical-basic-constraints': { expected: 'FAILURE', ours: 'ok', reason: authorityProfile },
  'rfc5280::san::ip-in-dns': {
    expected: 'FAILURE',
    ours: 'ok',
    reason: 'names are compared by the schemes, where a dNSName is never an address; the path is sound',
  },
  'rfc5280::san::underscore-dns': {
    expected: 'FAILURE',
    ours: 'ok',
    reason: 'device names with underscores are common, and literal comparison has no use for host name syntax',
  },
  'webpki::aki::root-with-aki-all-fields': { expected: 'FAILURE', ours: 'ok', reason: authorityProfile },
  'webpki::aki::root-with-aki-authoritycertissuer': { expected: 'FAILURE', ours: 'ok', reason: authorityProfile },
  'webpki::aki::root-with-aki-authoritycertserialnumber': { expected: 'FAILURE', ours: 'ok', reason: authorityProfile },
  'webpki::aki::root-with-aki-missing-keyidentifier': { expected: 'FAILURE', ours: 'ok', reason: authorityProfile },
  'webpki::aki::root-with-aki-ski-mismatch': { expected: 'FAILURE', ours: 'ok', reason: authorityProfile },
  'webpki::eku::ee-anyeku': { expected: 'FAILURE', ours: 'ok', reason: purposeProfile },
  'webpki::eku::ee-critical-eku': { expected: 'FAILURE', ours: 'ok', reason: purposeProfile },
  'webpki::eku::ee-without-eku': { expected: 'FAILURE', ours: 'ok', reason: purposeProfile },
  'webpki::eku::root-has-eku': { expected: 'FAILURE', ours: 'ok', reason: purposeProfile },
  'webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf': { expected: 'FAILURE', ours: 'ok', reason: oddModulus },
  'webpki::forbidden-rsa-not-divisible-by-8-in-root': { expected: 'FAILURE', ours: 'ok', reason: oddModulus },
  'webpki::malformed-aia': {
    expected: 'FAILURE',
    ours: 'ok',
    reason: 'extensions that are not processed are not parsed; no address in a certificate is ever fetched',
  },
  'webpki::nc::nc-permits-dns-san-pattern': {
    expected: 'SUCCESS',
    ours: 'chainInvalid nameConstraints',
    reason: 'a wildcard stands for names that a constraint may exclude, and no scheme accepts one',
  },
  'webpki::v1-cert': {
    expected: 'FAILURE',
    ours: 'ok',
    reason: 'plain `openssl x509 -req` makes leaves of version 1; as issuers they are refused',
  },
}
