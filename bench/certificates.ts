import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Identity } from './load/job.ts'

/** What a run needs of X.509, made by openssl when the run begins and thrown away with its folder. */
export interface Material {
  readonly serverName: string
  readonly caCertificate: string
  readonly serverCertificate: string
  readonly serverKey: string
  /** Devices whose P-256 certificate stands directly under the CA. */
  readonly devices: readonly Identity[]
  /** Devices with RSA-2048 keys under an RSA intermediate, which they send along. */
  readonly rsaDevices: readonly Identity[]
  readonly rsaCaCertificate: string
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

export function makeMaterial(folder: string, deviceCount = 64, rsaDeviceCount = 16): Material {
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

  const caKey = makeKey('ca.key', ...p256)
  const ca = { key: caKey, certificate: certify('ca.pem', 'bench CA', 'ca', caKey, null) }
  const serverKey = makeKey('server.key', ...p256)
  const serverCertificate = certify('server.pem', 'localhost', 'server', serverKey, ca)

  // One key serves all devices of a kind: what costs a broker is the certificate and the proof, not whose key it is.
  const deviceKey = makeKey('device.key', ...p256)
  const devices = identities(deviceCount, 'device', (name) => ({
    name,
    keyFile: deviceKey,
    certificateFile: certify(`${name}.pem`, name, 'device', deviceKey, ca),
  }))

  const rsaCaKey = makeKey('rsa-ca.key', ...rsa2048)
  const rsaCa = { key: rsaCaKey, certificate: certify('rsa-ca.pem', 'bench RSA CA', 'ca', rsaCaKey, null) }
  const middleKey = makeKey('rsa-middle.key', ...rsa2048)
  const middle = {
    key: middleKey,
    certificate: certify('rsa-middle.pem', 'bench RSA intermediate', 'intermediate', middleKey, rsaCa),
  }
  const rsaKey = makeKey('rsa-device.key', ...rsa2048)
  const rsaDevices = identities(rsaDeviceCount, 'rsa-device', (name) => {
    const certificateFile = certify(`${name}.pem`, name, 'device', rsaKey, middle)
    writeFileSync(certificateFile, readFileSync(certificateFile, 'utf8') + readFileSync(middle.certificate, 'utf8'))
    return { name, keyFile: rsaKey, certificateFile }
  })
  return {
    serverName: 'localhost',
    caCertificate: ca.certificate,
    serverCertificate,
    serverKey,
    devices,
    rsaDevices,
    rsaCaCertificate: rsaCa.certificate,
  }
}

function identities(count: number, prefix: string, make: (name: string) => Identity): Identity[] {
  return Array.from({ length: count }, (_, index) => make(`${prefix}-${String(index).padStart(3, '0')}`))
}
