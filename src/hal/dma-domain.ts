/** What a device may do to a page it is given; bits. */
export const DomainAccess = {
  /** The device reads memory (write to device). */
  Read: 1,
  /** The device writes memory (read from device). */
  Write: 2,
} as const;

/**
 * A device's address space as the HAL sees it: pages are opened while they are mapped for the device and closed
 * again; the hardware's IOMMU model implements it over a table in machine memory and checks every device access
 * against it (rule A36). Logical addresses are Numbers and may lie beyond 2^32.
 *
 *     frameBase + pfn * 4096      a RAM frame seen without translation (LA is never PA: the base is not 0)
 *     windowBase + slot * 4096    a map register: a page of the translation window, pointing at any frame
 */
export interface DmaDomain {
  readonly frameBase: number;
  readonly windowBase: number;
  readonly windowSlots: number;
  /** Opens the page that begins at address `logicalPage` for `access`; opened twice it must be closed twice. `mappingId` names the mapping in fault reports. */
  open(logicalPage: number, frame: number, access: number, mappingId: number): void;
  close(logicalPage: number, access: number): void;
}
