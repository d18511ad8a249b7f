import { sgring } from '../../../src/hardware/index.js';
import { wrappedSgring } from './wrapped-sgring.js';

/** sgring whose model fails in its fortieth step, as a defect of the model's own code would. */
export default wrappedSgring('throwing-sgring', (d) => {
  if (d.words[d.steps]! >= 40) throw new RangeError('the gearbox is out of gears');
  return sgring.step(d);
});
