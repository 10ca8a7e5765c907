import type { Define } from '../main.ts';
export const define: Define = () => {};
