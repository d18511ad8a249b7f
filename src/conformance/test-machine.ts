import { STATUS_SUCCESS } from '../nt/index.js';
import { EventRing, FxObject, Kernel, VirtualClock } from '../kernel/index.js';
import { HalPlatform, Mdl, type DmaDomain } from '../hal/index.js';
import type { DmaEnabler } from '../wdf/dma-enabler.js';
import { IrpMajorFunction, type DeviceControlMethod, type DmaDevice, type DmaDeviceControl, type DmaRequest } from '../wdf/dma-host.js';
import { HalTrace } from './hal-trace.js';
import type { Vector, VectorMdl, VectorRequest } from './vector.js';

/** A device with nothing but what the DMA objects ask of it. */
export class TestDevice extends FxObject implements DmaDevice {
  readonly domain: DmaDomain | null = null;
  readonly alignmentRequirement = 0;
  readonly dmaEnablers: DmaEnabler[] = [];
  activePacketTransaction: FxObject | null = null;

  constructor(
    kernel: Kernel,
    readonly platform: HalPlatform,
  ) {
    super(kernel, 'Device', null);
  }
}

const MAJOR_FUNCTIONS: Readonly<Record<string, number>> = {
  Read: IrpMajorFunction.Read,
  Write: IrpMajorFunction.Write,
  Ioctl: IrpMajorFunction.DeviceControl,
  InternalIoctl: IrpMajorFunction.InternalDeviceControl,
};
/** A type the framework does not transfer for. */
const OTHER_MAJOR_FUNCTION = 0x0e + 0x10;

/** A request that counts the references transactions take; it can go below zero, as the framework's does. */
export class TestRequest implements DmaRequest {
  transaction: DmaRequest['transaction'] = null;
  dmaStatus: DmaRequest['dmaStatus'] = STATUS_SUCCESS;
  readonly type: number;
  readonly lengthBytes: number;
  readonly deviceControl: DmaDeviceControl | undefined;
  dmaReferences = 0;

  constructor(
    readonly label: string,
    request: VectorRequest,
    readonly mdl: Mdl | null,
  ) {
    this.type = MAJOR_FUNCTIONS[request.type] ?? OTHER_MAJOR_FUNCTION;
    this.lengthBytes = request.length ?? 0;
    this.deviceControl =
      request.method === undefined
        ? undefined
        : {
            method: request.method as DeviceControlMethod,
            inputBufferLengthBytes: request.in ?? 0,
            outputBufferLengthBytes: request.out ?? 0,
            outputMdl: mdl,
          };
  }

  addDmaReference(): void {
    this.dmaReferences++;
  }

  dropDmaReference(): void {
    this.dmaReferences--;
  }
}

/** The test HAL and everything a script names. */
export class TestMachine {
  readonly kernel = new Kernel({ vcpus: 1, clock: new VirtualClock(), events: new EventRing(64) });
  readonly trace = new HalTrace();
  readonly platform: HalPlatform;
  readonly device: TestDevice;
  readonly buffers = new Map<string, Mdl>();
  readonly requests = new Map<string, TestRequest>();

  constructor(vector: Vector) {
    const { machine = {} } = vector;
    this.platform = new HalPlatform(this.kernel, {
      addressing: machine.bounce === true ? 'bounce' : 'direct',
      mapRegisters: machine.pool ?? 64,
      maxMapRegistersPerAdapter: machine.maxMapRegisters ?? 64,
      hasMapRegisters: machine.direct !== true,
      dmaVerification: false,
      frameworkVerifier: machine.verifier ?? true,
      observer: this.trace,
    });
    this.device = new TestDevice(this.kernel, this.platform);
    for (const [name, mdls] of Object.entries(vector.buffers ?? {})) this.buffers.set(name, chain(mdls));
    for (const [name, request] of Object.entries(vector.requests ?? {})) {
      this.requests.set(
        name,
        new TestRequest(
          name,
          request,
          request.buffer === undefined || request.buffer === null ? null : (this.buffers.get(request.buffer) ?? null),
        ),
      );
    }
  }

  /** Name of the chain that begins with `mdl`. */
  bufferName(mdl: Mdl | null): string | null {
    for (const [name, first] of this.buffers) if (first === mdl) return name;
    return null;
  }

  requestName(request: unknown): string | null {
    for (const [name, each] of this.requests) if (each === request) return name;
    return null;
  }
}

function chain(parts: readonly VectorMdl[]): Mdl {
  const mdls = parts.map(({ off, len, pfns }) => new Mdl(Float64Array.from(pfns), off, len));
  mdls.forEach((mdl, i) => (mdl.next = mdls[i + 1] ?? null));
  return mdls[0]!;
}
