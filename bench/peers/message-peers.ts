import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { checkPayload, InFlight, planTransfers, type TransferDone, type TransferPlan } from './transfer.js';

/** A message transport that is measured against the rings. */
export interface MessagePeer {
  /** Moves `requests` payloads in a closed loop and returns nanoseconds per request. */
  run(requests: number): Promise<number>;
  close(): Promise<void>;
}

export interface MessagePeerOptions {
  readonly payloadBytes: number;
  /** Requests in flight. */
  readonly outstanding: number;
}

/** Tasks a worker takes at once in piscina's best configuration. */
export const PISCINA_TASKS = 64;

/** postMessage: one request a message, or `batch` requests an array. `outstanding` must be a multiple of `batch`. */
export async function openPostMessage({ payloadBytes, outstanding }: MessagePeerOptions, batch: number): Promise<MessagePeer> {
  if (outstanding % batch !== 0) throw new Error(`${outstanding} requests in flight are no multiple of ${batch}`);
  const plan = planTransfers(payloadBytes, outstanding);
  const worker = new Worker(new URL('./transfer-worker.js', import.meta.url), { workerData: plan });
  await new Promise<void>((resolve, reject) => {
    worker.once('online', resolve);
    worker.once('error', reject);
  });
  return {
    run: (requests) => runMessages(worker, plan, batch, requests),
    close: async () => {
      await worker.terminate();
    },
  };
}

async function runMessages(worker: Worker, plan: TransferPlan, batch: number, requests: number): Promise<number> {
  const total = Math.max(1, Math.ceil(requests / batch)) * batch;
  const inFlight = new InFlight(plan);
  let sent = 0;
  let done = 0;
  const send = (): void => {
    sent += batch;
    worker.postMessage(batch === 1 ? inFlight.take() : Array.from({ length: batch }, () => inFlight.take()));
  };
  const begin = performance.now();
  await new Promise<void>((resolve, reject) => {
    const onMessage = (answer: TransferDone | readonly TransferDone[]): void => {
      try {
        if (Array.isArray(answer)) for (const one of answer as readonly TransferDone[]) inFlight.complete(one);
        else inFlight.complete(answer as TransferDone);
        done += batch;
        if (sent < total) send();
        if (done === total) finish(null);
      } catch (error) {
        finish(error as Error);
      }
    };
    const finish = (error: Error | null): void => {
      worker.off('message', onMessage);
      worker.off('error', finish);
      if (error === null) resolve();
      else reject(error);
    };
    worker.on('message', onMessage);
    worker.on('error', finish);
    while (sent < total && sent < plan.tags) send();
  });
  const ns = ((performance.now() - begin) * 1e6) / total;
  if (total >= plan.tags) checkPayload(plan);
  return ns;
}

/** piscina.run, a task a request: one worker that takes PISCINA_TASKS tasks at once, its best configuration here. */
export function openPiscina({ payloadBytes }: Pick<MessagePeerOptions, 'payloadBytes'>): MessagePeer {
  const plan = planTransfers(payloadBytes, PISCINA_TASKS);
  const pool = new Piscina({
    filename: fileURLToPath(new URL('./transfer-task.js', import.meta.url)),
    name: 'transfer',
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: PISCINA_TASKS,
    idleTimeout: Infinity,
    workerData: plan,
  });
  return {
    run: (requests) => runTasks(pool, plan, requests),
    close: () => pool.destroy(),
  };
}

async function runTasks(pool: Piscina, plan: TransferPlan, requests: number): Promise<number> {
  const inFlight = new InFlight(plan);
  let left = requests;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left--;
      inFlight.complete((await pool.run(inFlight.take())) as TransferDone);
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: plan.tags }, lane));
  const ns = ((performance.now() - begin) * 1e6) / requests;
  if (requests >= plan.tags) checkPayload(plan);
  return ns;
}
