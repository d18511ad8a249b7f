const ADDRESS_ENDS = Array.from({ length: 65 }, (_, bits) => 2 ** bits);

/** The first address that a device with so many address bits cannot drive. */
export function addressEnd(addressWidthBits: number): number {
  return ADDRESS_ENDS[addressWidthBits] ?? 2 ** addressWidthBits;
}

/** DEVICE_DESCRIPTION: what a device needs of its adapter (kmdf hal.md section 2). */
export interface DeviceDescription {
  /** 2 or 3: the set of operations. IoGetDmaAdapter returns nothing for another. */
  readonly version: number;
  /** Bus master; false for a device served by the system DMA controller. */
  readonly isMaster: boolean;
  readonly scatterGather: boolean;
  /** Bits of a logical address the device can drive: 24, 32, 64, or an override. */
  readonly addressWidthBits: number;
  /** Largest transfer wanted. */
  readonly maximumLengthBytes: number;
  /** System DMA: the controller's channel and the device's request line. */
  readonly dmaChannel?: number;
  readonly dmaRequestLine?: number;
  /** System DMA: the device register data goes to or comes from, and its width. */
  readonly deviceAddress?: number;
  readonly dmaWidthBits?: number;
  readonly demandMode?: boolean;
  readonly autoInitialize?: boolean;
}
