import { CACHE_LINE_BYTES, struct, type LayoutBuilder } from '../memory/index.js';

/**
 * The control block of an engine host, in transport memory (not hashed). Each line has one writer, the doorbell line
 * apart, which everybody who wakes the host touches.
 *
 *     line 0  main:  control word, step grants (lockstep)
 *     line 1  all:   doorbell (free-running), sleep flag
 *     line 2  host:  heartbeat, thread id, state, grant answer, interval counters
 *     line 3  host:  f64: start of the open busy interval, busy time so far, steps
 *     then    host:  reason of a failure, UTF-8; ring of closed busy intervals [startMs, endMs], f64
 */
export const HostWord = struct('HostWord', 128, {
  Control: 0,
  GrantSequence: 1,
  GrantDevice: 2,
  /** Closed intervals the main side has read. */
  IntervalsRead: 3,
  Doorbell: 32,
  Sleeping: 33,
  Heartbeat: 64,
  ThreadId: 65,
  State: 68,
  GrantDone: 69,
  /** 1 when the granted step performed something. */
  GrantResult: 70,
  /** Closed intervals written, free-running. */
  IntervalsWritten: 71,
  /** Closed intervals dropped because the ring was full; their time counts all the same. */
  IntervalsLost: 72,
  ReasonLength: 73,
  Sleeps: 74,
  /** 1 while a busy interval is open. */
  Busy: 75,
});
const HEAD_WORDS = 128;

/** Byte offsets within the block. */
export const HOST_BUSY_SINCE = 96 * 4;
export const HOST_BUSY_MS = HOST_BUSY_SINCE + 8;
export const HOST_STEPS = HOST_BUSY_SINCE + 16;
export const HOST_REASON = HEAD_WORDS * 4;
export const HOST_REASON_BYTES = 512;
export const HOST_INTERVALS = HOST_REASON + HOST_REASON_BYTES;
/** Closed intervals kept until the main side drains them; a power of two. */
export const HOST_INTERVAL_SLOTS = 1024;
export const HOST_BLOCK_BYTES = HOST_INTERVALS + HOST_INTERVAL_SLOTS * 16;

/** What the main side asks of a host: steps as fast as it can, an end, steps as they are granted, steps in one order with all others. */
export const HostCommand = { Run: 0, Stop: 1, Grant: 2, Record: 3 } as const;
export type HostCommand = (typeof HostCommand)[keyof typeof HostCommand];

/** Where a host is in its life. */
export const HostState = { NotStarted: 0, Running: 1, Stopped: 2, Failed: 3 } as const;
export type HostState = (typeof HostState)[keyof typeof HostState];

/** Reserves a host's control block and returns its byte offset, which devices and the worker's task name. */
export function planEngineHost(layout: LayoutBuilder, index: number): number {
  return layout.reserve(`engine-host-${index}`, HOST_BLOCK_BYTES, { align: CACHE_LINE_BYTES, hashed: false });
}
