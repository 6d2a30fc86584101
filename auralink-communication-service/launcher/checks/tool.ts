/**
 * Runs one of the project's own tools and turns its outcome into faults. Tools are started by Node from their script
 * or binary in node_modules, never through a shell.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** A tool that takes longer has hung. */
const TOOL_TIMEOUT_MS = 300_000;
/** What is kept of a tool's output; the rest of a flood helps nobody. */
const TOOL_OUTPUT_MAX_BYTES = 200_000;

/** Runs `node_modules/.bin/<name>` in `root`. Resolves to its output as one fault, or to none if it exits with 0. */
export function runTool(root: string, name: string, args: readonly string[]): Promise<string[]> {
  return new Promise((resolve) => {
    const child = spawn(join(root, 'node_modules', '.bin', name), args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TOOL_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      if (output.length < TOOL_OUTPUT_MAX_BYTES) output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve([`${name} cannot be started: ${error.message}`]));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve([]);
      const how = code === null ? `was ended by ${signal}` : `exited with ${code}`;
      resolve([`${name} ${args.join(' ')} ${how}\n${output.trim()}`]);
    });
  });
}
