import { parentPort, workerData } from 'node:worker_threads';
import { TransferEngine, type TransferMessage, type TransferPlan } from './transfer.js';

/** The entry of the worker behind the postMessage peers: a request, or an array of requests, a message. */
const engine = new TransferEngine(workerData as TransferPlan);

parentPort!.on('message', (message: TransferMessage | readonly TransferMessage[]) => {
  parentPort!.postMessage(
    Array.isArray(message) ? message.map((one: TransferMessage) => engine.perform(one)) : engine.perform(message as TransferMessage),
  );
});
