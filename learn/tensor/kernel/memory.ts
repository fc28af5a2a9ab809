/** The kernel's memory: shared by all its threads, handed out in pieces and taken back. */

import { firstByte, mostPages, pageBytes } from './layout.ts';

const align = 64;
export const aligned = (bytes: number): number => align * Math.ceil(bytes / align);

interface Piece {
  at: number;
  bytes: number;
}

export class KernelMemory {
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: mostPages, shared: true });
  /** By address; no two touch. */
  readonly #free: Piece[] = [{ at: firstByte, bytes: pageBytes - firstByte }];
  readonly #sizes = new Map<number, number>();

  get buffer(): SharedArrayBuffer {
    return this.memory.buffer as unknown as SharedArrayBuffer;
  }

  /** Bytes handed out. */
  get used(): number {
    return [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Zeros, at a multiple of 64. Views made before stay valid. @throws RangeError when 2 GB are not enough. */
  take(wanted: number): number {
    const bytes = aligned(wanted);
    let piece = this.#free.find((free) => free.bytes >= bytes);
    if (!piece) {
      const pages = Math.ceil(bytes / pageBytes);
      try {
        this.#giveBack(pageBytes * this.memory.grow(pages), pages * pageBytes);
      } catch (error) {
        throw new RangeError(
          `Memory of the kernel: found ${this.used} bytes in use and ${wanted} more wanted, wanted at most ${mostPages * pageBytes} in all`,
          { cause: error },
        );
      }
      piece = this.#free.find((free) => free.bytes >= bytes)!;
    }
    const { at } = piece;
    piece.at += bytes;
    piece.bytes -= bytes;
    if (piece.bytes === 0) this.#free.splice(this.#free.indexOf(piece), 1);
    this.#sizes.set(at, bytes);
    new Uint8Array(this.buffer, at, bytes).fill(0);
    return at;
  }

  release(at: number): void {
    const bytes = this.#sizes.get(at);
    if (bytes === undefined) return;
    this.#sizes.delete(at);
    this.#giveBack(at, bytes);
  }

  #giveBack(at: number, bytes: number): void {
    const free = this.#free;
    let k = free.findIndex((piece) => piece.at > at);
    if (k === -1) k = free.length;
    free.splice(k, 0, { at, bytes });
    const touch = (i: number): void => {
      const [left, right] = [free[i], free[i + 1]];
      if (!left || !right || left.at + left.bytes !== right.at) return;
      left.bytes += right.bytes;
      free.splice(i + 1, 1);
    };
    touch(k);
    touch(k - 1);
  }
}
