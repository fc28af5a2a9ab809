/** `endpoint`: which language or vision model the project may ask, and whether it answers. */

import {
  cacheOf,
  checkEndpoint,
  type EndpointSettings,
  endpointFields,
  endpointOf,
  openEndpoint,
  saveEndpoint,
} from '../endpoint.ts';
import { UsageError } from '../errors.ts';
import { applySetsTo } from '../sets.ts';
import { print, printJson, table } from './output.ts';

export interface EndpointFlags {
  /** A question to try it with. */
  readonly ask?: string;
}

/** @throws UsageError on fields that are wrong, Error when it was asked and did not answer. */
export async function showEndpoint(
  project: string,
  sets: readonly string[],
  { ask }: EndpointFlags,
  json: boolean,
): Promise<void> {
  let settings = endpointOf(project);
  if (sets.length > 0) {
    const values: Record<string, unknown> = { ...settings };
    const problems = applySetsTo([{ name: 'endpoint', fields: endpointFields, settings: values }], sets);
    if (problems.length > 0) throw new UsageError(problems);
    settings = checkEndpoint(values, 'endpoint');
    saveEndpoint(project, settings);
  }
  if (settings === undefined) {
    if (ask !== undefined)
      throw new UsageError([
        'endpoint: none is set; set one with: lab endpoint --set url=http://127.0.0.1:11434 --set model=NAME',
      ]);
    if (json) printJson({ endpoint: null });
    else print('No endpoint is set. Methods use what they say on their pages in its place.');
    return;
  }
  const answer = ask === undefined ? undefined : await answerOf(project, settings, ask);
  if (json) {
    printJson({ endpoint: settings, hasKey: hasKey(settings), ...(answer ?? {}) });
    return;
  }
  print(
    table(
      Object.entries(endpointFields).map(([name, field]) => ({
        field: name,
        value: String(settings[name as keyof EndpointSettings]),
        help: field.help,
      })),
    ),
  );
  print(`key: ${hasKey(settings) ? 'found' : 'none'} in $${settings.keyVariable}`);
  if (answer === undefined) return;
  const { text, usage } = answer;
  print();
  print(text);
  print(
    usage.cached > 0
      ? '(known already; nothing was asked)'
      : `(${usage.inputTokens} + ${usage.outputTokens} tokens, cost ${usage.cost})`,
  );
}

const hasKey = ({ keyVariable }: EndpointSettings): boolean => (process.env[keyVariable] ?? '') !== '';

async function answerOf(project: string, settings: EndpointSettings, prompt: string) {
  const endpoint = openEndpoint({ settings, cache: cacheOf(project) });
  return { text: await endpoint.ask({ prompt }), usage: endpoint.usage };
}
