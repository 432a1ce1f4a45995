import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Identity } from './load/job.ts'

/** P-256 directly under the CA; P-256 and RSA-2048 under an intermediate, which they send along. */
export type DeviceKind = 'p256' | 'p256-intermediate' | 'rsa-intermediate'

export interface Devices {
  /** The registered one, at the top. */
  readonly caCertificate: string
  readonly identities: readonly Identity[]
}

/** What a run needs of X.509, made by openssl when the run begins and thrown away with its folder. */
export interface Material {
  readonly serverName: string
  readonly serverCertificate: string
  readonly serverKey: string
  readonly devices: Readonly<Record<DeviceKind, Devices>>
}

const configuration = `
[req]
distinguished_name = name
prompt = no
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[device]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`

interface Signer {
  readonly certificate: string
  readonly key: string
}

/** @param count devices of each kind */
export function makeMaterial(folder: string, count = 64): Material {
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'openssl.cnf')
  writeFileSync(config, configuration)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const file = (name: string) => join(folder, name)
  const makeKey = (name: string, ...options: string[]) => {
    openssl('genpkey', '-out', file(name), '-algorithm', ...options)
    return file(name)
  }
  const certify = (name: string, commonName: string, section: string, key: string, signer: Signer | null) => {
    const by = signer === null ? [] : ['-CA', signer.certificate, '-CAkey', signer.key]
    const subject = ['-subj', `/O=Sealgate bench/CN=${commonName}`]
    const fixed = ['req', '-x509', '-config', config, '-days', '30', '-sha256']
    openssl(...fixed, '-key', key, '-extensions', section, ...subject, ...by, '-out', file(name))
    return file(name)
  }
  const p256 = ['EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const rsa2048 = ['RSA', '-pkeyopt', 'rsa_keygen_bits:2048']

  const authority = (name: string, key: readonly string[]): Signer => {
    const keyFile = makeKey(`${name}.key`, ...key)
    return { key: keyFile, certificate: certify(`${name}.pem`, `bench ${name}`, 'ca', keyFile, null) }
  }
  /** One key serves all devices of a kind: what costs a broker is the certificate and the proof, not whose key it is. */
  const devicesOf = (kind: string, key: readonly string[], ca: Signer, above: Signer | null): Devices => {
    const deviceKey = makeKey(`${kind}.key`, ...key)
    const identities = Array.from({ length: count }, (_, i) => {
      const name = `${kind}-${String(i).padStart(3, '0')}`
      const certificateFile = certify(`${name}.pem`, name, 'device', deviceKey, above ?? ca)
      if (above !== null) appendFileSync(certificateFile, readFileSync(above.certificate))
      return { name, keyFile: deviceKey, certificateFile }
    })
    return { caCertificate: ca.certificate, identities }
  }
  const intermediate = (name: string, key: readonly string[], ca: Signer): Signer => {
    const keyFile = makeKey(`${name}.key`, ...key)
    return { key: keyFile, certificate: certify(`${name}.pem`, `bench ${name}`, 'intermediate', keyFile, ca) }
  }

  const ca = authority('ca', p256)
  const rsaCa = authority('rsa-ca', rsa2048)
  const serverKey = makeKey('server.key', ...p256)
  const serverCertificate = certify('server.pem', 'localhost', 'server', serverKey, ca)
  const middle = intermediate('middle', p256, ca)
  const rsaMiddle = intermediate('rsa-middle', rsa2048, rsaCa)
  return {
    serverName: 'localhost',
    serverCertificate,
    serverKey,
    devices: {
      p256: devicesOf('device', p256, ca, null),
      'p256-intermediate': devicesOf('chained', p256, ca, middle),
      'rsa-intermediate': devicesOf('rsa-device', rsa2048, rsaCa, rsaMiddle),
    },
  }
}
