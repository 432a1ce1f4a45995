import { tokenEndpointRoutes } from './access/token-endpoint.ts'
import { tokenRoutes } from './access/token-routes.ts'
import { deploymentRoutes } from './arm/deployments.ts'
import { genericResourceRoutes } from './arm/generic-resources.ts'
import { metadataRoutes } from './arm/metadata.ts'
import { resourceGroupRoutes } from './arm/resource-group-routes.ts'
import { resourceRoutes } from './arm/resource-routes.ts'
import { subscriptionRoutes } from './arm/subscriptions.ts'
import { healthRoutes } from './health.ts'
import { metricsRoutes } from './metrics.ts'
import { openApiRoute } from './openapi.ts'
import type { Route } from './route.ts'
import { backupRoutes } from './sealgate/backup.ts'
import { certificateRoutes } from './sealgate/certificates.ts'
import { decisionRoutes } from './sealgate/decisions.ts'
import { explainRoutes } from './sealgate/explain.ts'
import { exportRoutes } from './sealgate/export.ts'
import { sessionRoutes } from './sealgate/sessions.ts'

/** Everything that is answered. */
export const routes: readonly Route[] = [
  ...healthRoutes,
  ...metricsRoutes,
  ...resourceRoutes,
  ...subscriptionRoutes,
  ...resourceGroupRoutes,
  ...genericResourceRoutes,
  ...deploymentRoutes,
  ...metadataRoutes,
  ...tokenEndpointRoutes,
  ...tokenRoutes,
  ...decisionRoutes,
  ...sessionRoutes,
  ...certificateRoutes,
  ...explainRoutes,
  ...exportRoutes,
  ...backupRoutes,
  openApiRoute(() => routes),
]
