import { STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import type { Mdl } from '../hal/index.js';
import { DmaDirection } from './dma-enabler.js';
import { IrpMajorFunction, type DmaRequest } from './dma-host.js';

/** What a request gives a transaction; one object, overwritten by the next call. */
export interface RequestBuffer {
  status: NtStatus;
  mdl: Mdl | null;
  lengthBytes: number;
}

const answer: RequestBuffer = { status: STATUS_SUCCESS, mdl: null, lengthBytes: 0 };

/**
 * Direction against request (kmdf ddi.md section 2): reads come from the device, writes go to it; of device control
 * requests the direct methods fix the direction and use the *output* buffer, the buffered one takes either.
 * INVALID_DEVICE_REQUEST for a mismatch, another type or a zero length; BUFFER_TOO_SMALL without a buffer.
 */
export function bufferOfRequest(request: DmaRequest, direction: DmaDirection): Readonly<RequestBuffer> {
  answer.mdl = null;
  answer.lengthBytes = 0;
  answer.status = choose(request, direction);
  if (answer.status !== STATUS_SUCCESS) return answer;
  if (answer.mdl === null) answer.status = STATUS_BUFFER_TOO_SMALL;
  else if (answer.lengthBytes === 0) answer.status = STATUS_INVALID_DEVICE_REQUEST;
  return answer;
}

function choose(request: DmaRequest, direction: DmaDirection): NtStatus {
  switch (request.type) {
    case IrpMajorFunction.Read:
      return take(request, direction, DmaDirection.ReadFromDevice);
    case IrpMajorFunction.Write:
      return take(request, direction, DmaDirection.WriteToDevice);
    case IrpMajorFunction.DeviceControl:
    case IrpMajorFunction.InternalDeviceControl:
      return takeDeviceControl(request, direction);
    default:
      return STATUS_INVALID_DEVICE_REQUEST;
  }
}

function take(request: DmaRequest, direction: DmaDirection, expected: DmaDirection): NtStatus {
  if (direction !== expected) return STATUS_INVALID_DEVICE_REQUEST;
  answer.mdl = request.mdl;
  answer.lengthBytes = request.lengthBytes;
  return STATUS_SUCCESS;
}

function takeDeviceControl(request: DmaRequest, direction: DmaDirection): NtStatus {
  const control = request.deviceControl;
  if (control === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (control.method === 'Buffered') {
    answer.mdl = request.mdl;
    // One system buffer serves both ways; its list has the input length even when the output length is used.
    answer.lengthBytes = direction === DmaDirection.WriteToDevice ? control.inputBufferLengthBytes : control.outputBufferLengthBytes;
    return STATUS_SUCCESS;
  }
  if (control.method !== 'InDirect' && control.method !== 'OutDirect') return STATUS_INVALID_DEVICE_REQUEST;
  const expected = control.method === 'InDirect' ? DmaDirection.WriteToDevice : DmaDirection.ReadFromDevice;
  if (direction !== expected) return STATUS_INVALID_DEVICE_REQUEST;
  answer.mdl = control.outputMdl;
  answer.lengthBytes = control.outputBufferLengthBytes;
  return STATUS_SUCCESS;
}
