/** `lab picture`, once as its user runs it, and the PNG files it writes. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { crc32, inflateSync } from 'node:zlib';
import { encodePng } from '../../lab/png.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));

async function picture(args: readonly string[], isOwnProcess = false) {
  const line = ['picture', '--json', ...args];
  const { status, stdout, stderr } = isOwnProcess
    ? spawnSync(process.execPath, [cli, ...line], { encoding: 'utf8' })
    : await lab(...line);
  assert.equal(stdout.trim().split('\n').length, 1, stdout);
  return { status, stderr, json: JSON.parse(stdout) as Record<string, unknown> };
}

/** Rows of a PNG as `encodePng` writes it, every checksum checked. */
function decode(file: Uint8Array) {
  const bytes = Buffer.from(file);
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + 4, at + 8 + length);
    assert.equal(bytes.readUInt32BE(at + 8 + length), crc32(body));
    chunks.set(body.toString('latin1', 0, 4), body.subarray(4));
    at += 12 + length;
  }
  const [width, height] = [chunks.get('IHDR')!.readUInt32BE(0), chunks.get('IHDR')!.readUInt32BE(4)];
  const rows = inflateSync(chunks.get('IDAT')!);
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    rgb.set(rows.subarray(y * (1 + width * 3) + 1, (y + 1) * (1 + width * 3)), y * width * 3);
  }
  return { signature: bytes.toString('hex', 0, 8), chunks: [...chunks.keys()], width, height, rgb };
}

test('a PNG holds the pixels it was made from', () => {
  const rgb = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => (i * 37) % 256);
  assert.deepEqual(decode(encodePng(5, 3, rgb)), {
    signature: '89504e470d0a1a0a',
    chunks: ['IHDR', 'IDAT', 'IEND'],
    width: 5,
    height: 3,
    rgb,
  });
  assert.throws(
    () => encodePng(5, 3, rgb.subarray(1)),
    /^RangeError: PNG: found 44 bytes, wanted 5 x 3 x 3$/,
  );
});

test('picture writes colour, depth and ids, and says what is in view', async (t) => {
  const folder = temporaryFolder(t);
  const colours = new Map<string, number>();
  for (const kind of ['rgb', 'depth', 'id']) {
    const out = join(folder, 'new', `${kind}.png`);
    const { status, json } = await picture(
      ['--task', 'push', '--step', '10', '--size', '96', '--kind', kind, '--out', out],
      kind === 'rgb',
    );
    assert.equal(status, 0);
    const bodies = json['bodies'] as { id: number; name: string; pixels: number }[];
    assert.deepEqual([json['task'], json['view'], json['kind'], json['step']], ['push', 'front', kind, 10]);
    assert.ok(bodies.some(({ name, pixels }) => name === 'block' && pixels > 10));
    const { width, height, rgb } = decode(readFileSync(out));
    assert.deepEqual([width, height], [96, 96]);
    const seen = new Set(Array.from({ length: 96 * 96 }, (_, i) => rgb.subarray(i * 3, i * 3 + 3).join()));
    colours.set(kind, seen.size);
    // Every body in view has a colour of its own; so has the nothing beyond.
    if (kind === 'id') assert.equal(seen.size, bodies.length + 1);
  }
  assert.ok(colours.get('rgb')! > 100 && colours.get('depth')! > 50, `${[...colours]}`);
});

test('picture takes settings of task and camera, and an episode that has ended stays where it ended', async (t) => {
  const out = join(temporaryFolder(t), 'a.png');
  const set = ['--set', 'goalRadius=0.06', '--set', 'camera.occluder=0.2', '--set', 'texture=noise'];
  const { json } = await picture([
    '--task',
    'push',
    '--step',
    '5000',
    '--view',
    'side',
    '--out',
    out,
    ...set,
  ]);
  assert.ok((json['step'] as number) < 5000);
  assert.equal(json['success'], true);
  assert.ok((json['bodies'] as { name: string }[]).some(({ name }) => name === 'occluder'));
  assert.equal(decode(readFileSync(out)).width, 128);
});

test('picture answers what cannot be drawn with exit code 2 and its name', async (t) => {
  const folder = mkdtempSync(join(temporaryFolder(t), 'x'));
  const out = join(folder, 'a.png');
  const cases: [string[], RegExp][] = [
    [['--task', 'pusch', '--out', out], /unknown task "pusch"; did you mean "push"/],
    [
      ['--task', 'push', '--out', out, '--view', 'left'],
      /unknown view "left"; push has front, side, top, wrist/,
    ],
    [['--task', 'push', '--out', out, '--size', '8'], /--size.*wanted a whole number from 32 to 1024/],
    [['--task', 'push', '--out', out, '--kind', 'x-ray'], /--kind.*Allowed choices are rgb, depth, id/],
    [['--task', 'push', '--out', out, '--set', 'camera.occluder=2'], /camera.occluder.*2/],
    [['--task', 'push', '--out', folder], /--out .*EISDIR/],
    [['--task', 'push'], /--out/],
  ];
  for (const [i, [args, wanted]] of cases.entries()) {
    const { status, stderr, json } = await picture(args, i === 0);
    assert.equal(status, 2, stderr);
    assert.match(String(json['error']), wanted);
  }
});
