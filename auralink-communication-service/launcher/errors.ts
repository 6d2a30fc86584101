/** A fault that the person at the keyboard can mend: printed as it is, without a stack. */
export class FrontDoorError extends Error {
  override readonly name = 'FrontDoorError';
}
