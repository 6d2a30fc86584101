/** Bounds that the configuration keeps to and that rooms rely on. */

/** The longest that RING_TIMEOUT_SECONDS may let a call ring; what was placed earlier rings no more. */
export const RING_TIMEOUT_MAX_SECONDS = 120;
