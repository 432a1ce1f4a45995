/** Paths that several route tables build on. */
export const groupPath = '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}'
export const namespacePath = `${groupPath}/providers/Microsoft.EventGrid/namespaces/{namespaceName}`
