/** The parts of terminal-kit that `agentq top` uses. */
declare module 'terminal-kit' {
  export interface Attributes {
    readonly color?: string;
    readonly bold?: boolean;
    readonly dim?: boolean;
    readonly inverse?: boolean;
  }

  class ScreenBuffer {
    constructor(options: { readonly dst: object; readonly width: number; readonly height: number });
    /** The column after the last character that was put. */
    readonly cx: number;
    put(options: { readonly x: number; readonly y: number; readonly attr: Attributes }, text: string): void;
    draw(options: { readonly delta: boolean }): void;
  }

  interface Output {
    /** Set by the program that restores the terminal itself: then terminal-kit writes nothing when the process exits. */
    shutdown: boolean;
  }

  const termkit: {
    readonly ScreenBuffer: typeof ScreenBuffer;
    readonly Terminal: {
      create(options: { readonly generic: string; readonly stdout: object; readonly stdin: object }): Output;
    };
  };
  export default termkit;
}
