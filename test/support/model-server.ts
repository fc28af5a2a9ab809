/**
 * A server that speaks the protocols of OpenAI and of Ollama. It answers with the number of pictures and the question, or
 * with `reply`, and misbehaves where the model's name says so.
 */

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inflateSync } from 'node:zlib';

export interface Seen {
  readonly path: string;
  readonly key: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what a client sends may be anything
  readonly body: any;
  readonly at: number;
}

export interface ModelServer {
  /** http://127.0.0.1:PORT */
  readonly address: string;
  /** Requests so far. */
  readonly seen: Seen[];
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

/** The pixels of a PNG file in base64 of one row: its filter, then the colours. */
export function pixelsOf(base64: string): Buffer {
  const file = Buffer.from(base64.replace('data:image/png;base64,', ''), 'base64');
  const at = file.indexOf('IDAT');
  return inflateSync(file.subarray(at + 4, at + 4 + file.readUInt32BE(at - 4)));
}

/** Texts as they are; of pictures, however they are sent, their pixels as text. */
function wordsOrPictures({ model, input, messages, modality }: Seen['body']): string[] {
  if (model !== 'sight') return input;
  const pixels = (base64: string): string => String(pixelsOf(base64));
  if (messages !== undefined) return [pixels(messages[0].content[0].image_url.url)];
  if (modality === 'image') return input.map(pixels);
  return input.map(({ image }: { image: string }) => pixels(image));
}

export async function modelServer(
  reply = (pictures: number, text: string): string => `${pictures} pictures: ${text}`,
): Promise<ModelServer> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await bodyOf(request));
    const path = request.url!;
    seen.push({ path, key: request.headers.authorization, body, at: performance.now() });
    const send = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (body.model === 'locked') return send(401, { error: { message: 'who are you' } });
    if (body.model === 'slow') return;
    if (body.model === 'mute') {
      return path.startsWith('/v1')
        ? send(200, { choices: [{ message: { content: null } }] })
        : send(200, { message: { content: '' } });
    }
    const again = seen.filter((request) => request.body.model === 'busy-once').length;
    if (body.model === 'busy-once' && again === 1) {
      response.setHeader('retry-after-ms', '1');
      return send(429, { error: { message: 'slow down' } });
    }
    const known = ['eye', 'busy-once', 'words', 'sight'].includes(body.model);
    if (!known) return send(404, { error: path.startsWith('/v1') ? { message: 'no model' } : 'no model' });
    switch (path) {
      case '/v1/chat/completions': {
        const content = body.messages.at(-1).content as { type: string; text?: string }[];
        const pictures = content.filter(({ type }) => type === 'image_url').length;
        return send(200, {
          choices: [{ message: { role: 'assistant', content: reply(pictures, content[0]!.text!) } }],
          usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
        });
      }
      case '/api/chat': {
        const { content, images } = body.messages.at(-1);
        return send(200, {
          message: { role: 'assistant', content: reply(images.length, content) },
          done: true,
          prompt_eval_count: 100,
          eval_count: 20,
        });
      }
      case '/v1/embeddings':
        return send(200, {
          data: wordsOrPictures(body).map((text, index) => ({
            object: 'embedding',
            index,
            embedding: [text.length, 1],
          })),
          usage: { prompt_tokens: 7, total_tokens: 7 },
        });
      case '/api/embed':
        return send(200, {
          embeddings: body.input.map((text: string) => [text.length, 1]),
          prompt_eval_count: 7,
        });
      default:
        return send(404, { error: 'no such page' });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
