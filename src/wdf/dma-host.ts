import type { NtStatus } from '../nt/index.js';
import type { RegisterPort } from './hardware-resources.js';
import type { FxObject } from '../kernel/index.js';
import type { DmaDomain, HalPlatform, Mdl } from '../hal/index.js';
import type { DmaEnabler } from './dma-enabler.js';
import type { DmaTransactionCore } from './dma-transaction-core.js';

/** What the DMA objects need of the device they serve; `Device` is one. */
export interface DmaDevice extends FxObject {
  readonly platform: HalPlatform;
  /** The device's address space; null when nothing checks its accesses. */
  readonly domain: DmaDomain | null;
  /** Its register window, by which operations on the hardware are known; absent without hardware. */
  readonly resources?: { readonly registers: Pick<RegisterPort, 'objectId' | 'fetchesBlocks'> };
  /** Name of the device in reports. */
  readonly deviceName?: string;
  /** WdfDeviceSetAlignmentRequirement, a mask: 15 aligns to 16 bytes. */
  readonly alignmentRequirement: number;
  /** In the order of creation; power callbacks run in it. Enablers add and remove themselves. */
  readonly dmaEnablers: DmaEnabler[];
  /** Its WDFINTERRUPTs; absent where nobody asks. */
  readonly interrupts?: readonly FxObject[];
  /** Version-2 packet transactions exclude each other per device (rule C06); the one that is active. */
  activePacketTransaction: FxObject | null;
}

/** IRP major functions that can carry a transfer. */
export const IrpMajorFunction = { Read: 3, Write: 4, DeviceControl: 14, InternalDeviceControl: 15 } as const;

/** Transfer method of a control code. */
export type DeviceControlMethod = 'Buffered' | 'InDirect' | 'OutDirect' | 'Neither';

/** The parts of a device control request that decide what is transferred. */
export interface DmaDeviceControl {
  readonly method: DeviceControlMethod;
  readonly inputBufferLengthBytes: number;
  readonly outputBufferLengthBytes: number;
  /** MDL of the output buffer of the direct methods; null when there is none. */
  readonly outputMdl: Mdl | null;
}

/** What a transaction needs of the request it is initialised from; `Request` is one. */
export interface DmaRequest {
  /** The transaction initialised from it, until that is released. */
  transaction: DmaTransactionCore | null;
  /** What the last transaction initialised from it has ended with; SUCCESS before, and while one is under way (rule D25). */
  dmaStatus: NtStatus;
  readonly label: string;
  /** IRP major function. */
  readonly type: number;
  /** Length of a read or write. */
  readonly lengthBytes: number;
  /** First MDL of the buffer; null when the request has none (BUFFER_TOO_SMALL). */
  readonly mdl: Mdl | null;
  /** Device control requests only. */
  readonly deviceControl: DmaDeviceControl | undefined;
  /** References of transactions in Transfer: completing the request while there are any is rule B03. */
  readonly dmaReferences: number;
  addDmaReference(): void;
  dropDmaReference(): void;
}
