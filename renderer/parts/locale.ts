/**
 * Imported before anything else. Under the POSIX locale Chromium names its language `en-US@posix`, which `Intl` refuses;
 * the chart library asks `Intl` while it is being loaded and would take the whole window down.
 */

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}

export {};
