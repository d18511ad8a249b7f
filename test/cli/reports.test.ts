import { expect } from 'chai';
import {
  createPaint,
  formatExploreReport,
  formatFindings,
  formatReplayReport,
  formatRunReport,
  printable,
  shellQuote,
} from '../../src/report/index.js';
import { exploreReport, finding, replayReport, runReport } from './support/fake-lab.js';

const plain = createPaint(false);

describe('reports people read', () => {
  it('of a run have load, latency, interrupts, devices and engines', () => {
    const text = formatRunReport(runReport, plain);
    expect(text).to.match(/requests +1,234,567 in 5\.00 s +246,913\/s/);
    expect(text).to.match(/data +5\.00 GiB +1\.00 GiB\/s +every byte compared/);
    expect(text).to.match(/latency +p50 12\.3 µs +p90 20\.0 µs +p99 88\.0 µs +p99\.9 1\.20 ms +max 8\.40 ms/);
    expect(text).to.match(/interrupts +123,456, 12 nested/);
    expect(text).to.match(/ring +234,567 +1\.00 GiB +23,456/);
    expect(text).to.match(/1 +2 +8,765,432 +3\.10 s \(62 %\) +ring/);
    expect(text).to.contain('two or more engines busy at once: 2.10 s (42 % of the run)');
    expect(text.trimEnd().split('\n').at(-1)).to.equal('ok: nothing found');
  });

  it('of a run have a table of who waited for map registers, unless there was one adapter and no wait', () => {
    const row = {
      adapter: 'DmaAdapter#9',
      device: 'disk',
      grants: 1200,
      registersGranted: 4800,
      waited: 30,
      waitNs: { p50: 12_300, p99: 88_000, max: 1_200_000 },
      queueLengthMax: 3,
      heldRegistersMax: 16,
      overtakenMax: 7,
    };
    const idle = { ...row, waited: 0 };
    const text = (adapters: readonly (typeof row)[]): string =>
      formatRunReport({ ...runReport, contention: { fairness: 0.5, adapters } }, plain);
    expect(text([row])).to.match(/disk +DmaAdapter#9 +1,200 +30 +12\.3 µs +88\.0 µs +1\.20 ms +3 +16 +4,800 +7/);
    expect(text([row])).to.contain('fairness 0.50');
    expect(text([idle, idle])).to.match(/DmaAdapter#9 +1,200 +0 +- +- +-/);
    expect(text([idle])).not.to.contain('DmaAdapter#9');
  });

  it('of a run say how much of the payload was compared', () => {
    const compared = (bytesVerified: number): string => formatRunReport({ ...runReport, bytesVerified }, plain);
    expect(compared(0)).to.contain('payload not compared');
    expect(compared(runReport.bytes / 2)).to.contain('50 % of the bytes compared');
    expect(compared(runReport.bytes - 1)).to.contain('99 % of the bytes compared');
  });

  it('of a run without requests show no latency', () => {
    const text = formatRunReport({ ...runReport, requests: 0, bytes: 0, bytesVerified: 0, engines: [], perDevice: [] }, plain);
    expect(text).to.contain('nothing was moved').and.not.contain('latency').and.not.contain('engine');
  });

  it('of a recorded run say what was recorded in place of latencies, which virtual time does not have', () => {
    const recording = { epochs: 12, epochRequests: 32, operations: 14_000, distinctOrders: 11, exact: true, schedule: 'out/ring.json' };
    const text = formatRunReport({ ...runReport, recording }, plain);
    expect(text).to.match(/recorded +12 executions of 32 requests, 14,000 operations in 11 different orders; kept in out.ring\.json/);
    expect(text)
      .to.not.match(/latency +p50/)
      .and.not.contain('not exact');
    const lost = formatRunReport({ ...runReport, recording: { ...recording, exact: false, schedule: null } }, plain);
    expect(lost).to.contain('; not exact').and.not.contain('kept in');
  });

  it('show cancels only when there were some', () => {
    const cancels = { requested: 100, won: 60, lost: 40, byWindow: { 'before program': 55, 'in transfer': 45 } };
    expect(formatRunReport({ ...runReport, cancels }, plain)).to.contain(
      '100 requested, 60 won, 40 lost (before program 55, in transfer 45)',
    );
    expect(formatRunReport(runReport, plain)).not.to.contain('cancels');
  });

  it('tell cancels by device where more than one had some, windows in their order', () => {
    const [disk, ring] = runReport.perDevice;
    const cancels = { requested: 30, won: 20, lost: 10, byWindow: { queued: 5, F: 15, A: 10 } };
    const both = formatRunReport(
      {
        ...runReport,
        cancels,
        perDevice: [
          { ...disk!, cancels },
          { ...ring!, cancels },
        ],
      },
      plain,
    );
    expect(both).to.match(/ring +30 +20 +10 +A 10, F 15, queued 5/);
    const one = formatRunReport({ ...runReport, cancels, perDevice: [{ ...disk!, cancels }, ring!] }, plain);
    expect(one).not.to.contain('by window');
  });

  it('give a finding with rule, object, bug check, step and the line to paste', () => {
    const text = formatFindings([finding], 21, plain);
    expect(text).to.match(/^1\. A15 Buffers are flushed \(crash\)\n {2}4096 bytes were mapped/);
    expect(text).to.match(/object +dma-adapter#12/);
    expect(text).to.match(/bug check +0xE6 DRIVER_VERIFIER_DMA_VIOLATION \(0xd, 0x1000, 0x10000, 0x0\)/);
    expect(text).to.match(/seen at +step 1,234/);
    expect(text).to.match(/run again +dmalab replay dmalab-findings\/demo-1\.json/);
    expect(text).to.contain('20 more of these were counted and not kept');
  });

  it('leave out what a finding does not have', () => {
    const bare = formatFindings([{ ...finding, object: null, bugCheck: null, step: null, schedule: null }], 1, plain);
    expect(bare).to.contain('the whole machine');
    expect(bare).not.to.match(/bug check|seen at|schedule {2}|more of these/);
  });

  it('of a search have speed and determinism', () => {
    const text = formatExploreReport(exploreReport, plain);
    expect(text).to.match(/schedules +1,000 +30,000\/s/);
    expect(text).to.match(/steps +120,000 +120 a schedule/);
    expect(text).to.match(/device steps +thread 0 \(main\): 45,000/);
    expect(text).to.contain('37 schedules executed twice with the same events and memory; 812 different executions seen');
    expect(formatExploreReport({ ...exploreReport, exhausted: true }, plain)).to.contain('no schedule is left');
    expect(formatExploreReport({ ...exploreReport, verifiedTwice: 0 }, plain)).to.contain('no schedule was executed twice');
  });

  it('of a replay name the first difference', () => {
    const divergence = { step: 17, expected: 'vCPU 1 read', found: 'engine 0 burst' };
    const text = formatReplayReport({ ...replayReport, verdict: 'diverged', findings: [], findingsTotal: 0, divergence }, plain);
    expect(text).to.match(/first difference at step 17\n +expected +vCPU 1 read\n +found +engine 0 burst/);
    expect(text).to.contain('diverged: ');
    expect(formatReplayReport(replayReport, plain)).to.contain('00112233aabbccdd').and.contain('finding: 1 finding');
  });

  it('keep findings and verdict, and nothing else, when brief', () => {
    expect(formatRunReport(runReport, plain, true)).to.equal('ok: nothing found');
    const brief = formatRunReport({ ...runReport, verdict: 'finding', findings: [finding], findingsTotal: 1 }, plain, true);
    expect(brief).to.contain('A15').and.contain('finding: 1 finding').and.not.contain('requests');
  });

  it('have colour only when asked', () => {
    expect(formatRunReport(runReport, createPaint(true))).to.contain('\u001b[');
    expect(formatRunReport(runReport, plain)).not.to.contain('\u001b');
  });

  it('pass no control characters of a scenario on to the terminal', () => {
    expect(printable('a\u001b[2Jb\u0007\u009bc\td\ne')).to.equal('a?[2Jb??c\td\ne');
    expect(formatRunReport({ ...runReport, scenario: 'x\u001b[31m' }, plain)).not.to.contain('\u001b');
    expect(formatFindings([{ ...finding, message: '\u001b[1A', title: '\u001b', object: '\u001b' }], 1, plain)).not.to.contain('\u001b');
  });

  it('quote words for a shell only when they need it', () => {
    expect(shellQuote('./a-b/c_d.json')).to.equal('./a-b/c_d.json');
    expect(shellQuote("it's here")).to.equal(`'it'\\''s here'`);
    expect(shellQuote('')).to.equal("''");
    expect(shellQuote('$(rm x)')).to.equal("'$(rm x)'");
  });
});
