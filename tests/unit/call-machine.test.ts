import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  INVITATION_EVENTS,
  type Outcome,
  transitions,
} from '../../auralink-communication-service/auralink-modules/calls/call-machine.ts';
import {
  INVITATION_STATES,
  type InvitationState,
  STOP_REASONS,
} from '../../auralink-communication-service/auralink-modules/calls/model.ts';

const OPEN = new Set(['ringing', 'answered']);

test('the table is total: every state answers every event, and nothing else', () => {
  assert.deepEqual(Object.keys(transitions).sort(), [...INVITATION_STATES].sort());
  for (const state of INVITATION_STATES) {
    assert.deepEqual(Object.keys(transitions[state]).sort(), [...INVITATION_EVENTS].sort(), state);
  }
});

test('the machine is the one that the design draws', () => {
  const drawn = new Set<string>();
  for (const state of INVITATION_STATES) {
    for (const event of INVITATION_EVENTS) {
      const outcome = transitions[state][event];
      if ('step' in outcome) drawn.add(`${state} → ${outcome.step.to}`);
    }
  }
  assert.deepEqual(
    [...drawn].sort(),
    [
      'ringing → answered',
      'ringing → declined',
      'ringing → cancelled',
      'ringing → missed',
      'ringing → failed',
      'answered → ended',
      'answered → failed',
    ].sort(),
  );
});

test('whoever leaves ringing tells every ring to stop, with a reason that people know', () => {
  for (const event of INVITATION_EVENTS) {
    const outcome = transitions.ringing[event];
    if (!('step' in outcome)) continue;
    assert.ok(outcome.step.stop !== null, event);
    assert.ok(
      STOP_REASONS.includes(outcome.step.stop.acting) && STOP_REASONS.includes(outcome.step.stop.others),
    );
  }
});

test('under any sequence of events an invitation is answered at most once and, once over, stays over', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...INVITATION_EVENTS), { maxLength: 12 }), (events) => {
      let state: InvitationState = 'ringing';
      let answers = 0;
      for (const event of events) {
        const outcome: Outcome = transitions[state][event];
        if (!OPEN.has(state)) assert.ok('refusal' in outcome, `${state} took ${event}`);
        if (!('step' in outcome)) continue;
        if (outcome.step.to === 'answered') answers += 1;
        assert.equal(outcome.step.callState === 'ended', !OPEN.has(outcome.step.to));
        assert.equal(outcome.step.reason === null, OPEN.has(outcome.step.to));
        state = outcome.step.to;
      }
      assert.ok(answers <= 1);
    }),
  );
});
