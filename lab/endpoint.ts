/**
 * The one client for language and vision models that a user brings: OpenAI-compatible servers (OpenAI, vLLM, llama.cpp, LM
 * Studio ...) and Ollama. Where it is and what it costs is set by the user; every answer is kept, so that the same
 * question is paid for once; requests are spread out and counted. Nothing is asked of anybody unless an endpoint is set.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ollama } from 'ollama';
import type { OpenAI } from 'openai';
import PQueue from 'p-queue';
import type { Judge, Picture } from '../learn/rewards/types.ts';
import type { Fields, Settings } from '../sim/fields.ts';
import { messageOf, UsageError } from './errors.ts';
import { checkSettings } from './fields.ts';
import { encodePng } from './png.ts';

export const endpointFields = {
  kind: {
    type: 'choice',
    default: 'ollama',
    options: ['ollama', 'openai'],
    help: 'What the server speaks: Ollama, or the protocol of OpenAI that many servers share',
  },
  url: {
    type: 'text',
    default: 'http://127.0.0.1:11434',
    longest: 500,
    help: 'Address of the server; for openai with its version: http://127.0.0.1:8000/v1',
  },
  model: {
    type: 'text',
    default: '',
    longest: 200,
    help: 'Model that answers questions, as the server calls it',
  },
  embeddingModel: {
    type: 'text',
    default: '',
    longest: 200,
    help: 'Model that turns texts into embeddings; empty: none',
  },
  imageModel: {
    type: 'text',
    default: '',
    longest: 200,
    help: 'Model that turns pictures into embeddings (kind openai only); empty: none',
  },
  imageFormat: {
    type: 'choice',
    default: 'vllm',
    options: ['vllm', 'infinity', 'jina'],
    help: 'How the server wants pictures to embed: as a chat message, one a request (vLLM), as data addresses with modality image (Infinity), as objects (Jina)',
  },
  keyVariable: {
    type: 'text',
    default: 'REWARD_LAB_ENDPOINT_KEY',
    longest: 100,
    help: 'Environment variable with the key; the key itself is never stored',
  },
  perMinute: {
    type: 'integer',
    default: 60,
    min: 1,
    max: 100_000,
    unit: 'requests/min',
    help: 'Most requests in a minute',
  },
  timeout: {
    type: 'number',
    default: 60,
    min: 0.1,
    max: 3600,
    unit: 's',
    help: 'Longest wait for one answer',
  },
  inputPrice: {
    type: 'number',
    default: 0,
    min: 0,
    max: 10_000,
    unit: 'per million tokens',
    help: 'What a million tokens of questions cost, in your currency',
  },
  outputPrice: {
    type: 'number',
    default: 0,
    min: 0,
    max: 10_000,
    unit: 'per million tokens',
    help: 'What a million tokens of answers cost, in your currency',
  },
  budget: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1_000_000,
    help: 'Ask no more once this much has been spent in one job, in your currency; 0: no limit',
  },
} as const satisfies Fields;

export type EndpointSettings = Settings<typeof endpointFields>;

/** What one job has asked for so far. */
export interface EndpointUsage {
  /** Answers that the server gave. */
  requests: number;
  /** Answers that were known already. */
  cached: number;
  inputTokens: number;
  outputTokens: number;
  /** In the user's currency, by the prices set. */
  cost: number;
}

const settingsFile = (project: string): string => join(project, 'endpoint.json');

/** @throws UsageError naming every field that is wrong. */
export function checkEndpoint(given: Readonly<Record<string, unknown>>, where: string): EndpointSettings {
  const { settings, problems } = checkSettings(endpointFields, given, where);
  const all = [...problems];
  const { kind, url, model, embeddingModel, imageModel } = settings as EndpointSettings;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    all.push(`${where}.url: found "${url}", wanted an address that begins with http:// or https://`);
  if (model === '' && embeddingModel === '' && imageModel === '')
    all.push(`${where}.model: found nothing, wanted the name of a model on that server`);
  if (kind === 'ollama' && imageModel !== '') {
    all.push(
      `${where}.imageModel: found "${imageModel}", but Ollama has no image embeddings; wanted nothing, or kind openai and a server that has them (vLLM, Infinity, Jina)`,
    );
  }
  if (all.length > 0) throw new UsageError(all);
  return settings as EndpointSettings;
}

