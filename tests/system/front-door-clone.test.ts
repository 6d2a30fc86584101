/**
 * A fresh clone in a folder that only its owner may enter. As root, PostgreSQL runs as another user, who therefore
 * cannot reach the clone: data and programs must go where he can. Installs everything anew, so it takes minutes.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { findFreePortBase } from '../../auralink-communication-service/launcher/free-ports.ts';
import { PROJECT_ROOT, systemDir } from '../../auralink-communication-service/launcher/layout.ts';

const run = promisify(execFile);

async function upAndDown(clone: string): Promise<void> {
  const aura = (...args: string[]) =>
    run('./aura', args, { cwd: clone, env: { ...process.env, NODE_TEST_CONTEXT: '' } });
  const base = await findFreePortBase();
  const { stdout, stderr } = await aura('up', '--detach', '--json', '--port-base', String(base));
  try {
    for (const step of ['npm ci', 'Synapse', 'LiveKit', 'vite build', 'database cluster']) {
      assert.ok(stderr.includes(step), `the progress tells of ${step}:\n${stderr}`);
    }
    const { dataDir } = JSON.parse(stdout) as { dataDir: string };
    assert.equal(dataDir, join(systemDir(clone), 'data'));
    assert.equal((await fetch(`http://127.0.0.1:${base}/health`)).status, 200);
    assert.notEqual(statSync(join(dataDir, 'postgres')).uid, 0, 'the cluster is not root’s');
    assert.equal(statSync(join(dataDir, 'secrets')).mode & 0o777, 0o700);
    assert.ok(
      readdirSync(systemDir(clone)).some((name) => name.startsWith('postgres-')),
      'the programs are there too',
    );
    assert.equal(
      (await run('git', ['status', '--porcelain'], { cwd: clone })).stdout,
      '',
      'the clone stays clean',
    );
  } finally {
    await aura('down');
  }
}

// For anybody else the clone's owner and the database's user are the same, and there is nothing to show.
if (process.getuid?.() === 0) {
  test('root’s clone in a folder of mode 0700 comes up', async () => {
    // mkdtemp makes it so.
    const folder = mkdtempSync(join(tmpdir(), 'aura-clone-'));
    const clone = join(folder, 'clone');
    try {
      await run('git', ['clone', '--quiet', '--no-local', '--depth', '1', `file://${PROJECT_ROOT}`, clone]);
      await upAndDown(clone);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      rmSync(systemDir(clone), { recursive: true, force: true });
    }
    assert.ok(!existsSync(systemDir(clone)));
  });
}
