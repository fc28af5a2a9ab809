/**
 * Loaded into Electron's installer (`node --import`), which says neither why a download failed nor how far it is. Writes
 * one line a second to stdout, `watch-fetch <bytes> <total>`, and the code of a failure to stderr.
 */

const plain = globalThis.fetch;

globalThis.fetch = async (...request) => {
  let response;
  try {
    response = await plain(...request);
  } catch (error) {
    const cause = error.cause;
    process.stderr.write(`${cause?.code ?? cause?.errors?.[0]?.code ?? cause?.message ?? error.message}\n`);
    throw error;
  }
  if (!response.ok || response.body === null) return response;
  const total = Number(response.headers.get('content-length') ?? 0);
  let bytes = 0;
  let told = 0;
  const counted = response.body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (Date.now() - told > 1000) {
          told = Date.now();
          process.stdout.write(`watch-fetch ${bytes} ${total}\n`);
        }
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted, { status: response.status, headers: response.headers });
};
