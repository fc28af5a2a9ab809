/**
 * What both transports share: a message is looked at before the RPC library sees it. A peer that sends anything but a
 * well-formed call is told why and shown out; the lab goes on.
 */

/** Most bytes of one message from a window; recipes are the largest thing it sends. */
export const mostMessageBytes = 1_000_000;

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Why this message is no call of ours; `undefined` when it may pass. Calls are `{ i: id, t?: type, p?: payload }` as JSON. */
export function refusal(data: unknown): string | undefined {
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) {
    return `found ${data.byteLength} bytes of binary data, wanted a JSON call`;
  }
  if (typeof data !== 'string')
    return `found ${data === null ? 'null' : typeof data}, wanted a JSON call as text`;
  if (data.length > mostMessageBytes)
    return `found ${data.length} characters, wanted at most ${mostMessageBytes}`;
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch {
    return 'found text that is not JSON, wanted a JSON call';
  }
  if (!isPlain(message)) return 'found JSON that is no object, wanted { i, t, p }';
  if (typeof message['i'] !== 'string' && typeof message['i'] !== 'number') {
    return 'found a call without an id, wanted { i, t, p }';
  }
  const type = message['t'];
  if (type !== undefined && type !== 1 && type !== 3 && type !== 4)
    return `found call type ${JSON.stringify(type)}, wanted 1, 3 or 4`;
  if ((type === undefined || type === 1) && !isPlain(message['p']))
    return 'found a call without a payload, wanted { u, b }';
  if (
    (type === undefined || type === 1) &&
    typeof (message['p'] as Record<string, unknown>)['u'] !== 'string'
  ) {
    return 'found a call without an address, wanted { u, b }';
  }
  return undefined;
}
