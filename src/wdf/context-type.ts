import { trackFields, type FxObject, type Kernel } from '../kernel/index.js';

/**
 * A typed object context, the counterpart of WDF_DECLARE_CONTEXT_TYPE_WITH_NAME: called with an object it returns
 * that object's context, e.g. `plxContext(queue.device).readTransaction`.
 */
export interface ContextType<C extends object> {
  (object: FxObject): C;
  readonly contextName: string;
  /** A fresh context, as the framework zeroes one for a new object. */
  create(): C;
  /** The same for `owner`, by which findings name it; the fields of a tracked type are looked after. */
  createFor(kernel: Kernel, owner: string): C;
}

export interface ContextOptions {
  /** Its fields are looked after for data races under `explore --races` (docs/races.md). Default false. */
  readonly tracked?: boolean;
}

/** Declares a context type. The accessor throws a TypeError for an object that was created with another context. */
export function declareContext<C extends object>(name: string, create: new () => C, options: ContextOptions = {}): ContextType<C> {
  const accessor = (object: FxObject): C => {
    const { context } = object;
    if (context instanceof create) return context;
    throw new TypeError(`${object.label} has no ${name} context`);
  };
  return Object.assign(accessor, {
    contextName: name,
    create: () => new create(),
    createFor: (kernel: Kernel, owner: string) => {
      const context = new create();
      return options.tracked === true ? trackFields(kernel, context, `${owner}: ${name}`) : context;
    },
  });
}
