import { type Command, Option } from 'commander'
import type { KeyType } from '../../x509/issue.ts'
import { outputOption } from '../print.ts'
import type { Terminal } from '../terminal.ts'

const keyTypes: readonly KeyType[] = ['P-256', 'P-384', 'RSA-2048', 'Ed25519']

/** `sealgate cert …`: the certificates that devices and tests need, one line each. */
export function addCertCommands(program: Command, terminal: Terminal): void {
  const cert = program
    .command('cert')
    .description('make and look into certificates; needs no running server')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
A CA, a device below it, and its thumbprint:
  sealgate cert ca 'Plant CA'
  sealgate cert issue press-7
  sealgate cert fingerprint press-7.pem`,
    )

  const ca = cert
    .command('ca')
    .description('make a CA certificate with its key: a root, or with --ca an intermediate')
    .argument('<name>', 'its common name, or a distinguished name such as "CN=Plant CA,O=Acme"')
    .option('--ca <file>', 'CA certificate that signs it')
    .option('--ca-key <file>', 'private key of --ca; default: the file beside it that ends in .key')
    .option('--path-length <n>', 'how many CA certificates may follow below it; default: any')
  addMakeOptions(ca, 'ca.pem', 3_650).action(async (name, options) => {
    await (await import('./make.ts')).makeAuthority(terminal, name, options)
  })

  const issue = cert
    .command('issue')
    .description('make a certificate that a CA signs, for a client')
    .argument('[name]', 'its common name or distinguished name; may be left out with an alternative name or --csr')
    .option('--ca <file>', 'CA certificate that signs', 'ca.pem')
    .option('--ca-key <file>', 'private key of --ca; default: the file beside it that ends in .key')
    .option('--csr <file>', "certificate request with the device's own key")
    .option('--chain', 'put the CA certificates of --ca behind it, the root left out, for devices that send them')
  addNameOptions(issue)
  addUsageOption(issue)
  addMakeOptions(issue, 'NAME.pem', 825).action(async (name, options) => {
    await (await import('./make.ts')).makeLeaf(terminal, name, options)
  })

  const selfSigned = cert
    .command('self-signed')
    .description('make a certificate that signs itself, for a client that is registered by its thumbprint')
    .argument('[name]', 'its common name or distinguished name')
  addNameOptions(selfSigned)
  addUsageOption(selfSigned)
  addMakeOptions(selfSigned, 'NAME.pem', 825).action(async (name, options) => {
    await (await import('./make.ts')).makeSelfSigned(terminal, name, options)
  })

  const csr = cert
    .command('csr')
    .description('make a key and a certificate request, for a CA elsewhere')
    .argument('[name]', 'its common name or distinguished name')
  addNameOptions(csr)
  addFileOptions(csr, 'NAME.csr').action(async (name, options) => {
    await (await import('./make.ts')).makeRequest(terminal, name, options)
  })

  cert
    .command('revoke')
    .description('put certificates on the revocation list (CRL) of their CA; without any, sign the list anew')
    .argument('[file...]', 'PEM or DER; the first certificate of each')
    .option('--ca <file>', 'CA certificate that issued them', 'ca.pem')
    .option('--ca-key <file>', 'private key of --ca; default: the file beside it that ends in .key')
    .option('--list <file>', 'the list; made when there is none; default: the file beside --ca that ends in .crl')
    .option('--days <n>', 'the next list is due after so many days; default: 7')
    .addOption(outputOption())
    .action(async (files, options) => {
      await (await import('./revoke.ts')).revoke(terminal, files, options)
    })

  cert
    .command('inspect')
    .description('what the broker reads in a certificate: names by validation scheme, dates, key, usage, thumbprints')
    .argument('<file...>', 'PEM or DER; - reads the standard input')
    .addOption(outputOption())
    .action(async (files, options) => {
      await (await import('./inspect.ts')).inspect(terminal, files, options)
    })

  cert
    .command('fingerprint')
    .description('the thumbprint of the first certificate of a file, as allowed-thumbprints takes it')
    .argument('<file>', 'PEM or DER; - reads the standard input')
    .addOption(
      new Option('--algorithm <name>', 'hash over the certificate').choices(['sha256', 'sha1']).default('sha256'),
    )
    .option('--matches <thumbprint>', 'compare instead: exit code 1 if it is another')
    .action(async (file, options) => {
      await (await import('./inspect.ts')).fingerprint(terminal, file, options)
    })
}

function addMakeOptions(command: Command, defaultFile: string, days: number): Command {
  command
    .option('--days <n>', `valid for so many days from now; default: ${days}`)
    .option('--not-before <time>', 'valid from, e.g. 2027-03-31 or 2027-03-31T12:00:00Z; default: an hour ago')
    .option('--not-after <time>', 'valid until, instead of --days')
  return addFileOptions(command, defaultFile)
}

function addFileOptions(command: Command, defaultFile: string): Command {
  return command
    .option('--out <file>', `where it goes; default: ${defaultFile}`)
    .option('--key-out <file>', 'where its private key goes, with mode 0600; default: beside it, ending in .key')
    .option('--key <file>', 'use this private key, PEM without a password, instead of making one')
    .addOption(new Option('--key-type <type>', 'kind of key to make; default: P-256').choices(keyTypes))
    .option('--force', 'replace files that exist')
    .addOption(outputOption())
}

function addNameOptions(command: Command): void {
  const collect = (value: string, earlier: string[] = []): string[] => [...earlier, value]
  command
    .option('--dns <name>', 'alternative name: a host name. Repeatable', collect)
    .option('--uri <uri>', 'alternative name: a URI. Repeatable', collect)
    .option('--ip <address>', 'alternative name: an IPv4 or IPv6 address. Repeatable', collect)
    .option('--email <address>', 'alternative name: a mail address. Repeatable', collect)
}

function addUsageOption(command: Command): void {
  command.addOption(
    new Option('--usage <purpose>', 'extended key usage; none leaves the extension out; default: clientAuth').choices([
      'clientAuth',
      'serverAuth',
      'both',
      'none',
    ]),
  )
}
