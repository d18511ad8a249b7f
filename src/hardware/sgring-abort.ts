import { atomics } from '../memory/index.js';
import type { DeviceView } from './device-view.js';
import { TRANSLATION_FAULT } from './iommu.js';
import { addSkip, descriptorAddress, endRequest, flagsInWork, isSkipped, passOver } from './sgring-channel.js';
import { addCompletion, signal } from './sgring-completion.js';
import { contiguous, settle } from './sgring-next.js';
import * as reg from './sgring-registers.js';
import { ChannelWord, FETCH_BATCH, NextAction, latchOf, registersOf, stateOf } from './sgring-state.js';
import { SgringAbortResult, SgringDescriptor, SgringError, SgringStatus } from './sgring-registers.js';

/**
 * One step of an abort. The tag is looked for in the request in work, then in the queue, FETCH_BATCH descriptors a
 * step; the latch bit stays until the answer is given, so nothing else of the channel moves meanwhile.
 */
export function abortStep(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  if (words[at + ChannelWord.AbortScanning] !== 0) return scan(d, channel);
  words[at + ChannelWord.AbortTag] = atomics.load(words, registersOf(d, channel) + (reg.SGRING_ABORT >> 2));
  d.registers.put(reg.sgringRegister(channel, reg.SGRING_ABORT_RESULT), SgringAbortResult.None);
  if (words[at + ChannelWord.RingSize] === 0 || words[at + ChannelWord.Next] === NextAction.Halted)
    return answer(d, channel, SgringAbortResult.NotFound);
  if (words[at + ChannelWord.RequestOpen] !== 0 && words[at + ChannelWord.RequestTag] === words[at + ChannelWord.AbortTag])
    return abortInWork(d, channel);
  words[at + ChannelWord.AbortScanning] = 1;
  words[at + ChannelWord.AbortIndex] = words[at + ChannelWord.Head]!;
  words[at + ChannelWord.AbortEnd] = atomics.load(words, registersOf(d, channel) + (reg.SGRING_SQ_TAIL >> 2));
  words[at + ChannelWord.AbortInRequest] = words[at + ChannelWord.RequestOpen]! | words[at + ChannelWord.Skipping]!;
  scan(d, channel);
}

/** The running request stops between two bursts: its completion tells the bytes that really moved. */
function abortInWork(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const inDescriptor = words[at + ChannelWord.Head] !== words[at + ChannelWord.Fetched];
  if (inDescriptor) {
    endRequest(d, at, flagsInWork(d, at), SgringStatus.Aborted);
  } else {
    // The request's next descriptor is not on chip yet, or not even submitted: it is passed over when it comes.
    addCompletion(d, at, words[at + ChannelWord.RequestTag]!, words[at + ChannelWord.RequestMoved]!, SgringStatus.Aborted);
    words[at + ChannelWord.RequestOpen] = 0;
    words[at + ChannelWord.Skipping] = 1;
  }
  words[at + ChannelWord.Urgent] = 1;
  passOver(d, channel);
  answer(d, channel, SgringAbortResult.Aborted);
}

/** Reads a piece of the queue; a request found there is completed out of order and its descriptors are passed over later. */
function scan(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const first = words[at + ChannelWord.AbortIndex]!;
  const size = words[at + ChannelWord.RingSize]!;
  const left = (words[at + ChannelWord.AbortEnd]! - first) | 0;
  if (left <= 0 || left > size) return answer(d, channel, SgringAbortResult.NotFound);
  const count = contiguous(
    words[at + ChannelWord.SqBaseLow]!,
    first & (size - 1),
    size,
    reg.SGRING_DESCRIPTOR_BYTES,
    Math.min(left, FETCH_BATCH),
  );
  const source = descriptorAddress(d, channel, first, count);
  if (source === TRANSLATION_FAULT) {
    words[at + ChannelWord.HaltError] = SgringError.DescriptorFault;
    return answer(d, channel, SgringAbortResult.NotFound);
  }
  const found = searchBatch(d, channel, source >> 2, first, count);
  if (found >= 0) return abortQueued(d, channel, (first + found) | 0);
  words[at + ChannelWord.AbortIndex] = (first + count) | 0;
  if (left === count) answer(d, channel, SgringAbortResult.NotFound);
}

/** Position in the batch at which the wanted request begins, -1 when it does not begin here. */
function searchBatch(d: DeviceView, channel: number, source: number, first: number, count: number): number {
  const at = stateOf(d, channel);
  const { words } = d;
  const tag = words[at + ChannelWord.AbortTag]!;
  for (let i = 0; i < count; i++) {
    const descriptor = source + (i << 3);
    const begins = words[at + ChannelWord.AbortInRequest] === 0;
    if (begins && words[descriptor + SgringDescriptor.Tag] === tag && !isSkipped(d, channel, (first + i) | 0)) return i;
    words[at + ChannelWord.AbortInRequest] = (words[descriptor + SgringDescriptor.Flags]! & reg.SGRING_END_OF_REQUEST) === 0 ? 1 : 0;
  }
  return -1;
}

function abortQueued(d: DeviceView, channel: number, index: number): void {
  const at = stateOf(d, channel);
  addSkip(d, channel, index);
  addCompletion(d, at, d.words[at + ChannelWord.AbortTag]!, 0, SgringStatus.Aborted);
  d.words[at + ChannelWord.Urgent] = 1;
  // It may be the very request the engine would begin next.
  passOver(d, channel);
  answer(d, channel, SgringAbortResult.Aborted);
}

/** Result first, then the latch is free for the next abort, then the acknowledgement. */
function answer(d: DeviceView, channel: number, result: SgringAbortResult): void {
  const at = stateOf(d, channel);
  const { words } = d;
  words[at + ChannelWord.AbortScanning] = 0;
  d.registers.put(reg.sgringRegister(channel, reg.SGRING_ABORT_RESULT), result);
  atomics.and(words, latchOf(d, channel), ~reg.SGRING_LATCH_ABORT);
  if (words[at + ChannelWord.RingSize] !== 0 && words[at + ChannelWord.Next] !== NextAction.Halted) settle(d, channel);
  signal(d, channel, reg.SGRING_INT_ABORT_ACK);
}
