import { WDF_VIOLATION, WdfViolation } from '../nt/index.js';
import type { FxObject, ObjectAttributes } from './fx-object.js';
import type { Suspending } from './op.js';

type ObjectState = 'live' | 'disposing' | 'deleted' | 'destroyed';

/**
 * What the tree of objects knows of one of them: its place and its life. An object of its own, because the code of the
 * tree meets objects of a dozen classes, and fields that all of these share are slow to make and to find.
 *
 * Children are linked in the order they came. One that leaves keeps its links, so that whoever walks the children
 * finds the way on from it.
 */
export class FxNode {
  state: ObjectState = 'live';
  references = 1;
  readonly context: unknown;
  /** Null for a root, and for what has been destroyed. */
  parent: FxNode | null;
  firstChild: FxNode | null = null;
  #lastChild: FxNode | null = null;
  #previous: FxNode | null = null;
  #next: FxNode | null = null;
  #isListed = false;

  constructor(
    readonly object: FxObject,
    readonly typeName: string,
    parent: FxNode | null,
    private readonly attributes: ObjectAttributes,
  ) {
    this.parent = parent;
    this.context = attributes.context;
    if (parent !== null) parent.#append(this);
  }

  #append(child: FxNode): void {
    const last = this.#lastChild;
    child.#isListed = true;
    child.#previous = last;
    if (last === null) this.firstChild = child;
    else last.#next = child;
    this.#lastChild = child;
  }

  /** Out of its parent's children. */
  leave(): void {
    const { parent } = this;
    if (parent === null || !this.#isListed) return;
    this.#isListed = false;
    const previous = this.#previous;
    const next = this.#next;
    if (previous === null) parent.firstChild = next;
    else previous.#next = next;
    if (next === null) parent.#lastChild = previous;
    else next.#previous = previous;
  }

  /** The child behind this one; behind one that has left, what stands in its place. */
  nextIn(parent: FxNode): FxNode | null {
    if (this.#isListed) return this.#next;
    let listed = this.#previous;
    while (listed !== null && !listed.#isListed) listed = listed.#previous;
    return listed === null ? parent.firstChild : listed.#next;
  }

  /** Disposes what is below, children first and in their order, then the object itself. */
  *disposeTree(): Suspending<void> {
    let at = beginDisposal(this);
    for (;;) {
      yield* at.object.dispose();
      at.attributes.evtCleanupCallback?.(at.object);
      at.state = 'deleted';
      if (at === this) return;
      const { parent }: FxNode = at;
      const next: FxNode | null = at.nextIn(parent!);
      at = next === null ? parent! : beginDisposal(next);
    }
  }

  /** Drops the creation references of the whole tree. */
  dropTree(): void {
    for (let child = this.firstChild; child !== null; child = child.nextIn(this)) child.dropTree();
    this.firstChild = null;
    this.#lastChild = null;
    this.dereference();
  }

  dereference(): void {
    const { object } = this;
    if (this.state === 'destroyed') this.invalidHandle('WdfObjectDereference', 'destroyed');
    this.references--;
    if (this.references > 0) return;
    if (this.state === 'live') {
      object.kernel.violation({
        rule: 'B08',
        severity: 'crash',
        object: object.label,
        message: `the last reference to ${object.label} was dropped without deleting it`,
        bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.OBJECT_ERROR, object.objectId] },
      });
    }
    this.state = 'destroyed';
    this.parent = null;
    this.attributes.evtDestroyCallback?.(object);
  }

  invalidHandle(ddi: string, since: string): void {
    const { kernel, label, objectId } = this.object;
    kernel.violation({
      rule: 'B05',
      severity: 'crash',
      object: label,
      message: `${ddi} is called with the handle of ${label}, which was ${since}`,
      bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, objectId] },
    });
  }
}

/** Disposal of `root` begins, and is due first for the object returned. */
function beginDisposal(root: FxNode): FxNode {
  let at = root;
  at.state = 'disposing';
  for (let child = at.firstChild; child !== null; child = at.firstChild) {
    child.state = 'disposing';
    at = child;
  }
  return at;
}
