import type { EngineUnderTest } from './world.ts'
export function modelContract(_adapter: EngineUnderTest): void {}
