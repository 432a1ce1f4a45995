import type { Answer, Route } from './route.ts'

const common = { tag: 'Health', access: 'open', apiVersion: 'none', answers: { 200: null, 503: null } } as const

/** For whoever watches the process: ok or not, and nothing else (S64). */
export const healthRoutes: readonly Route[] = [
  {
    ...common,
    id: 'Health_Live',
    method: 'GET',
    path: '/healthz',
    summary: 'The process answers.',
    handle: () => text(true),
  },
  {
    ...common,
    id: 'Health_Ready',
    method: 'GET',
    path: '/readyz',
    summary: 'Requests are welcome: 503 once the process is stopping.',
    handle: ({ house }) => text(house.isReady()),
  },
]

function text(isOk: boolean): Answer {
  return { status: isOk ? 200 : 503, body: isOk ? 'ok\n' : 'not ok\n', contentType: 'text/plain; charset=utf-8' }
}
