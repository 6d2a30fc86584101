/** Ring tone and ringback, made with Web Audio: two soft bells, no file to fetch. */

interface Bell {
  readonly hz: number;
  readonly atSeconds: number;
  readonly lastsSeconds: number;
}

interface Tone {
  readonly bells: readonly Bell[];
  readonly everySeconds: number;
  readonly volume: number;
}

const RING: Tone = {
  everySeconds: 3,
  volume: 0.22,
  bells: [659, 880, 988, 659, 880, 988].map((hz, index) => ({
    hz,
    atSeconds: index * 0.17 + (index > 2 ? 0.25 : 0),
    lastsSeconds: 0.7,
  })),
};

const RINGBACK: Tone = {
  everySeconds: 4,
  volume: 0.06,
  bells: [{ hz: 425, atSeconds: 0, lastsSeconds: 1.2 }],
};

let shared: AudioContext | null = null;

function audio(): AudioContext {
  shared ??= new AudioContext();
  return shared;
}

function strike(output: AudioNode, bell: Bell, volume: number): void {
  const now = output.context.currentTime + bell.atSeconds;
  const oscillator = new OscillatorNode(output.context, { frequency: bell.hz, type: 'triangle' });
  const envelope = new GainNode(output.context, { gain: 0 });
  envelope.gain.setValueAtTime(0, now);
  envelope.gain.linearRampToValueAtTime(volume, now + 0.02);
  envelope.gain.exponentialRampToValueAtTime(0.0001, now + bell.lastsSeconds);
  oscillator.connect(envelope).connect(output);
  oscillator.start(now);
  oscillator.stop(now + bell.lastsSeconds);
}

function play(tone: Tone): () => void {
  const context = audio();
  const output = new GainNode(context);
  output.connect(context.destination);
  let stopped = false;
  const round = (): void => {
    if (context.state !== 'running' || stopped) return;
    for (const bell of tone.bells) strike(output, bell, tone.volume);
  };
  // Browsers keep it silent until the person has touched the page: then it rings from the next round on.
  void context.resume().then(round);
  const timer = setInterval(round, tone.everySeconds * 1000);
  return () => {
    stopped = true;
    clearInterval(timer);
    output.disconnect();
  };
}

/** Returns what makes it silent. */
export function playRing(): () => void {
  const stop = play(RING);
  const buzz = (): void => void navigator.vibrate?.([400, 200, 400]);
  const touched = navigator.userActivation.hasBeenActive;
  if (touched) buzz();
  const timer = touched ? setInterval(buzz, RING.everySeconds * 1000) : undefined;
  return () => {
    clearInterval(timer);
    stop();
    if (touched) navigator.vibrate?.(0);
  };
}

export function playRingback(): () => void {
  return play(RINGBACK);
}
