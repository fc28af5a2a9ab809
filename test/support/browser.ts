/**
 * A real Chromium for tests, from the npm package `@sparticuz/chromium`: no system browser, no Debian packages. The
 * package brings the shared libraries that bare machines lack; they are put on the loader's path of the browser only.
 * Unpacked once into `node_modules/.cache`, under a name that carries the version, by rename, so that test processes
 * side by side never see half a browser.
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflate } from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Says where the fonts of a browser unpacked in `folder` will be found, in `target`. The package's own configuration names folders of a
 * cloud service, and a project may be moved; without fonts the browser ends at the first sign that it looks for.
 */
async function nameFonts(folder: string, target: string): Promise<void> {
  const file = join(folder, 'fonts', 'fonts.conf');
  const text =
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${join(target, 'fonts', 'fonts')}</dir>` +
    `<cachedir>${join(target, 'fonts', 'cache')}</cachedir></fontconfig>\n`;
  if ((await readFile(file, 'utf8').catch(() => '')) !== text) await writeFile(file, text);
}

/** The folder with the unpacked browser and its libraries. */
async function unpacked(): Promise<string> {
  const packageDir = join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '..');
  const { version } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as {
    version: string;
  };
  const cache = join(root, 'node_modules', '.cache');
  const target = join(cache, `chromium-${version}`);
  if (existsSync(target)) {
    await nameFonts(target, target);
    return target;
  }
  await mkdir(cache, { recursive: true });
  const half = await mkdtemp(join(cache, 'chromium-unpacking-'));
  // The package unpacks into os.tmpdir(), which reads TMPDIR each time it is asked.
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = half;
  try {
    const bin = join(packageDir, 'bin');
    await Promise.all(
      ['chromium.br', 'fonts.tar.br', 'swiftshader.tar.br', 'al2023.tar.br'].map((f) =>
        inflate(join(bin, f)),
      ),
    );
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  await nameFonts(half, target);
  try {
    await rename(half, target);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    // Another process was faster; its copy is as good.
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** Headless Chromium with WebGL in software (SwiftShader). The caller closes it. */
export async function launchBrowser(options: { readonly args?: readonly string[] } = {}): Promise<Browser> {
  const folder = await unpacked();
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    headless: true,
    args: [
      '--no-sandbox',
      '--no-zygote',
      '--disable-dev-shm-usage',
      '--font-render-hinting=none',
      '--ignore-gpu-blocklist',
      '--use-gl=angle',
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
      ...(options.args ?? []),
    ],
    env: {
      ...(process.env as Record<string, string>),
      FONTCONFIG_PATH: join(folder, 'fonts'),
      LD_LIBRARY_PATH: [join(folder, 'al2023', 'lib'), process.env['LD_LIBRARY_PATH']]
        .filter(Boolean)
        .join(':'),
    },
  });
}
