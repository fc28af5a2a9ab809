/**
 * Settings fields: one flat table per registered thing (task, algorithm, reward method). Forms, validation, the
 * command line and the docs are all drawn from these tables, so a field is written down exactly once.
 */

interface FieldBase {
  /** One line that says what the field does; shown in forms, `--help` and docs. */
  readonly help: string;
  /** Unit of the value ("s", "m", "steps" ...); absent for pure numbers. */
  readonly unit?: string;
}

export interface NumberField extends FieldBase {
  readonly type: 'number';
  readonly default: number;
  /** Both ends are allowed values. */
  readonly min: number;
  readonly max: number;
}

export interface IntegerField extends FieldBase {
  readonly type: 'integer';
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export interface BooleanField extends FieldBase {
  readonly type: 'boolean';
  readonly default: boolean;
}

export interface ChoiceField extends FieldBase {
  readonly type: 'choice';
  readonly default: string;
  readonly options: readonly string[];
}

/** Free text with a form of its own (a list of points); the thing it belongs to checks that form. */
export interface TextField extends FieldBase {
  readonly type: 'text';
  readonly default: string;
  /** Characters. */
  readonly longest: number;
}

export type Field = NumberField | IntegerField | BooleanField | ChoiceField | TextField;
export type Fields = Readonly<Record<string, Field>>;
export type FieldValue = number | boolean | string;

/** The value object that belongs to a table of fields. */
export type Settings<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends BooleanField
    ? boolean
    : F[K] extends { readonly type: 'choice'; readonly options: readonly (infer O)[] }
      ? O
      : F[K] extends TextField
        ? string
        : number;
};

/** Settings of a thing whose field table is not known at compile time. */
export type AnySettings = Readonly<Record<string, FieldValue>>;

/** All defaults of a table, frozen. */
export function defaultsOf<F extends Fields>(fields: F): Settings<F> {
  const values: Record<string, FieldValue> = {};
  for (const [name, field] of Object.entries(fields)) values[name] = field.default;
  return Object.freeze(values) as Settings<F>;
}
