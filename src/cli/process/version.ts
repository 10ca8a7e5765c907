/** Replaced by the build with the version of package.json. */
declare const AGENTQ_VERSION: string | undefined;

export const VERSION = typeof AGENTQ_VERSION === 'string' ? AGENTQ_VERSION : '0.0.0-source';
