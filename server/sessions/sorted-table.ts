// Rows of numbers in one growable typed array, kept sorted by their first column and, within it, by the second.
export class SortedTable {
  readonly #columns: number;
  #cells: Float64Array;
  #count = 0;

  constructor(columns: number) {
    this.#columns = columns;
    this.#cells = new Float64Array(columns * 16);
  }

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#cells.byteLength;
  }

  cell(row: number, column: number): number {
    return this.#cells[row * this.#columns + column] ?? Number.NaN;
  }

  /** False when a row with these first two columns is there already. */
  insert(row: number[]): boolean {
    const place = this.#placeOf(row[0] ?? 0, row[1] ?? 0);
    if (place < this.#count && this.cell(place, 0) === row[0] && this.cell(place, 1) === row[1]) return false;
    const columns = this.#columns;
    if ((this.#count + 1) * columns > this.#cells.length) {
      const grown = new Float64Array(Math.ceil(this.#count * 1.5 + 1) * columns);
      grown.set(this.#cells.subarray(0, this.#count * columns));
      this.#cells = grown;
    }
    this.#cells.copyWithin((place + 1) * columns, place * columns, this.#count * columns);
    this.#cells.set(row, place * columns);
    this.#count++;
    return true;
  }

  /** The last row whose first column is at most `value`; −1 when there is none. */
  lastAtMost(value: number): number {
    return this.#placeOf(value, Infinity) - 1;
  }

  /** The first row not before (first, second). */
  #placeOf(first: number, second: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const value = this.cell(middle, 0);
      if (value > first || (value === first && this.cell(middle, 1) >= second)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
