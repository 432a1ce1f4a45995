import type { Argument, Command, Option } from 'commander'
import type { Terminal } from './terminal.ts'

/**
 * `sealgate completion bash|zsh|fish`: a script that knows the tree of commands as it is now. It asks no server: names of
 * resources are nobody's business in a file of the user's shell.
 */

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

interface Level {
  /** Below `sealgate`: `namespace client create`; empty at the top. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly description: string }[]
  readonly options: readonly Option[]
  readonly takesFiles: boolean
}

export function printCompletion(terminal: Terminal, program: Command, shell: Shell): void {
  const levels = levelsOf(program, [])
  const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](levels)
  for (const line of script) terminal.print(line)
}

function levelsOf(command: Command, path: readonly string[]): Level[] {
  const own: Level = {
    path: path.join(' '),
    commands: command.commands.map((one) => ({ name: one.name(), description: one.description() })),
    options: command.options.filter(({ hidden }) => !hidden),
    takesFiles: command.registeredArguments.some(isFileArgument),
  }
  return [own, ...command.commands.flatMap((one) => levelsOf(one, [...path, one.name()]))]
}

function isFileArgument(argument: Argument): boolean {
  return /^file/.test(argument.name())
}

function takesFile({ flags }: Option): boolean {
  return /<(?:file|FILE|dir|DIR)(?:\.\.\.)?>/.test(flags)
}

function wordsOf({ commands, options }: Level): string[] {
  return [...commands.map(({ name }) => name), ...options.flatMap(({ long }) => long ?? []), '--help']
}

/** The words of each level, and of each option that has choices, as cases of a shell. */
function cases(levels: readonly Level[]): string[] {
  return levels.map((level) => `    '${level.path}') list='${wordsOf(level).join(' ')}' ;;`)
}

function choiceCases(levels: readonly Level[]): string[] {
  return levels.flatMap(({ path, options }) =>
    options.flatMap((option) => {
      const flags = [option.long, option.short].flatMap((flag) => flag ?? [])
      const pattern = flags.map((flag) => `'${path} ${flag}'`).join('|')
      if (option.argChoices !== undefined) return [`    ${pattern}) list='${option.argChoices.join(' ')}' ;;`]
      if (takesFile(option)) return [`    ${pattern}) list='' files=1 ;;`]
      // Any other value is the user's own.
      return option.required || option.optional ? [`    ${pattern}) list='' ;;`] : []
    }),
  )
}

function fileCases(levels: readonly Level[]): string[] {
  return levels.filter(({ takesFiles }) => takesFiles).map(({ path }) => `    '${path}') files=1 ;;`)
}

/** What bash and zsh share: the path of command words before the cursor, then what may follow it. */
function body(levels: readonly Level[], typed: string): string[] {
  const paths = levels.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`)
  return [
    `  for word in ${typed}; do`,
    `    case "\${at:+$at }$word" in`,
    `      ${paths.join('|')}) at="\${at:+$at }$word" ;;`,
    '    esac',
    '  done',
    '  case "$at" in',
    ...cases(levels),
    '  esac',
    '  case "$at" in',
    ...fileCases(levels),
    '  esac',
    '  case "$at $prev" in',
    ...choiceCases(levels),
    '  esac',
  ]
}

function bashScript(levels: readonly Level[]): string[] {
  return [
    '# sealgate completion for bash: source <(sealgate completion bash)',
    '_sealgate() {',
    "  local cur prev word at='' list='' files=''",
    `  cur="\${COMP_WORDS[COMP_CWORD]}"`,
    `  prev="\${COMP_WORDS[COMP_CWORD-1]}"`,
    ...body(levels, `"\${COMP_WORDS[@]:1:COMP_CWORD-1}"`),
    '  COMPREPLY=($(compgen -W "$list" -- "$cur"))',
    '  if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "$cur")); fi',
    '}',
    'complete -o filenames -F _sealgate sealgate',
  ]
}

function zshScript(levels: readonly Level[]): string[] {
  return [
    '#compdef sealgate',
    '# sealgate completion for zsh: source <(sealgate completion zsh)',
    '_sealgate() {',
    "  local prev=$words[CURRENT-1] word at='' list='' files=''",
    ...body(levels, '$words[2,CURRENT-1]'),
    '  [[ -n $list ]] && compadd -- $=list',
    '  [[ -n $files ]] && _files',
    '  return 0',
    '}',
    'compdef _sealgate sealgate',
  ]
}

function fishScript(levels: readonly Level[]): string[] {
  const lines = [
    '# sealgate completion for fish: sealgate completion fish | source',
    'function __sealgate_path',
    "  set -l path ''",
    '  for word in (commandline -opc)[2..-1]',
    '    switch (string trim "$path $word")',
    `      case ${levels
      .filter(({ path }) => path !== '')
      .map(({ path }) => `'${path}'`)
      .join(' ')}`,
    '        set path (string trim "$path $word")',
    '    end',
    '  end',
    '  echo $path',
    'end',
    'complete -c sealgate -f',
  ]
  for (const { path, commands, options, takesFiles } of levels) {
    const here = `-n 'test (__sealgate_path) = "${path}"'`
    for (const { name, description } of commands)
      lines.push(`complete -c sealgate ${here} -a ${name} -d ${fishText(description)}`)
    if (takesFiles) lines.push(`complete -c sealgate ${here} -F`)
    for (const option of options) lines.push(`complete -c sealgate ${here}${fishOption(option)}`)
  }
  return lines
}

function fishOption(option: Option): string {
  const { long, short, argChoices, description } = option
  const name = `${long == null ? '' : ` -l ${long.slice(2)}`}${short == null ? '' : ` -s ${short.slice(1)}`}`
  const value =
    !option.required && !option.optional
      ? ''
      : argChoices !== undefined
        ? ` -x -a '${argChoices.join(' ')}'`
        : takesFile(option)
          ? ' -r -F'
          : ' -x'
  return `${name}${value} -d ${fishText(description)}`
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
