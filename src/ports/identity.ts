import type { Brand } from '../base/brand.ts'

/** Immutable random identity of a namespace; two namespaces of equal name over time are two ids (S28, S50). */
export type NamespaceId = Brand<string, 'NamespaceId'>
/** Immutable random identity of a session's state; a discarded session's id is never used again (S28). */
export type SessionUid = Brand<string, 'SessionUid'>
/** Identity of one broker process. */
export type NodeId = Brand<string, 'NodeId'>
/** Order of registry writes; opaque, compare for equality and order only. */
export type Revision = Brand<bigint, 'Revision'>
