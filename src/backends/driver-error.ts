import { AsyncCallbackError, type Kernel } from '../kernel/index.js';
import { BugCheck, DRIVER_VERIFIER_DMA_VIOLATION, type Violation } from '../nt/index.js';
import { operationOnNullAdapter } from './null-adapter.js';
import { placeOf } from './stack-place.js';

/**
 * What an execution threw, sorted into the three kinds: the BugCheck of a dead machine is recorded already, the lab's
 * usage and internal errors pass on, and an exception of the driver's own code becomes the finding L-DRIVER-THREW,
 * whatever its class - or A25, when it called a DMA operation on NULL. Which code threw is told by the innermost frames
 * of the stack.
 */
export function recordThrown(error: unknown, kernel: Kernel): void {
  if (error instanceof BugCheck && kernel.dead !== null) return;
  if (error instanceof AsyncCallbackError) return recordAsync(error, kernel);
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const place = error instanceof Error ? placeOf(error) : 'a place it does not tell';
  // Neither the code under test nor a call it made: the lab's own defect.
  if (place === null) throw error;
  const operation = operationOnNullAdapter(error);
  const object = kernel.current.top?.name ?? null;
  if (operation === null)
    dies(kernel, { rule: 'L-DRIVER-THREW', severity: 'crash', object, message: `the code under test threw ${what} at ${place}` });
  else
    dies(kernel, {
      rule: 'A25',
      severity: 'crash',
      object: object ?? 'driver',
      message: `${operation} is called on NULL instead of a DMA adapter at ${place}`,
      bugCheck: { code: DRIVER_VERIFIER_DMA_VIOLATION, parameters: [0x19] },
    });
}

/** Records what kills the machine; the execution is over already. */
function dies(kernel: Kernel, violation: Violation): void {
  try {
    kernel.violation(violation);
  } catch (bugCheck) {
    if (!(bugCheck instanceof BugCheck)) throw bugCheck;
  }
}

function recordAsync({ message }: AsyncCallbackError, kernel: Kernel): void {
  const { top } = kernel.current;
  const callback = top?.callback?.name ?? top?.name ?? 'a callback';
  dies(kernel, {
    rule: 'L-FORGOTTEN-YIELD',
    severity: 'crash',
    object: callback,
    message: `${callback} ${message}: what it awaits would run outside of every schedule; write function* and, in front of framework calls, yield*`,
  });
}
