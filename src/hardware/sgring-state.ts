import { struct } from '../memory/index.js';
import type { DeviceView } from './device-view.js';
import { SGRING_CHANNEL_BASE, SGRING_CHANNEL_STRIDE } from './sgring-registers.js';

/** Descriptors read in one bus action. */
export const FETCH_BATCH = 32;
/** Completions written in one bus action. */
export const COMPLETION_BATCH = 16;
/** A completion waits at most this many device steps for others to share its write. */
export const COMPLETION_AGE_STEPS = 32;
/** Requests taken out of the middle of the queue that the engine has not come to yet. */
export const SKIP_SLOTS = 16;

/** A tick of waiting moves the device's time by this many steps. */
export const TICK_STEPS = 16;
/** Injected faults: how long a channel stalls, a completion is late, an interrupt is repeated after, in steps. */
export const STALL_STEPS = 32 * TICK_STEPS;
export const LATE_STEPS = 16 * TICK_STEPS;
export const REPEAT_STEPS = 16 * TICK_STEPS;

/**
 * What a channel does next. Idle and Halted wait for the driver; Wait lets time pass until WaitUntil, or until the
 * driver submits more; Stall and Hung are injected faults: Stall ends with time, Hung with a reset.
 */
export const NextAction = {
  Idle: 0,
  Fetch: 1,
  Burst: 2,
  Writeback: 3,
  Interrupt: 4,
  Halt: 5,
  Halted: 6,
  Wait: 7,
  Stall: 8,
  Hung: 9,
} as const;
export const nextNames = ['Idle', 'Fetch', 'Burst', 'Writeback', 'Interrupt', 'Halt', 'Halted', 'Wait', 'Stall', 'Hung'] as const;

/**
 * State words of a channel. All ring indexes run freely and wrap at 2^32; `& (size - 1)` gives the slot.
 *
 *     submission ring   ... finished | head: in work ... | fetched: not read yet ... | tail (register)
 *     descriptor cache                 cacheFirst ... fetched
 */
export const ChannelWord = struct('SgringChannel', 64, {
  /** CTRL.ENABLE as the channel has obeyed it. */
  Running: 0,
  Next: 1,
  /** 0 until the channel is enabled after a reset: configuration is taken then. */
  RingSize: 2,
  SqBaseLow: 3,
  SqBaseHigh: 4,
  CqBaseLow: 5,
  CqBaseHigh: 6,
  Head: 7,
  Fetched: 8,
  CacheFirst: 9,
  /** Bytes moved of the descriptor in work. */
  Position: 10,
  /** A request has begun and not ended: its tag and the bytes moved of it. */
  RequestOpen: 11,
  RequestTag: 12,
  RequestMoved: 13,
  /** The rest of a request that is already completed is passed over. */
  Skipping: 14,
  /** Completions on chip, not written yet, and the step the oldest became ready at. */
  Ready: 15,
  ReadySince: 16,
  CqTail: 17,
  /** Completions written that no interrupt has announced. */
  Unsignalled: 18,
  UnsignalledSince: 19,
  Urgent: 20,
  HaltError: 21,
  AbortTag: 22,
  AbortScanning: 23,
  AbortIndex: 24,
  AbortEnd: 25,
  AbortInRequest: 26,
  SkipCount: 27,
  /** Device time at which Wait or Stall is over. */
  WaitUntil: 28,
  /** Injected: completions on chip are not written before LateUntil. */
  IsLate: 29,
  LateUntil: 30,
  /** Injected: the last interrupt comes once more at RepeatAt. */
  IsRepeating: 31,
  RepeatAt: 48,
});
export const SKIP_LIST = 32;
export const DESCRIPTOR_CACHE = 64;
export const COMPLETION_CACHE = DESCRIPTOR_CACHE + FETCH_BATCH * 8;
export const CHANNEL_WORDS = COMPLETION_CACHE + COMPLETION_BATCH * 4;

/** State words in front of the channels. */
export const DeviceWord = struct('SgringDevice', 32, { Channels: 0, Cursor: 1, BurstBytes: 2 });
export const DEVICE_WORDS = 32;

// Exported bindings are reached through a cell at run time, constants of the module itself are folded into the code:
// every file of the hot path takes its own copies.
const FIRST_CHANNEL_WORD = DEVICE_WORDS;
const WORDS_PER_CHANNEL = CHANNEL_WORDS;
const FIRST_REGISTER_WORD = SGRING_CHANNEL_BASE >> 2;
const REGISTER_WORDS_PER_CHANNEL = SGRING_CHANNEL_STRIDE >> 2;

/** Word index of a channel's state. */
export const stateOf = (d: DeviceView, channel: number): number => d.state + FIRST_CHANNEL_WORD + channel * WORDS_PER_CHANNEL;
/** Word index of a channel's first register. */
export const registersOf = (d: DeviceView, channel: number): number =>
  d.registers.firstWord + FIRST_REGISTER_WORD + channel * REGISTER_WORDS_PER_CHANNEL;
/** Word index of a channel's command latch: only CTRL has commands, so it is the latch of its number. */
export const latchOf = (d: DeviceView, channel: number): number => d.registers.firstLatch + channel;
