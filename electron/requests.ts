/** Which window messages count as the page asking for its port. Apart from preload.ts, so that it can be tested. */

interface WindowMessage {
  readonly source: unknown;
  readonly origin: string;
  readonly data: unknown;
}

export function isPortRequest(
  event: WindowMessage,
  page: { readonly location: { readonly origin: string } },
): boolean {
  if (event.source !== page || event.origin !== page.location.origin) return false;
  const data = event.data as { type?: unknown } | null;
  return typeof data === 'object' && data !== null && data.type === 'lab-port-wanted';
}
