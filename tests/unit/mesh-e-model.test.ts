/** The E-model against values computed independently, and its behaviour at the edges. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MOS_MAX,
  MOS_MIN,
  mos,
  mosOfRating,
  oneWayDelayMs,
  rating,
} from '../../auralink-communication-service/auralink-modules/mesh-routing/e-model.ts';

/** rttMs, jitterMs, loss in per cent, one-way delay in ms, R, MOS before it is clamped. */
const VECTORS: readonly (readonly [number, number, number, number, number, number])[] = [
  [0, 0, 0, 45, 93.2, 4.4093],
  [150, 5, 0.5, 120, 91.343, 4.3705],
  [200, 10, 0, 145, 93.103, 4.4074],
  [300, 20, 1, 215, 84.887, 4.1945],
  [400, 30, 2, 285, 73.106, 3.7391],
  [500, 20, 0, 315, 76.836, 3.899],
  [800, 50, 5, 525, 45.474, 2.3395],
  [1000, 100, 10, 725, 26.976, 1.4888],
  [2000, 100, 20, 1225, 5.426, 0.9939],
];

for (const [rttMs, jitterMs, lossPercent, delayMs, r, score] of VECTORS) {
  test(`a path of ${rttMs} ms, ±${jitterMs} ms, ${lossPercent} % loss`, () => {
    const path = { rttMs, jitterMs, lossRatio: lossPercent / 100 };
    assert.equal(oneWayDelayMs(path), delayMs);
    assert.ok(Math.abs(rating(path) - r) < 0.001, `R is ${rating(path)}`);
    assert.ok(Math.abs(mos(path) - Math.max(score, MOS_MIN)) < 0.0001, `MOS is ${mos(path)}`);
  });
}

test('the score stays between 1 and 4.5, and never rises as the path gets worse', () => {
  assert.equal(mosOfRating(-50), MOS_MIN);
  assert.equal(mosOfRating(0), MOS_MIN);
  assert.equal(mosOfRating(100), MOS_MAX);
  assert.equal(mosOfRating(140), MOS_MAX);
  let last = MOS_MAX;
  for (let rttMs = 0; rttMs <= 3_000; rttMs += 10) {
    const score = mos({ rttMs, jitterMs: 10, lossRatio: rttMs / 30_000 });
    assert.ok(score >= MOS_MIN && score <= last, `MOS at ${rttMs} ms is ${score}, before it ${last}`);
    last = score;
  }
});
