import { expect } from 'chai';
import { beforeEach, describe, it } from 'mocha';
import { FastTrack } from '../../src/kernel/fast-track.js';
import { PostedOrder } from '../../src/kernel/posted-order.js';

const DEVICE = 7;

describe('PostedOrder', () => {
  let track: FastTrack;
  let posted: PostedOrder;
  let driver: number;
  let device: number;
  /** What the device's steps acquire. */
  let doorbells: number;

  beforeEach(() => {
    track = new FastTrack();
    posted = new PostedOrder(track);
    driver = track.begin(-1);
    device = track.begin(-1);
    doorbells = track.newSync();
  });

  /** The driver writes a descriptor and rings for it. */
  function submit(): number {
    const descriptor = track.newVariable();
    track.write(driver, descriptor, 0);
    posted.posted(DEVICE, driver);
    return descriptor;
  }

  function races(descriptor: number): boolean {
    track.acquire(device, doorbells);
    return track.read(device, descriptor, 1);
  }

  it('a write on its way orders nothing; one that has arrived orders what came before it', () => {
    const early = submit();
    expect(races(early)).to.equal(true);
    const later = submit();
    posted.arrived(DEVICE, doorbells);
    posted.arrived(DEVICE, doorbells);
    expect(races(later)).to.equal(false);
  });

  it('each carries what was before it when it was made, in the order of making', () => {
    const [first, second] = [submit(), submit()];
    posted.arrived(DEVICE, doorbells);
    expect([races(first), races(second)]).to.deep.equal([false, true]);
  });

  it('what one carried is not left for the next that takes its place, and devices have their own', () => {
    submit();
    posted.arrived(DEVICE, track.newSync());
    const descriptor = track.newVariable();
    track.write(driver, descriptor, 0);
    posted.posted(DEVICE + 1, driver);
    posted.posted(DEVICE, -1);
    posted.arrived(DEVICE, doorbells);
    // Nothing is on its way any more.
    posted.arrived(DEVICE, doorbells);
    expect(races(descriptor)).to.equal(true);
  });
});
