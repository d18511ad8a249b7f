import { opKind, opObject, OpKind, type Op } from '../../kernel/index.js';

/**
 * Whether the order of two operations can matter: they touch one object and not both only read it. What the kernel
 * calls one operation may do more than its name says (a framework call does), so strategies use this as a hint;
 * proofs do not.
 */
export function conflicts(a: Op, b: Op): boolean {
  return opObject(a) === opObject(b) && (opKind(a) !== OpKind.Read || opKind(b) !== OpKind.Read);
}
