import { COMPLETE } from '../verb.ts';

/** The shells for which there is a completion. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof shells)[number];

/** The line that asks the shell to complete a path. Else each line is a candidate. */
export const FILES = ':files';

const bash = `# Completion of agentq for bash. In ~/.bashrc: eval "$(agentq completion bash)"
_agentq() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == '${FILES}' ]]; then
      compopt -o default 2>/dev/null
      return
    fi
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("$1" ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _agentq agentq`;

const zsh = `#compdef agentq
# Completion of agentq for zsh. In ~/.zshrc: eval "$(agentq completion zsh)"
_agentq() {
  local line
  local -a words_found about_them
  for line in "\${(@f)$("\${words[1]}" ${COMPLETE} "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == '${FILES}' ]]; then
      _files
      return
    fi
    [[ -n $line ]] || continue
    words_found+=("\${line%%$'\\t'*}")
    about_them+=("\${line//$'\\t'/  -- }")
  done
  (( \${#words_found} )) && compadd -V agentq -l -d about_them -a words_found
}
if [[ \${funcstack[1]} == _agentq ]]; then
  _agentq "$@"
else
  (( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit -D -i; }
  compdef _agentq agentq
fi`;

const fish = `# Completion of agentq for fish. In ~/.config/fish/config.fish: agentq completion fish | source
function __agentq_complete
  set -l typed (commandline -opc)
  set -l program $typed[1]
  set -e typed[1]
  set -l current (commandline -ct)
  set -l found ($program ${COMPLETE} $typed "$current" 2>/dev/null)
  if test "$found" = '${FILES}'
    __fish_complete_path "$current"
  else
    printf '%s\\n' $found
  end
end
complete -c agentq -f -k -a '(__agentq_complete)'`;

/** What a shell must run so that it completes the words of agentq. */
export const scripts: Readonly<Record<ShellName, string>> = { bash, zsh, fish };
