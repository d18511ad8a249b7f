/**
 * The DDIs and callbacks of the reference tables that this project implements KMDF from, by section. The page
 * `docs/kmdf-map.md` has a row for each of them.
 */
export const REFERENCE_DDIS: Readonly<Record<string, readonly string[]>> = {
  WDFDMAENABLER: [
    ...prefixed('WdfDmaEnabler', 'Create ConfigureSystemProfile GetMaximumLength GetFragmentLength SetMaximumScatterGatherElements'),
    ...prefixed('WdfDmaEnabler', 'GetMaximumScatterGatherElements WdmGetDmaAdapter'),
    ...prefixed('EvtDmaEnabler', 'Fill Enable SelfManagedIoStart SelfManagedIoStop Disable Flush'),
    ...prefixed('', 'WDF_DMA_ENABLER_CONFIG_INIT WDF_DMA_SYSTEM_PROFILE_CONFIG_INIT'),
  ],
  WDFDMATRANSACTION: [
    ...prefixed('WdfDmaTransaction', 'Create InitializeUsingRequest Initialize InitializeUsingOffset SetMaximumLength'),
    ...prefixed('WdfDmaTransaction', 'SetSingleTransferRequirement SetImmediateExecution GetTransferInfo AllocateResources FreeResources'),
    ...prefixed('WdfDmaTransaction', 'Execute DmaCompleted DmaCompletedWithLength DmaCompletedFinal GetBytesTransferred'),
    ...prefixed('WdfDmaTransaction', 'GetCurrentDmaTransferLength GetRequest GetDevice Release Cancel StopSystemTransfer'),
    ...prefixed('WdfDmaTransaction', 'SetChannelConfigurationCallback SetTransferCompleteCallback SetDeviceAddressOffset'),
    ...prefixed('WdfDmaTransaction', 'WdmGetTransferContext'),
    ...prefixed(
      '',
      'WdfObjectDelete EvtProgramDma EvtReserveDma EvtDmaTransactionConfigureDmaChannel EvtDmaTransactionDmaTransferComplete',
    ),
    'SCATTER_GATHER_LIST',
  ],
  WDFCOMMONBUFFER: [
    'WDF_COMMON_BUFFER_CONFIG_INIT',
    ...prefixed('WdfCommonBuffer', 'Create CreateWithConfig GetAlignedVirtualAddress GetAlignedLogicalAddress GetLength'),
  ],
  WDFREQUEST: [
    ...prefixed('WdfRequest', 'MarkCancelable MarkCancelableEx UnmarkCancelable IsCanceled Complete CompleteWithInformation'),
    ...prefixed('WdfRequest', 'CompleteWithPriorityBoost SetInformation ForwardToIoQueue Requeue StopAcknowledge GetParameters'),
    ...prefixed('WdfRequest', 'RetrieveInputBuffer RetrieveOutputBuffer RetrieveInputMemory RetrieveOutputMemory'),
    ...prefixed('WdfRequest', 'RetrieveInputWdmMdl RetrieveOutputWdmMdl GetInformation'),
    'EvtRequestCancel',
  ],
  WDFQUEUE: [
    ...prefixed('WdfIoQueue', 'Create RetrieveNextRequest RetrieveRequestByFileObject FindRequest RetrieveFoundRequest ReadyNotify'),
    ...prefixed('WdfIoQueue', 'Start Stop StopSynchronously Drain DrainSynchronously Purge PurgeSynchronously StopAndPurge'),
    ...prefixed('WdfIoQueue', 'StopAndPurgeSynchronously GetState GetDevice'),
    'WdfDeviceConfigureRequestDispatching',
    ...prefixed('EvtIo', 'Default Read Write DeviceControl InternalDeviceControl Stop Resume CanceledOnQueue'),
  ],
  WDFINTERRUPT: [
    ...prefixed('WdfInterrupt', 'Create QueueDpcForIsr QueueWorkItemForIsr AcquireLock ReleaseLock TryToAcquireLock Synchronize'),
    ...prefixed('WdfInterrupt', 'Enable Disable ReportActive ReportInactive GetDevice'),
    ...prefixed('EvtInterrupt', 'Isr Dpc WorkItem Enable Disable'),
  ],
  'what driver patterns stand on': [
    ...prefixed('WdfTimer', 'Create Start Stop GetParentObject'),
    'EvtTimerFunc',
    ...prefixed('WdfWorkItem', 'Create Enqueue Flush GetParentObject'),
    ...prefixed('WdfMemory', 'Create CreatePreallocated AssignBuffer GetBuffer CopyToBuffer CopyFromBuffer'),
    ...prefixed('', 'WdfSpinLockAcquire WdfSpinLockRelease WdfWaitLockAcquire WdfWaitLockRelease'),
    ...prefixed('', 'WdfDeviceInitSetFileObjectConfig EvtDeviceFileCreate EvtFileCleanup EvtFileClose'),
  ],
  DMA_OPERATIONS: [
    ...prefixed('', 'PutDmaAdapter AllocateCommonBuffer AllocateCommonBufferEx FreeCommonBuffer AllocateAdapterChannel'),
    ...prefixed('', 'AllocateAdapterChannelEx CancelAdapterChannel FreeAdapterChannel FreeAdapterObject FreeMapRegisters MapTransfer'),
    ...prefixed('', 'MapTransferEx FlushAdapterBuffers FlushAdapterBuffersEx CancelMappedTransfer GetDmaTransferInfo'),
    ...prefixed('', 'CalculateScatterGatherList GetScatterGatherList GetScatterGatherListEx BuildScatterGatherList'),
    ...prefixed('', 'BuildScatterGatherListEx PutScatterGatherList ReadDmaCounter ConfigureAdapterChannel GetDmaAlignment'),
    ...prefixed('', 'InitializeDmaTransferContext GetDmaAdapterInfo IoGetDmaAdapter'),
  ],
};

function prefixed(prefix: string, names: string): string[] {
  return names.split(' ').map((name) => prefix + name);
}
