/** Mutated revocation lists, as octets and as people hand them in: `npm run fuzz -- crl --seed 7 --runs 100000`. */
const options = process.argv.slice(2)
for (const target of ['crl', 'crlUpload']) {
  process.argv.splice(2, Number.POSITIVE_INFINITY, '--target', target, ...options)
  await import(`./x509.ts?${target}`)
}
