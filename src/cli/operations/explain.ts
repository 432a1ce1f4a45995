import { readCertificateText } from '../cert/files.ts'
import { CommandFailure, ExitCode, wrongUsage } from '../command-failure.ts'
import { escapeText } from '../escape-text.ts'
import { type OutputForm, printResult } from '../print.ts'
import { findNamespace, type ScopeOptions } from '../resources/scope.ts'
import { withClient } from '../rest/with-client.ts'
import type { Terminal } from '../terminal.ts'
import { type DecisionDocument, decisionLines, subjectOf } from './decision-lines.ts'

export interface ExplainOptions extends ScopeOptions {
  readonly cert?: string
  readonly chain?: string
  readonly username?: string
  readonly clientId?: string
  readonly authenticationMethod?: string
  readonly willTopic?: string
  readonly publish?: string
  readonly subscribe?: string
  readonly mqtt: '3.1.1' | '5'
  readonly check?: boolean
  readonly output: OutputForm
}

interface Explained extends DecisionDocument {
  readonly caCertificateName: string | null
  readonly validUntil: string | null
}

/** What a CONNECT with this certificate would be answered, judged by the running server. */
export async function explain(terminal: Terminal, options: ExplainOptions): Promise<void> {
  const { cert, chain, username, clientId, authenticationMethod } = options
  if (cert === undefined && username === undefined) {
    throw wrongUsage('--cert FILE is missing', 'For example: sealgate explain --cert press-7.pem --username press-7')
  }
  if (cert === undefined && chain !== undefined) throw wrongUsage('--chain goes with --cert')
  const certificate = cert === undefined ? undefined : await readCertificateText(terminal, cert)
  const sent = chain === undefined ? undefined : await readCertificateText(terminal, chain)
  await withClient(terminal, options, async (client) => {
    const { path } = await findNamespace(client, terminal, options)
    const protocol = options.mqtt === '5' ? 'MQTT5' : 'MQTT3'
    const topics = { willTopic: options.willTopic, publishTo: options.publish, subscribeTo: options.subscribe }
    const body = { certificate, chain: sent, username, clientId, authenticationMethod, protocol, ...topics }
    const answer = (await client.send({ method: 'POST', path: `${path}/explain`, body })).body as Explained
    await printResult(terminal, options.output, answer, () => explanationLines(answer, terminal.workingDirectory))
    if (options.check === true && answer.outcome === 'refused') {
      throw new CommandFailure([], ExitCode.Failed)
    }
  })
}

function explanationLines(answer: Explained, workingDirectory: string): string[] {
  const { outcome, code, caCertificateName, validUntil, nameSource, method } = answer
  const named = nameSource === null ? '' : `, named by ${nameSource}`
  const verdict = outcome === 'accepted' ? 'accepted' : `refused: ${code}`
  const lines = [escapeText(`${verdict}  (${subjectOf(answer)}${named}, namespace ${answer.namespaceName ?? '-'})`)]
  lines.push(...decisionLines(answer, workingDirectory))
  if (outcome === 'accepted') {
    const below = caCertificateName === null ? '' : `, below the CA certificate ${caCertificateName}`
    lines.push(
      '',
      escapeText(`  Accepted as ${method ?? 'a client'}${below}${validUntil === null ? '' : `, until ${validUntil}`}`),
    )
  }
  lines.push('', '  Nobody has proved to hold the key: a live connection also needs it.')
  return lines
}
