import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { cacheOf, checkEndpoint, endpointOf, openEndpoint, saveEndpoint } from '../../lab/endpoint.ts';
import { type ModelServer, modelServer, pixelsOf } from '../support/model-server.ts';

let server: ModelServer;
let seen: ModelServer['seen'];
let address = '';
let folder = '';

before(async () => {
  server = await modelServer();
  ({ seen, address } = server);
  folder = mkdtempSync(join(tmpdir(), 'endpoint-'));
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  seen.length = 0;
});

const kinds = ['openai', 'ollama'] as const;
let caches = 0;

function open(kind: (typeof kinds)[number], changes: Readonly<Record<string, unknown>> = {}, key?: string) {
  const settings = checkEndpoint(
    {
      kind,
      url: kind === 'openai' ? `${address}/v1` : address,
      model: 'eye',
      embeddingModel: 'words',
      perMinute: 100_000,
      inputPrice: 2,
      outputPrice: 10,
      ...changes,
    },
    'endpoint',
  );
  return openEndpoint({ settings, cache: join(folder, String(caches++)), key });
}

const picture = { width: 2, height: 1, rgb: Uint8Array.of(255, 0, 0, 0, 0, 255) };

for (const kind of kinds) {
  test(`${kind}: a question with a picture is answered, counted and paid once`, async () => {
    const endpoint = open(kind, {}, 'sesame');
    const question = { system: 'You see.', prompt: 'What is red?', pictures: [picture] };
    assert.equal(await endpoint.ask(question), '1 pictures: What is red?');
    assert.equal(await endpoint.ask(question), '1 pictures: What is red?');
    // 100 tokens at 2 and 20 at 10 a million.
    assert.deepEqual(endpoint.usage, {
      requests: 1,
      cached: 1,
      inputTokens: 100,
      outputTokens: 20,
      cost: 0.0004,
    });
    assert.equal(seen.length, 1);
    assert.equal(seen[0]!.key, 'Bearer sesame');
    const { messages } = seen[0]!.body;
    assert.equal(messages[0].content, 'You see.');
    const sent: string =
      kind === 'openai'
        ? messages[1].content[1].image_url.url.replace('data:image/png;base64,', '')
        : messages[1].images[0];
    assert.deepEqual([...pixelsOf(sent)], [0, ...picture.rgb]);
    // Another picture is another question.
    await endpoint.ask({ ...question, pictures: [{ ...picture, rgb: new Uint8Array(6) }] });
    assert.equal(endpoint.usage.requests, 2);
  });

  test(`${kind}: answers are kept beyond the client, and a damaged one is asked for again`, async () => {
    const settings = checkEndpoint(
      { kind, url: kind === 'openai' ? `${address}/v1` : address, model: 'eye' },
      'endpoint',
    );
    const cache = join(folder, `kept-${kind}`);
    await openEndpoint({ settings, cache }).ask({ prompt: 'a', pictures: [picture] });
    const again = openEndpoint({ settings, cache });
    await again.ask({ prompt: 'a', pictures: [picture] });
    assert.deepEqual([again.usage.requests, again.usage.cached], [0, 1]);
    const [file] = readdirSync(cache);
    writeFileSync(join(cache, file!), '{"text": "half');
    await again.ask({ prompt: 'a', pictures: [picture] });
    assert.equal(again.usage.requests, 1);
    assert.equal(JSON.parse(readFileSync(join(cache, file!), 'utf8')).text, '1 pictures: a');
  });

  test(`${kind}: texts become embeddings, in order`, async () => {
    const vectors = await open(kind).embed!(['one', 'three']);
    assert.deepEqual(vectors, [Float64Array.of(3, 1), Float64Array.of(5, 1)]);
    assert.equal(open(kind, { embeddingModel: '' }).embed, undefined);
  });

  test(`${kind}: trouble is said in words that help`, async () => {
    const fails = (changes: Readonly<Record<string, unknown>>, words: RegExp) =>
      assert.rejects(open(kind, changes).ask({ prompt: 'x', pictures: [picture] }), words);
    await fails({ model: 'locked' }, /refused the key in \$REWARD_LAB_ENDPOINT_KEY/);
    await fails({ model: 'nobody' }, /no such model or address/);
    await fails({ model: 'mute' }, /wanted text/);
    await fails({ url: 'http://127.0.0.1:9/v1' }, /cannot be reached .*is the server running\?/);
    await fails({ model: 'slow', timeout: 0.1 }, /no answer within 0.1 s/);
  });

  test(`${kind}: a question can be stopped`, async () => {
    const stop = new AbortController();
    const asked = open(kind, { model: 'slow' }).ask({ prompt: 'x', pictures: [picture] }, stop.signal);
    // Under way, so that it does not come while the next test counts.
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort();
    await assert.rejects(asked, { name: 'AbortError' });
  });
}

