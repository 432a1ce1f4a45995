import type { DecisionCode } from './decision.ts'

/** What to do about each refusal: one sentence for the operator. A code without one does not compile. */
const remedies: Readonly<Record<DecisionCode, string>> = {
  noCertificate:
    'Give the client its certificate and private key and let it connect over TLS: the peer sent no certificate, and without one no registered client can be recognised.',
  usernameRequired:
    'Send the authentication name of the client as Username in CONNECT, or set alternativeAuthenticationNameSources on the namespace so that the name is taken from the certificate.',
  nameNotInCertificate:
    'Send the authentication name as Username, or issue a certificate that carries it in a field listed in alternativeAuthenticationNameSources.',
  nameAmbiguous:
    'Send the authentication name as Username: the certificate names several registered clients, or more names than are looked up, so it alone cannot say which client this is.',
  clientNotFound:
    'Register a client with exactly this authentication name (no space added, case does not matter), or correct the Username or certificate field that the name was taken from.',
  clientDisabled: 'Set the state of this client to Enabled if it may connect again.',
  certificateMalformed:
    'Issue the certificate anew with a standard tool: it does not follow RFC 5280 at the place that the record names.',
  certificateNotYetValid:
    'Wait until the certificate becomes valid or issue one that already is, and check the clocks of the broker and of the machine that issued it.',
  certificateExpired:
    'Issue a new certificate to the client, and check the clock of the broker if this one should still be valid.',
  certificateTooWeak:
    'Issue the certificate with a key of RSA 2048 bits or more, P-256, P-384, P-521 or Ed25519, signed with SHA-256 or better.',
  issuerNotRegistered:
    'Register the CA certificate that signed this certificate, or let the client send the intermediate certificates up to one that is registered.',
  issuerExpired:
    'Renew the CA certificate that the record names and register (or send) the new one: an issuer is accepted only while it is valid itself.',
  chainInvalid:
    'Issue the CA certificates so that the rule named in the record holds, then register or send the corrected ones.',
  purposeNotAllowed:
    'Issue the certificate with the extended key usage clientAuth (or without that extension) and with the key usage digitalSignature.',
  nameMismatch:
    'Issue a certificate that carries the authentication name in the field of the validation scheme, or change the validation scheme of the client to the field that holds the name.',
  thumbprintMismatch:
    'Add the thumbprint of the presented certificate to the allowedThumbprints of the client, or let the client use the certificate that is listed there.',
  certificateRevoked: 'Issue a new certificate with a new key: this one, or a CA above it, has been revoked.',
  revocationUnknown:
    'Bring a current list in place of the one that the record names, or set staleRevocationLists of the namespace to warn.',
  unknownNamespace:
    'Connect with the host name of a namespace whose MQTT broker is enabled, so that TLS sends it as server name, or set --default-namespace for clients that send none.',
  ipForbidden: 'Add the address of the client to the inbound IP rules of the namespace, or connect from a listed one.',
  authenticationMethodUnsupported:
    'Connect without Authentication Method to use a certificate, or configure that method on the namespace.',
  tokenInvalid: 'Get a new token that satisfies the condition named in the record, and send it as Authentication Data.',
  tokenInPassword:
    'Send the token as Authentication Data of an MQTT 5 CONNECT with the Authentication Method CUSTOM-JWT, which must be configured on the namespace: the password field is never read as a token.',
  webhookDenied: 'Look into the log of the webhook of this namespace: it decided against this client.',
  webhookUnavailable:
    'Check that the webhook of this namespace is reachable and answers within its deadline with a well-formed decision.',
  issuerNotAllowed:
    'Use a certificate from one of the CA certificates that this client is bound to, or add the name of its CA to the issuers of the client.',
  originNotAllowed:
    'Add the origin of the web page to allowedOrigins, or authenticate with a token: a browser would send its certificate for any page.',
  identityConflict:
    'Give the token or webhook identity a name that no registered client has, or remove the registered client.',
  clientIdNotAllowed:
    'Choose a Client Identifier that the clientIdPolicy of the namespace allows for this authentication name.',
  sessionNameTaken:
    'Choose another Client Identifier, or close the session of the other client that holds this one: it is free again when that session has expired.',
  sessionLimitReached:
    'Close the session that the record names, connect with its Client Identifier, or raise maximumClientSessionsPerAuthenticationName.',
  namespaceSessionLimitReached:
    'Close sessions that are no longer needed, or raise the session limit of the namespace.',
  connectRateExceeded: 'Let the client wait longer between attempts, with a growing and random delay.',
  willNotAuthorized:
    'Bind a group of this client as Publisher to a topic space that covers the will topic, or change the will topic.',
  publishNotAuthorized:
    'Bind a group of this client as Publisher to a topic space with a template that covers this topic.',
  subscribeNotAuthorized:
    'Bind a group of this client as Subscriber to a topic space with one template that covers the whole filter, or subscribe to a narrower filter.',
  handshakeFailed:
    'Let the client speak TLS 1.2 or 1.3 to this port and trust the CA that signed the server certificate; the reason of the TLS library is in the record.',
}

export function remedyFor(code: DecisionCode): string {
  return remedies[code]
}
