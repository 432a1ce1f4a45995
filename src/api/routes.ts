import { resourceRoutes } from './arm/resource-routes.ts'
import { healthRoutes } from './health.ts'
import { metricsRoutes } from './metrics.ts'
import type { Route } from './route.ts'

/** Everything that is answered. */
export const routes: readonly Route[] = [...healthRoutes, ...metricsRoutes, ...resourceRoutes]
