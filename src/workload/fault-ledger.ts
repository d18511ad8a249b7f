/** What the faults injected so far explain about the requests of one device. */
export interface FaultLedger {
  /** Whether one more request may complete with an error status, `failed` having done so. */
  explainsFailure(failed: number): boolean;
  /** Whether one more request may complete with success and too few bytes, `shortened` having done so. */
  explainsShortCount(shortened: number): boolean;
}

/** Without faults every request completes with success and all its bytes. */
export const noFaultsInjected: FaultLedger = {
  explainsFailure: () => false,
  explainsShortCount: () => false,
};
