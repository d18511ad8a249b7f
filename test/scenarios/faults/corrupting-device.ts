import { OpKind, sgring, SgringDescriptor, type DeviceView } from '../../../src/hardware/index.js';
import { ChannelWord, DESCRIPTOR_CACHE, stateOf } from '../../../src/hardware/sgring-state.js';
import { wrappedSgring } from './wrapped-sgring.js';

/** Which burst goes wrong. */
const WRONG_BURST = 5;

/** The state word behind sgring's own: bursts seen. */
const bursts = (d: DeviceView): number => d.state + sgring.stateWords(d.params);

/** Byte of local memory at which the burst that is pending on channel 0 will begin. */
function pendingByte(d: DeviceView): number {
  const at = stateOf(d, 0);
  const slot = at + DESCRIPTOR_CACHE + ((d.words[at + ChannelWord.Head]! - d.words[at + ChannelWord.CacheFirst]!) | 0) * 8;
  return d.localMemory + d.words[slot + SgringDescriptor.DeviceOffset]! + d.words[at + ChannelWord.Position]!;
}

/** sgring with a bit that flips: of writes through channel 0 one byte arrives wrong, once. */
export default wrappedSgring(
  'corrupting-sgring',
  (d) => {
    const isBurst = (sgring.pending(d) & 15) === OpKind.Burst;
    if (!isBurst) return sgring.step(d);
    const at = pendingByte(d);
    sgring.step(d);
    d.words[bursts(d)]! += 1;
    if (d.words[bursts(d)] === WRONG_BURST) d.memory.u8[at]! ^= 0x40;
    return true;
  },
  32,
);
