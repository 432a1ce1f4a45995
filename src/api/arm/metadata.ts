import { json, type Route } from '../route.ts'

/** What `az cloud register` and Terraform ask before anybody has logged in. One document serves both versions. */
export const metadataRoutes: readonly Route[] = [
  {
    id: 'Metadata_Endpoints',
    method: 'GET',
    path: '/metadata/endpoints',
    tag: 'Azure Resource Manager',
    summary: 'Where a client finds what belongs to this cloud: this server is all of it.',
    access: 'open',
    apiVersion: 'optional',
    answers: { 200: 'Metadata' },
    handle({ baseUrl, apiVersion }) {
      // az takes an authority that ends in /adfs as it is and asks nobody else whether it exists.
      const isOld = apiVersion !== null && apiVersion < '2016'
      const authentication = {
        loginEndpoint: isOld ? `${baseUrl}/adfs` : baseUrl,
        audiences: [baseUrl, 'https://management.azure.com/'],
        tenant: 'adfs',
        identityProvider: 'ADFS',
      }
      return json(200, {
        name: 'Sealgate',
        galleryEndpoint: baseUrl,
        graphEndpoint: baseUrl,
        portalEndpoint: baseUrl,
        authentication,
        ...(isOld
          ? {}
          : {
              portal: baseUrl,
              resourceManager: `${baseUrl}/`,
              graph: baseUrl,
              graphAudience: baseUrl,
              microsoftGraphResourceId: baseUrl,
              gallery: baseUrl,
              media: baseUrl,
              batch: baseUrl,
              activeDirectoryDataLake: baseUrl,
              suffixes: { keyVaultDns: '', storage: '', sqlServerHostname: '', acrLoginServer: '' },
            }),
      })
    },
  },
]
