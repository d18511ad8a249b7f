/** A conformance vector as it stands in a file: a small machine, a script of driver calls, and the events to be seen. */
export interface Vector {
  readonly name: string;
  readonly topic?: string;
  readonly shows?: string;
  /** Absent: everything as by default. */
  readonly machine?: VectorMachine;
  readonly enabler: VectorEnabler;
  readonly buffers?: Readonly<Record<string, readonly VectorMdl[]>>;
  readonly requests?: Readonly<Record<string, VectorRequest>>;
  readonly script: readonly VectorCall[];
  /** `callbacks[tx][callback][k]`: the calls made inside invocation k. */
  readonly callbacks?: Readonly<Record<string, Readonly<Record<string, readonly (readonly VectorCall[] | null)[]>>>>;
  readonly expect: readonly unknown[];
  readonly hal?: readonly unknown[];
  /** The script breaks a rule of the framework; the result is an accident of its code. */
  readonly beyondContract?: boolean;
}

export interface VectorMachine {
  readonly pool?: number;
  readonly maxMapRegisters?: number;
  readonly bounce?: boolean;
  readonly direct?: boolean;
  readonly verifier?: boolean;
}

export interface VectorEnabler {
  readonly profile: string;
  readonly maximumLength: number;
  readonly dmaVersion?: number;
  readonly addressWidth?: number;
  readonly noSgPrealloc?: boolean;
  readonly singleTransfer?: boolean;
  readonly configSize?: number;
  readonly power?: Readonly<Record<string, string>>;
  readonly maxScatterGatherElements?: number;
  readonly configure?: readonly VectorDirection[];
}

export interface VectorMdl {
  readonly off: number;
  readonly len: number;
  readonly pfns: readonly number[];
}

export interface VectorRequest {
  readonly type: string;
  readonly length?: number;
  readonly in?: number;
  readonly out?: number;
  readonly method?: string;
  readonly buffer?: string | null;
}

/** A number is an invalid raw value. */
export type VectorDirection = 'Read' | 'Write' | number;

/** `[op, transaction, argument]`; the transaction is null or absent for calls on the enabler. */
export type VectorCall = readonly [op: string, transaction?: string | null | boolean, argument?: unknown];

/** Calls on a transaction. */
export const TRANSACTION_OPERATIONS = [
  'Create',
  'Initialize',
  'InitializeUsingOffset',
  'InitializeUsingRequest',
  'Execute',
  'DmaCompleted',
  'DmaCompletedWithLength',
  'DmaCompletedFinal',
  'Release',
  'Delete',
  'AllocateResources',
  'FreeResources',
  'Cancel',
  'StopSystemTransfer',
  'SetMaximumLength',
  'SetDeviceAddressOffset',
  'SetSingleTransferRequirement',
  'SetImmediateExecution',
  'SetChannelConfigurationCallback',
  'SetTransferCompleteCallback',
  'GetBytesTransferred',
  'GetCurrentDmaTransferLength',
  'GetRequest',
  'GetTransferInfo',
  'WdmGetTransferContext',
  'HalComplete',
] as const;

/** Calls on the enabler. */
export const ENABLER_OPERATIONS = [
  'SetMaximumScatterGatherElements',
  'GetMaximumScatterGatherElements',
  'EnablerGetMaximumLength',
  'EnablerGetFragmentLength',
  'PowerUp',
  'PowerDown',
] as const;
