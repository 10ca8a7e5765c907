import { AgentqError } from '../../core/errors.ts';
import { scripts, shells, type ShellName } from '../completion/scripts.ts';
import type { Define } from '../verb.ts';

export const define: Define = (command, context) =>
  command
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', HELP)
    .action((shell: string) => {
      const { io } = context();
      if (!isShell(shell))
        throw new AgentqError(
          'usage',
          `there is no completion for ${JSON.stringify(shell)}`,
          `give ${shells.join(', ')}`,
        );
      io.line(scripts[shell]);
    });

const isShell = (name: string): name is ShellName => shells.some((one) => one === name);

const HELP = `
In ~/.bashrc:                  eval "$(agentq completion bash)"
In ~/.zshrc:                   eval "$(agentq completion zsh)"
In ~/.config/fish/config.fish: agentq completion fish | source

It completes commands, options, their values, and ids and roles of the queue, as far as this machine knows them: it
makes no connection to a broker.`;
