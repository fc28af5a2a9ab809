/** Types of run.mjs, which is plain JavaScript because it runs before anything is installed. */

export const scripts: Readonly<Record<string, string>>;
export function packagedNode(root: string, platform?: NodeJS.Platform): string;
export function chooseNode(root: string, version?: string, execPath?: string): string | null;
export function lockHash(root: string): string;
export function writeStamp(root: string): void;
export function installedMatchesLock(root: string): boolean;
export function setupReason(root: string, version?: string): string | null;
export function npmCommand(
  env?: NodeJS.ProcessEnv,
  execPath?: string,
  platform?: NodeJS.Platform,
): { command: string; args: string[]; shell: boolean };
export function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number;
export function takeLock(
  path: string,
  options: { waitMs: number; pollMs?: number; onWait?: (pid: number) => void },
): Promise<() => void>;
export function setUp(root: string): Promise<number>;
export function runScript(
  node: string,
  args: readonly string[],
  options: { root: string; env?: NodeJS.ProcessEnv },
): Promise<number>;
export function main(root: string, argv: readonly string[]): Promise<number>;
