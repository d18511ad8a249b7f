import { WdfSpinLock, type Device, type RegisterBlock, type Suspending, type Timer } from '../../index.js';
import * as csr from './pcidrv-registers.js';

/** Looks at the command byte before the rest is left to the timer. */
const LOOKS_MAX = 8;
const RETRY_MS = 1;
/** Tries of the timer until a command that is not accepted counts as a hardware error (rule D45: no endless wait). */
const TRIES_MAX = 2000;

/**
 * The command byte of the device, which both of its units share. A command may be written when the byte is 0, and then
 * stays there until the device accepts it; one that finds the byte taken waits here, and a timer brings it. A lock of its
 * own guards byte and operand register: the sample writes them under the send lock for one unit and under the receive
 * lock for the other, and so can overwrite a command that was not accepted yet.
 */
export class CommandPort {
  /** Some command was not accepted for TRIES_MAX timer periods. */
  hasFailed = false;
  readonly #lock: WdfSpinLock;
  readonly #timer: Timer;
  #registers!: RegisterBlock;
  /** The device may be given commands: from D0 entry to D0 exit. */
  #isOpen = false;
  #loadsBases = false;
  #startsCu = false;
  #resumesCu = false;
  #startsRu = false;
  #cuPointer = 0;
  #ruPointer = 0;
  #tries = 0;

  constructor(device: Device, timer: Timer) {
    this.#lock = WdfSpinLock.create(device);
    this.#timer = timer;
  }

  /** D0 entry, and after a reset: nothing is outstanding. */
  open(registers: RegisterBlock): void {
    this.#registers = registers;
    this.#isOpen = true;
    this.forget();
  }

  /** D0 exit. */
  close(): void {
    this.#isOpen = false;
    this.forget();
  }

  forget(): void {
    this.#loadsBases = this.#startsCu = this.#resumesCu = this.#startsRu = false;
    this.#tries = 0;
    this.hasFailed = false;
  }

  /** Commands wait for the byte to be free. */
  get isWaiting(): boolean {
    return this.#isWanted();
  }

  #isWanted(): boolean {
    return this.#isOpen && (this.#loadsBases || this.#startsCu || this.#resumesCu || this.#startsRu);
  }

  /** Both units work with whole addresses: base 0. */
  *loadBases(): Suspending<void> {
    yield* this.#lock.acquire();
    this.#loadsBases = true;
    yield* this.#pump();
    yield* this.#lock.release();
  }

  *startCommandUnit(address: number): Suspending<void> {
    yield* this.#lock.acquire();
    this.#startsCu = true;
    this.#cuPointer = address;
    yield* this.#pump();
    yield* this.#lock.release();
  }

  *resumeCommandUnit(): Suspending<void> {
    yield* this.#lock.acquire();
    this.#resumesCu = true;
    yield* this.#pump();
    yield* this.#lock.release();
  }

  /**
   * Starts the receive unit at `address` unless it runs or a start is on its way; reading states and byte at once leaves no gap between them.
   * `isEmpty` is asked once the unit is known to stand: while it ran it may have filled the descriptor there. False: it had, and nothing is started.
   */
  *startReceiveUnitIfStopped(address: number, isEmpty: () => boolean): Suspending<boolean> {
    let isFilled = false;
    yield* this.#lock.acquire();
    if (this.#isOpen && !this.#startsRu) {
      const scb = yield* this.#registers.read32(csr.SCB);
      // A load of the bases that is not accepted yet is no start.
      const isStarting = ((scb >>> 16) & csr.RU_COMMANDS) === csr.RU_START;
      if (scb !== csr.ALL_ONES && !isStarting && ((scb >>> csr.RUS_SHIFT) & 0xf) !== csr.RUS_READY) {
        isFilled = !isEmpty();
        this.#startsRu = !isFilled;
        this.#ruPointer = address;
        yield* this.#pump();
      }
    }
    yield* this.#lock.release();
    return !isFilled;
  }

  /** The timer's turn. */
  *retry(): Suspending<void> {
    yield* this.#lock.acquire();
    if (this.#isWanted()) {
      this.#tries++;
      if (this.#tries > TRIES_MAX) this.hasFailed = true;
      else yield* this.#pump();
    }
    yield* this.#lock.release();
  }

  /** Writes what waits, one command after the other, as long as the device accepts them. */
  *#pump(): Suspending<void> {
    let looks = 0;
    while (this.#isWanted()) {
      const byte = yield* this.#registers.read8(csr.SCB_COMMAND);
      // Nobody answers on the bus any more (rule D45).
      if (byte === csr.ALL_ONES_BYTE) return this.forget();
      if (byte === 0) {
        this.#tries = 0;
        yield* this.#writeNext();
      } else if (!this.#startsCu && byte === csr.CU_RESUME && this.#resumesCu) {
        // That resume is not accepted yet: when it is, the unit sees what has been appended since.
        this.#resumesCu = false;
      } else if (++looks === LOOKS_MAX) {
        this.#timer.start(RETRY_MS);
        return;
      }
    }
  }

  *#writeNext(): Suspending<void> {
    let command = csr.CU_RESUME;
    if (this.#loadsBases) {
      this.#loadsBases = false;
      command = csr.LOAD_BOTH_BASES;
      yield* this.#registers.write32(csr.GENERAL_POINTER, 0);
    } else if (this.#startsCu) {
      this.#startsCu = false;
      command = csr.CU_START;
      yield* this.#registers.write32(csr.GENERAL_POINTER, this.#cuPointer);
    } else if (this.#startsRu) {
      this.#startsRu = false;
      command = csr.RU_START;
      yield* this.#registers.write32(csr.GENERAL_POINTER, this.#ruPointer);
    } else this.#resumesCu = false;
    yield* this.#registers.write8(csr.SCB_COMMAND, command);
  }
}