for (const imageFormat of ['vllm', 'infinity', 'jina'] as const) {
  test(`pictures become embeddings in the form of ${imageFormat}, in order, the same ones once`, async () => {
    const endpoint = open('openai', { imageModel: 'sight', imageFormat });
    // A PNG row begins with its filter; the text of the pixels is as long as the picture is wide: 1 + 3 a pixel.
    const wide = { width: 3, height: 1, rgb: new Uint8Array(9).fill(65) };
    const small = { width: 1, height: 1, rgb: new Uint8Array(3).fill(65) };
    const vectors = await endpoint.embedPictures!([wide, small, wide]);
    assert.deepEqual(vectors, [Float64Array.of(10, 1), Float64Array.of(4, 1), Float64Array.of(10, 1)]);
    assert.equal(endpoint.imageEncoder, `openai sight at ${address}/v1`);
    assert.equal(seen.length, imageFormat === 'vllm' ? 2 : 1);
    assert.equal(seen[0]!.body.model, 'sight');
    const { requests, inputTokens } = endpoint.usage;
    assert.deepEqual([requests, inputTokens], [seen.length, 7 * seen.length]);
    assert.deepEqual(await endpoint.embedPictures!([wide, small]), vectors.slice(0, 2));
    assert.equal(endpoint.usage.requests, requests);
    assert.equal(endpoint.usage.cached, requests);
  });
}

test('without a model for pictures there are no embeddings of them; one that fails stops the rest', async () => {
  assert.equal(open('openai').embedPictures, undefined);
  const endpoint = open('openai', { imageModel: 'locked', perMinute: 600 });
  const pictures = Array.from({ length: 9 }, (_, n) => ({ ...picture, rgb: new Uint8Array(6).fill(n) }));
  await assert.rejects(endpoint.embedPictures!(pictures), /refused the key/);
  const asked = seen.length;
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.ok(asked < 9 && seen.length === asked, `${asked}, ${seen.length}`);
  assert.throws(
    () => open('ollama', { imageModel: 'sight' }),
    /Ollama has no image embeddings; wanted nothing, or kind openai/,
  );
  await assert.rejects(
    open('openai', { model: '', imageModel: 'sight' }).ask({ prompt: 'x' }),
    /no model is set that answers questions/,
  );
});

test('a refused request is repeated after the wait that the server asks for', async () => {
  assert.equal(await open('openai', { model: 'busy-once' }).ask({ prompt: 'x' }), '0 pictures: x');
  assert.equal(seen.length, 2);
});

test('requests are spread out', async () => {
  // 1,200 a minute: one every 50 ms, so that four take 150 ms at least.
  const endpoint = open('openai', { perMinute: 1200 });
  // From here on, as the first may be long on its way. A timer may be a little early.
  const begun = performance.now();
  await Promise.all(['a', 'b', 'c', 'd'].map((prompt) => endpoint.ask({ prompt })));
  const times = seen.map(({ at }) => at - begun);
  assert.equal(times.length, 4);
  assert.ok(times.at(-1)! >= 145, String(times));
});

test('nothing is asked beyond the budget', async () => {
  const endpoint = open('openai', { budget: 0.0003 });
  await endpoint.ask({ prompt: 'a' });
  await assert.rejects(
    endpoint.ask({ prompt: 'b' }),
    /0.0004 spent, the budget is 0.0003; nothing more is asked/,
  );
  assert.equal(seen.length, 1);
  // What is known costs nothing.
  assert.equal(await endpoint.ask({ prompt: 'a' }), '0 pictures: a');
});

test('a project keeps its endpoint without the key; wrong fields and damaged files are named', () => {
  const project = mkdtempSync(join(folder, 'project-'));
  assert.equal(endpointOf(project), undefined);
  const settings = checkEndpoint({ model: 'eye', url: address }, 'endpoint');
  saveEndpoint(project, settings);
  assert.deepEqual(endpointOf(project), settings);
  assert.deepEqual(readdirSync(project), ['endpoint.json']);
  assert.ok(cacheOf(project).startsWith(project));
  assert.throws(() => checkEndpoint({ url: 'here', model: '' }, 'endpoint'), {
    problems: [
      'endpoint.url: found "here", wanted an address that begins with http:// or https://',
      'endpoint.model: found nothing, wanted the name of a model on that server',
    ],
  });
  assert.throws(
    () => checkEndpoint({ modell: 'eye' }, 'endpoint'),
    /unknown field "modell"; did you mean "model"/,
  );
  writeFileSync(join(project, 'endpoint.json'), '{"url": ');
  assert.throws(() => endpointOf(project), /endpoint.json: no valid JSON/);
});
