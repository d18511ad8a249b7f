import { COMPLETED } from './completed.js';
import { FxNode } from './fx-node.js';
import type { Kernel } from './kernel.js';
import type { Suspending } from './op.js';

/** WDF_OBJECT_ATTRIBUTES: the object's typed context and its life-cycle callbacks, which must not suspend. */
export interface ObjectAttributes<C = unknown> {
  readonly context?: C;
  readonly parent?: FxObject;
  readonly evtCleanupCallback?: (object: FxObject) => void;
  readonly evtDestroyCallback?: (object: FxObject) => void;
}

const NO_ATTRIBUTES: ObjectAttributes<never> = {};

/**
 * A framework object: a node in the tree of parents and children, counted by references.
 *
 * Deleting disposes children first, then the object itself (`dispose`, then EvtCleanup); the memory of the object,
 * and EvtDestroy, wait for the last reference. The order is that of the published framework's object state machine.
 */
export abstract class FxObject<C = unknown> {
  readonly objectId: number;
  private readonly fxNode: FxNode;

  constructor(
    readonly kernel: Kernel,
    typeName: string,
    parent: FxObject | null,
    attributes: ObjectAttributes<C> = NO_ATTRIBUTES,
  ) {
    this.objectId = kernel.nextObjectId(typeName);
    this.fxNode = new FxNode(this, typeName, parent === null ? null : parent.fxNode, attributes);
  }

  get typeName(): string {
    return this.fxNode.typeName;
  }

  get context(): C {
    return this.fxNode.context as C;
  }

  /** `DmaTransaction#17`, as findings print it. */
  get label(): string {
    return `${this.typeName}#${this.objectId}`;
  }

  get parent(): FxObject | null {
    return this.fxNode.parent?.object ?? null;
  }

  /** In the order they were created. */
  get children(): readonly FxObject[] {
    const children: FxObject[] = [];
    for (let child = this.fxNode.firstChild; child !== null; child = child.nextIn(this.fxNode)) children.push(child.object);
    return children;
  }

  get hasChildren(): boolean {
    return this.fxNode.firstChild !== null;
  }

  /** It can be disposed at PASSIVE_LEVEL only: above it a system thread does it later. */
  get isPassiveDispose(): boolean {
    return false;
  }

  get isLive(): boolean {
    return this.fxNode.state === 'live';
  }

  get isDestroyed(): boolean {
    return this.fxNode.state === 'destroyed';
  }

  get references(): number {
    return this.fxNode.references;
  }

  reference(): void {
    if (this.fxNode.state === 'destroyed') this.fxNode.invalidHandle('WdfObjectReference', 'destroyed');
    this.fxNode.references++;
  }

  /** The last reference destroys a deleted object; on a live one it is rule B08. */
  dereference(): void {
    this.fxNode.dereference();
  }

  /**
   * WdfObjectDelete: disposes the tree below, then this object, and drops the creation reference. Suspends, because
   * giving resources back may let somebody else's callback run.
   */
  *delete(): Suspending<void> {
    this.requireLive('WdfObjectDelete');
    const { fxNode } = this;
    // Disposal has begun, here or from a parent: a second delete adds nothing, the framework drops that event too.
    if (fxNode.state === 'disposing') return;
    // Out of the tree first: a parent that is disposed meanwhile must not dispose this object a second time.
    fxNode.leave();
    yield* fxNode.disposeTree();
    fxNode.dropTree();
  }

  /** Deletes what the object owns and keeps the object. */
  protected *deleteChildren(): Suspending<void> {
    const { fxNode } = this;
    for (let child = fxNode.firstChild; child !== null; child = child.nextIn(fxNode)) yield* child.object.delete();
  }

  /** Rule B05: a deleted handle is used. Does not return in that case. */
  requireLive(ddi: string): void {
    if (this.kernel.dead !== null) throw this.kernel.dead;
    const { state } = this.fxNode;
    if (state !== 'live' && state !== 'disposing') this.fxNode.invalidHandle(ddi, 'deleted');
  }

  /** What the type itself gives back when it goes; called by the tree alone, before EvtCleanup. */
  dispose(): Suspending<void> {
    return COMPLETED;
  }
}
