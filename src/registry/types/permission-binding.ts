import type { Fields } from '../fields.ts'
import { readDescription } from './context.ts'

export interface PermissionBindingProperties {
  readonly description?: string
  readonly clientGroupName: string
  readonly topicSpaceName: string
  readonly permission: 'Publisher' | 'Subscriber'
}

/** Whether group and topic space exist is for the registry to say. */
export function readPermissionBinding(properties: Fields): PermissionBindingProperties {
  const required = (name: string, message: string): string => {
    const text = properties.text(name, 128)
    if (text === undefined && !properties.has(name)) properties.fail(name, 'Required', message)
    return text ?? ''
  }
  const description = readDescription(properties)
  const clientGroupName = required('clientGroupName', 'Name a client group of the namespace, or $all.')
  const topicSpaceName = required('topicSpaceName', 'Name a topic space of the namespace.')
  const permission = properties.choice('permission', ['Publisher', 'Subscriber'])
  if (permission === undefined && !properties.has('permission')) {
    properties.fail('permission', 'Required', 'Write Publisher or Subscriber; both rights need two bindings.')
  }
  return { ...description, clientGroupName, topicSpaceName, permission: permission ?? 'Subscriber' }
}

export function permissionBindingDocument(properties: PermissionBindingProperties): Record<string, unknown> {
  const { description, clientGroupName, topicSpaceName, permission } = properties
  return { ...(description === undefined ? {} : { description }), clientGroupName, topicSpaceName, permission }
}
