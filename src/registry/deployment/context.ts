/** Where a template is applied. */
export interface DeploymentContext {
  readonly subscriptionId: string
  readonly resourceGroup: string
  /** `resourceGroup().location` */
  readonly location: string
  /** Resources of other types are passed over instead of refused. */
  readonly ignoreUnsupported?: boolean
}

export const defaultContext: DeploymentContext = {
  subscriptionId: '00000000-0000-0000-0000-000000000000',
  resourceGroup: 'local',
  location: 'local',
}
