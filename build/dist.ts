/** `npm run dist`: installers for this system in release/. Says what it needs before it begins, and what is missing. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildApp } from './app.ts';
import { electronVersion, fetchElectron, findElectron, patientFetchMs } from './electron-binary.ts';
import { buildRenderer, root } from './renderer.ts';

const targets: Readonly<Record<string, string>> = {
  linux: 'AppImage and deb',
  win32: 'an nsis installer',
  darwin: 'a dmg',
};

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function runBuilder(): Promise<number> {
  return new Promise((resolve) => {
    const cli = join(root, 'node_modules', 'electron-builder', 'cli.js');
    const args = [cli, '--config', join(root, 'build', 'electron-builder.yml'), '--publish', 'never'];
    const child = spawn(process.execPath, [...args, ...process.argv.slice(2)], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      // No certificate is looked for where none is given.
      env: { CSC_IDENTITY_AUTO_DISCOVERY: 'false', ...process.env },
    });
    child.on('error', (error) => {
      say(error.message);
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function main(): Promise<number> {
  const made = targets[process.platform];
  if (made === undefined) {
    say(`No installer is made on ${process.platform}; wanted one of: ${Object.keys(targets).join(', ')}`);
    return 1;
  }
  say(`Making ${made} in release/. Other systems build their own, each on itself.`);
  const version = electronVersion(root);
  if (findElectron(root) === null) {
    const reason = await fetchElectron(root, { limitMs: patientFetchMs });
    if (reason !== null) {
      say(`Missing: Electron's binary ${version}, which could not be fetched (${reason}).`);
      say(
        'It comes from github.com/electron/electron/releases, or from the mirror that ELECTRON_MIRROR names.',
      );
      say(
        'electron-builder also fetches its packers (AppImage, nsis, dmg tools) the first time: this needs a network.',
      );
      return 1;
    }
  }
  await buildRenderer();
  await buildApp();
  if (!existsSync(join(root, 'build', 'icon.png'))) {
    say('Missing: build/icon.png; `node build/icon.ts` draws it.');
    return 1;
  }
  const code = await runBuilder();
  if (code !== 0) say(`electron-builder ended with ${code}; what it says above is why.`);
  return code === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`No installer: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
