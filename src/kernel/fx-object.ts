import { WDF_VIOLATION, WdfViolation } from '../nt/index.js';
import type { Kernel } from './kernel.js';
import { COMPLETED } from './completed.js';
import type { Suspending } from './op.js';

/** WDF_OBJECT_ATTRIBUTES: the object's typed context and its life-cycle callbacks, which must not suspend. */
export interface ObjectAttributes<C = unknown> {
  readonly context?: C;
  readonly parent?: FxObject;
  readonly evtCleanupCallback?: (object: FxObject) => void;
  readonly evtDestroyCallback?: (object: FxObject) => void;
}

const NO_CHILDREN: ReadonlySet<FxObject> = new Set();

type ObjectState = 'live' | 'disposing' | 'deleted' | 'destroyed';

/**
 * A framework object: a node in the tree of parents and children, counted by references.
 *
 * Deleting disposes children first, then the object itself (`dispose`, then EvtCleanup); the memory of the object,
 * and EvtDestroy, wait for the last reference. The order is that of the published framework's object state machine.
 */
export abstract class FxObject<C = unknown> {
  readonly objectId: number;
  readonly context: C;
  /** Counts reuses of pooled objects, so that a stale handle can be told from a live one. */
  generation = 0;
  private fxState: ObjectState = 'live';
  private fxReferences = 1;
  private fxParent: FxObject | null = null;
  /** Made with the first child: most objects have none. */
  private fxChildren: Set<FxObject> | null = null;
  private readonly fxAttributes: ObjectAttributes<C>;

  constructor(
    readonly kernel: Kernel,
    readonly typeName: string,
    parent: FxObject | null,
    attributes: ObjectAttributes<C> = {},
  ) {
    this.objectId = kernel.nextObjectId(typeName);
    this.context = attributes.context as C;
    this.fxAttributes = attributes;
    this.fxParent = parent;
    if (parent !== null) (parent.fxChildren ??= new Set()).add(this);
  }

  /** `DmaTransaction#17`, as findings print it. */
  get label(): string {
    return `${this.typeName}#${this.objectId}`;
  }

  get parent(): FxObject | null {
    return this.fxParent;
  }

  get children(): ReadonlySet<FxObject> {
    return this.fxChildren ?? NO_CHILDREN;
  }

  /** It can be disposed at PASSIVE_LEVEL only: above it a system thread does it later. */
  get isPassiveDispose(): boolean {
    return false;
  }

  get isLive(): boolean {
    return this.fxState === 'live';
  }

  get isDestroyed(): boolean {
    return this.fxState === 'destroyed';
  }

  get references(): number {
    return this.fxReferences;
  }

  reference(): void {
    if (this.fxState === 'destroyed') this.fxInvalidHandle('WdfObjectReference', 'destroyed');
    this.fxReferences++;
  }

  /** The last reference destroys a deleted object; on a live one it is rule B08. */
  dereference(): void {
    if (this.fxState === 'destroyed') this.fxInvalidHandle('WdfObjectDereference', 'destroyed');
    this.fxReferences--;
    if (this.fxReferences > 0) return;
    if (this.fxState === 'live') {
      this.kernel.violation({
        rule: 'B08',
        severity: 'crash',
        object: this.label,
        message: `the last reference to ${this.label} was dropped without deleting it`,
        bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.OBJECT_ERROR, this.objectId] },
      });
    }
    this.fxDestroy();
  }

  /**
   * WdfObjectDelete: disposes the tree below, then this object, and drops the creation reference. Suspends, because
   * giving resources back may let somebody else's callback run.
   */
  *delete(): Suspending<void> {
    this.requireLive('WdfObjectDelete');
    // Disposal has begun, here or from a parent: a second delete adds nothing, the framework drops that event too.
    if (this.fxState === 'disposing') return;
    // Out of the tree first: a parent that is disposed meanwhile must not dispose this object a second time.
    if (this.fxParent !== null) this.fxParent.fxChildren!.delete(this);
    yield* this.fxDisposeTree();
    this.fxDropTree();
  }

  /** Deletes what the object owns and keeps the object. */
  protected *deleteChildren(): Suspending<void> {
    if (this.fxChildren === null) return;
    for (const child of this.fxChildren) yield* child.delete();
  }

  /** Rule B05: a deleted handle is used. Does not return in that case. */
  requireLive(ddi: string): void {
    if (this.kernel.dead !== null) throw this.kernel.dead;
    if (this.fxState === 'live' || this.fxState === 'disposing') return;
    this.fxInvalidHandle(ddi, 'deleted');
  }

  private fxInvalidHandle(ddi: string, since: string): void {
    this.kernel.violation({
      rule: 'B05',
      severity: 'crash',
      object: this.label,
      message: `${ddi} is called with the handle of ${this.label}, which was ${since}`,
      bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, this.objectId] },
    });
  }

  /** What the type itself gives back when it goes; runs before EvtCleanup. */
  protected dispose(): Suspending<void> {
    return COMPLETED;
  }

  private *fxDisposeTree(): Suspending<void> {
    this.fxState = 'disposing';
    if (this.fxChildren !== null) for (const child of this.fxChildren) yield* child.fxDisposeTree();
    yield* this.dispose();
    this.fxAttributes.evtCleanupCallback?.(this);
    this.fxState = 'deleted';
  }

  private fxDropTree(): void {
    if (this.fxChildren !== null) for (const child of this.fxChildren) child.fxDropTree();
    this.fxChildren = null;
    this.dereference();
  }

  private fxDestroy(): void {
    this.fxState = 'destroyed';
    this.fxParent = null;
    this.fxAttributes.evtDestroyCallback?.(this);
  }
}