/** The endpoint of a project; undefined where none is set. @throws UsageError when its file is damaged. */
export function endpointOf(project: string): EndpointSettings | undefined {
  const file = settingsFile(project);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError([`${file}: ${messageOf(error)}`]);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError([`${file}: no valid JSON: ${messageOf(error)}`]);
  }
  if (value === null || typeof value !== 'object')
    throw new UsageError([`${file}: found ${JSON.stringify(value)}, wanted a mapping of fields`]);
  return checkEndpoint(value as Record<string, unknown>, file);
}

export function saveEndpoint(project: string, settings: EndpointSettings): void {
  mkdirSync(project, { recursive: true });
  writeWhole(settingsFile(project), `${JSON.stringify(settings, null, 2)}\n`);
}

/** A reader never sees half a file. */
function writeWhole(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, text);
  renameSync(draft, file);
}

export interface EndpointOptions {
  readonly settings: EndpointSettings;
  /** Folder of known answers. */
  readonly cache: string;
  /** Of the environment by default. */
  readonly key?: string | undefined;
}

export interface Endpoint extends Judge {
  readonly usage: Readonly<EndpointUsage>;
}

/** Where a project keeps the answers it was given. */
export const cacheOf = (project: string): string => join(project, 'endpoint-cache');

interface Answer {
  readonly text: string;
  readonly vectors?: readonly (readonly number[])[];
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Pictures in one request, where the server takes several. */
const picturesPerRequest = 32;

const png = ({ width, height, rgb }: Picture): Buffer => encodePng(width, height, rgb);

/** Opens no connection: the first question does. */
export function openEndpoint({ settings, cache, key }: EndpointOptions): Endpoint {
  const { kind, url, model, embeddingModel, imageModel, imageFormat } = settings;
  const { keyVariable, perMinute, timeout } = settings;
  const usage: EndpointUsage = { requests: 0, cached: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
  const apiKey = key ?? process.env[keyVariable];
  // Evenly over the minute: a burst at its start would only be refused.
  const queue = new PQueue({ concurrency: 4, interval: 60_000 / perMinute, intervalCap: 1 });
  const nameOf = (one: string): string => `${kind} ${one} at ${url}`;
  const name = nameOf(model || embeddingModel || imageModel);
  const server = kind === 'openai' ? openAiServer(url, apiKey, timeout) : ollamaServer(url, apiKey, timeout);

  async function answer(
    question: Readonly<Record<string, unknown>>,
    pictures: readonly Buffer[],
    ask: () => Promise<Answer>,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    signal?.throwIfAborted();
    const hash = createHash('sha256').update(JSON.stringify({ kind, url, ...question }));
    for (const picture of pictures) hash.update(picture);
    const file = join(cache, `${hash.digest('hex')}.json`);
    const known = readAnswer(file);
    if (known !== undefined) {
      usage.cached++;
      return known;
    }
    const fresh = await queue.add(
      async () => {
        if (settings.budget > 0 && usage.cost >= settings.budget) {
          throw new RangeError(
            `Endpoint ${name}: ${usage.cost.toFixed(4)} spent, the budget is ${settings.budget}; nothing more is asked`,
          );
        }
        try {
          return await ask();
        } catch (error) {
          if (signal?.aborted === true) throw signal.reason;
          throw new Error(`Endpoint ${name}: ${trouble(error, settings)}`, { cause: error });
        }
      },
      signal === undefined ? {} : { signal },
    );
    usage.requests++;
    usage.inputTokens += fresh.inputTokens;
    usage.outputTokens += fresh.outputTokens;
    usage.cost += (fresh.inputTokens * settings.inputPrice + fresh.outputTokens * settings.outputPrice) / 1e6;
    mkdirSync(cache, { recursive: true });
    writeWhole(file, JSON.stringify(fresh));
    return fresh;
  }

  return {
    name,
    usage,
    async ask({ system, prompt, pictures = [] }, signal) {
      if (model === '')
        throw new RangeError(
          `Endpoint ${name}: no model is set that answers questions; set one (lab endpoint --set model=NAME)`,
        );
      const images = pictures.map(png);
      const { text } = await answer(
        { what: 'ask', model, system: system ?? '', prompt },
        images,
        () => server.chat(model, system, prompt, images, signal),
        signal,
      );
      return text;
    },
    ...(embeddingModel === ''
      ? {}
      : {
          async embed(texts: readonly string[], signal?: AbortSignal) {
            const { vectors = [] } = await answer(
              { what: 'embed', model: embeddingModel, texts },
              [],
              () => server.embed(embeddingModel, texts, signal),
              signal,
            );
            return asMany(vectors, texts.length, nameOf(embeddingModel));
          },
        }),
    ...(imageModel === '' || server.embedPictures === undefined
      ? {}
      : { imageEncoder: nameOf(imageModel), embedPictures }),
  };

  /** Pictures that are the same are asked for once. One that fails stops the others. */
  async function embedPictures(pictures: readonly Picture[], signal?: AbortSignal): Promise<Float64Array[]> {
    const rows = new Map<string, number>();
    const different: Buffer[] = [];
    const rowOf = pictures.map((picture) => {
      const file = png(picture);
      const key = file.toString('base64');
      const row = rows.get(key) ?? different.push(file) - 1;
      rows.set(key, row);
      return row;
    });
    const failed = new AbortController();
    const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
    const size = imageFormat === 'vllm' ? 1 : picturesPerRequest;
    const requests: Promise<Float64Array[]>[] = [];
    for (let from = 0; from < different.length; from += size) {
      const some = different.slice(from, from + size);
      requests.push(
        answer(
          { what: 'embedPictures', model: imageModel, imageFormat },
          some,
          () => server.embedPictures!(imageModel, imageFormat, some, stop),
          stop,
        ).then(({ vectors = [] }) => asMany(vectors, some.length, nameOf(imageModel))),
      );
    }
    try {
      const vectors = (await Promise.all(requests)).flat();
      return rowOf.map((row) => vectors[row]!);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  }
}

function asMany(vectors: readonly (readonly number[])[], wanted: number, name: string): Float64Array[] {
  if (vectors.length !== wanted)
    throw new RangeError(`Endpoint ${name}: found ${vectors.length} embeddings, wanted ${wanted}`);
  return vectors.map((vector) => Float64Array.from(vector));
}

/** A damaged file is as good as none: it is asked for again. */
function readAnswer(file: string): Answer | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Answer;
    return typeof value.text === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** In words that say what to do about it. */
function trouble(error: unknown, { kind, keyVariable, timeout, perMinute }: EndpointSettings): string {
  const { status, status_code: code } = error as { status?: number; status_code?: number };
  const causes: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    causes.push(at.message);
    const { code: system } = at as NodeJS.ErrnoException;
    if (typeof system === 'string') causes.push(system);
    // Node tries several addresses of one name and reports all of them.
    if (at instanceof AggregateError) for (const one of at.errors) causes.push(messageOf(one));
  }
  const said = causes.find((line) => line.trim() !== '') ?? 'no reason given';
  switch (status ?? code) {
    case 401:
    case 403:
      return `refused the key in $${keyVariable} (${said})`;
    case 404:
      return `has no such model or address (${said})${kind === 'openai' ? '; does the url end in /v1?' : ''}`;
    case 429:
      return `too many requests, at ${perMinute} a minute (${said}); lower perMinute`;
  }
  if (causes.some((line) => /ECONNREFUSED|ENOTFOUND|ECONNRESET|fetch failed|Connection error/i.test(line)))
    return `cannot be reached (${causes.at(-1)}); is the server running?`;
  if (causes.some((line) => /timed? ?out|aborted/i.test(line))) return `no answer within ${timeout} s`;
  return said;
}

interface Server {
  chat(
    model: string,
    system: string | undefined,
    prompt: string,
    pictures: readonly Buffer[],
    signal: AbortSignal | undefined,
  ): Promise<Answer>;
  embed(model: string, texts: readonly string[], signal: AbortSignal | undefined): Promise<Answer>;
  /** pictures: PNG files, one alone where the format takes no more. */
  embedPictures?(
    model: string,
    format: EndpointSettings['imageFormat'],
    pictures: readonly Buffer[],
    signal: AbortSignal | undefined,
  ): Promise<Answer>;
}

function wantText(text: unknown): string {
  if (typeof text === 'string' && text !== '') return text;
  throw new RangeError(`answered ${JSON.stringify(text) ?? 'nothing'}, wanted text`);
}

const dataUrl = (picture: Buffer): string => `data:image/png;base64,${picture.toString('base64')}`;

/** OpenAI itself embeds no pictures, so every server that does has a form of its own. */
function pictureRequest(
  model: string,
  format: EndpointSettings['imageFormat'],
  pictures: readonly Buffer[],
): Readonly<Record<string, unknown>> {
  switch (format) {
    case 'vllm': {
      const content = pictures.map((picture) => ({
        type: 'image_url',
        image_url: { url: dataUrl(picture) },
      }));
      return { model, messages: [{ role: 'user', content }], encoding_format: 'float' };
    }
    case 'infinity':
      return { model, modality: 'image', input: pictures.map(dataUrl), encoding_format: 'float' };
    case 'jina':
      return { model, input: pictures.map((picture) => ({ image: picture.toString('base64') })) };
  }
}

interface Embeddings {
  readonly data?: readonly { readonly embedding: readonly number[] }[];
  readonly usage?: { readonly prompt_tokens?: number; readonly total_tokens?: number };
}

function openAiServer(url: string, key: string | undefined, timeout: number): Server {
  let made: OpenAI | undefined;
  // Loaded with the first question: it is a fourth of all the modules that a lab would start with, and few ask anything.
  const client = async (signal: AbortSignal | undefined): Promise<OpenAI> => {
    const { OpenAI: Client } = await import('openai');
    // It would still send what was stopped meanwhile.
    signal?.throwIfAborted();
    // Servers on one's own machine ask for no key, the library does. It retries refused requests itself, after the wait asked for.
    made ??= new Client({ baseURL: url, apiKey: key ?? 'none', timeout: timeout * 1000, maxRetries: 2 });
    return made;
  };
  return {
    async chat(model, system, prompt, pictures, signal) {
      const found = await (await client(signal)).chat.completions.create(
        {
          model,
          temperature: 0,
          messages: [
            ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
            {
              role: 'user',
              content: [
                { type: 'text', text: prompt },
                ...pictures.map((picture) => ({
                  type: 'image_url' as const,
                  image_url: { url: dataUrl(picture) },
                })),
              ],
            },
          ],
        },
        signal === undefined ? {} : { signal },
      );
      return {
        text: wantText(found.choices?.[0]?.message?.content),
        inputTokens: found.usage?.prompt_tokens ?? 0,
        outputTokens: found.usage?.completion_tokens ?? 0,
      };
    },
    async embed(model, texts, signal) {
      const found = await (await client(signal)).embeddings.create(
        { model, input: [...texts], encoding_format: 'float' },
        signal === undefined ? {} : { signal },
      );
      return {
        text: '',
        vectors: found.data.map(({ embedding }) => embedding),
        inputTokens: found.usage?.prompt_tokens ?? 0,
        outputTokens: 0,
      };
    },
    async embedPictures(model, format, pictures, signal) {
      // The library's own call knows texts alone.
      const found = await (await client(signal)).post<Embeddings>('/embeddings', {
        body: pictureRequest(model, format, pictures),
        ...(signal === undefined ? {} : { signal }),
      });
      return {
        text: '',
        vectors: (found.data ?? []).map(({ embedding }) => embedding),
        inputTokens: found.usage?.prompt_tokens ?? found.usage?.total_tokens ?? 0,
        outputTokens: 0,
      };
    },
  };
}

function ollamaServer(url: string, key: string | undefined, timeout: number): Server {
  /** The library has neither a deadline nor a stop of one request: both come with the fetch. */
  const client = async (signal: AbortSignal | undefined): Promise<Ollama> => {
    const { Ollama: Client } = await import('ollama');
    signal?.throwIfAborted();
    return new Client({
      host: url,
      ...(key === undefined ? {} : { headers: { Authorization: `Bearer ${key}` } }),
      fetch: (input, init) => {
        const deadline = AbortSignal.timeout(timeout * 1000);
        return fetch(input, {
          ...init,
          signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
        });
      },
    });
  };
  return {
    async chat(model, system, prompt, pictures, signal) {
      const found = await (await client(signal)).chat({
        model,
        stream: false,
        options: { temperature: 0 },
        messages: [
          ...(system === undefined ? [] : [{ role: 'system', content: system }]),
          { role: 'user', content: prompt, images: pictures.map((picture) => picture.toString('base64')) },
        ],
      });
      return {
        text: wantText(found.message?.content),
        inputTokens: found.prompt_eval_count ?? 0,
        outputTokens: found.eval_count ?? 0,
      };
    },
    async embed(model, texts, signal) {
      const found = await (await client(signal)).embed({ model, input: [...texts] });
      return {
        text: '',
        vectors: found.embeddings,
        inputTokens: found.prompt_eval_count ?? 0,
        outputTokens: 0,
      };
    },
  };
}
