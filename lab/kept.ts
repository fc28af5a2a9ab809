/** A few things by key, made when they are first asked for; the one that was asked for longest ago leaves. */

export class Kept<K, V> {
  readonly #most: number;
  readonly #items = new Map<K, V>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: K, make: () => V): V {
    const known = this.#items.get(key);
    this.#items.delete(key);
    const value = known ?? make();
    this.#items.set(key, value);
    for (const old of this.#items.keys()) {
      if (this.#items.size <= this.#most) break;
      this.#items.delete(old);
    }
    return value;
  }
}
