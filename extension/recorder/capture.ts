// What is recorded: a tab's pictures and sound, and the microphone. The tab's sound is played on, as Chrome mutes what it captures.
// All sound passes one AudioContext, so that every track is 48 kHz and stereo and outlives its device.
import { ExtensionError } from '../messages.ts';
import { FRAMES_PER_SECOND, QUALITIES } from '../settings.ts';
import type { Settings } from '../settings.ts';
import { within } from './within.ts';

const RATE = 48_000;
const RUNNING_MS = 2_000;
/** What the AudioContext adds: measured as the distance from flash to beep of a page that shows both at once, in ten recordings. */
const SOUND_DELAY_MS = 35;

export type Capture = {
  /** the tab's pictures, and its sound at 48 kHz in stereo */
  stream: MediaStream;
  microphone: MediaStreamTrack | null;
  soundDelayMs: number;
  stop(): void;
};
export type CaptureOptions = {
  streamId: string;
  settings: Settings;
  /** the tab is gone, or Chrome took it away */
  onEnded: () => void;
  /** the recording goes on with less; null: it is well again */
  onTrouble: (code: string, message: string | null) => void;
};

/** Chrome's own constraints of a captured tab, which the types do not know. */
type TabTrack = MediaTrackConstraints & { mandatory: Record<string, string | number> };

const openTab = async (streamId: string, settings: Settings): Promise<MediaStream> => {
  const source = { chromeMediaSource: 'tab', chromeMediaSourceId: streamId };
  const { width, height } = QUALITIES[settings.quality];
  const audio: TabTrack = { mandatory: source };
  const video: TabTrack = { mandatory: { ...source, maxWidth: width, maxHeight: height, maxFrameRate: FRAMES_PER_SECOND } };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio, video });
  } catch (cause) {
    throw new ExtensionError('capture', `Chrome did not give the tab's picture and sound (${String(cause)}); press the toolbar button on the tab again`, { cause });
  }
};

const openMicrophone = async (deviceId: string): Promise<MediaStream> => {
  const open = (exact: string): Promise<MediaStream> =>
    navigator.mediaDevices.getUserMedia({ audio: { ...(exact === '' ? {} : { deviceId: { exact } }), echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
  try {
    return await open(deviceId);
  } catch (cause) {
    // the chosen one is not plugged in: any other is better than none
    if (deviceId !== '' && cause instanceof DOMException && (cause.name === 'OverconstrainedError' || cause.name === 'NotFoundError')) return open('');
    throw cause;
  }
};

export const openCapture = async ({ streamId, settings, onEnded, onTrouble }: CaptureOptions): Promise<Capture> => {
  const tab = await openTab(streamId, settings);
  const [picture] = tab.getVideoTracks();
  if (!picture) throw new ExtensionError('no-picture', 'the tab gave no pictures; reload it and record again');
  let stopped = false;
  picture.addEventListener('ended', () => {
    if (!stopped) onEnded();
  });
  picture.addEventListener('mute', () => onTrouble('no-picture', 'the tab shows nothing at the moment; the last picture is recorded until it does'));
  picture.addEventListener('unmute', () => onTrouble('no-picture', null));

  const context = new AudioContext({ sampleRate: RATE });
  const sound = context.createMediaStreamDestination();
  if (tab.getAudioTracks().length > 0) {
    const source = context.createMediaStreamSource(tab);
    source.connect(context.destination);
    source.connect(sound);
  }
  const awake = async (): Promise<void> => {
    const running = await within(context.resume().then(() => true), RUNNING_MS, () => false);
    if (!stopped) onTrouble('sound', running ? null : 'the computer plays no sound, so none is recorded; choose another sound output and record again');
  };
  context.addEventListener('statechange', () => {
    if (!stopped && context.state !== 'running') void awake();
  });
  void awake();

  let voice: { stream: MediaStream; node: MediaStreamAudioSourceNode } | null = null;
  const voiceOut = context.createMediaStreamDestination();
  const unplug = (): void => {
    voice?.node.disconnect();
    for (const track of voice?.stream.getTracks() ?? []) track.stop();
    voice = null;
  };
  /** Whether it works. A microphone that fails leaves silence in its track, and the recording goes on. */
  const plug = async (): Promise<boolean> => {
    try {
      const stream = await openMicrophone(settings.microphoneId);
      unplug();
      if (stopped) for (const track of stream.getTracks()) track.stop();
      else {
        voice = { stream, node: context.createMediaStreamSource(stream) };
        voice.node.connect(voiceOut);
        stream.getAudioTracks()[0]?.addEventListener('ended', () => void plug());
        onTrouble('microphone', null);
      }
      return true;
    } catch (cause) {
      unplug();
      const why = cause instanceof DOMException && cause.name === 'NotAllowedError' ? 'allow it on the options page' : 'plug it in, or choose another on the options page';
      onTrouble('microphone', `the microphone does not work (${String(cause)}); ${why}`);
      return false;
    }
  };
  const devicesChanged = (): void => {
    if (!voice) void plug();
  };
  const spoken = settings.microphone && (await plug());
  if (settings.microphone) navigator.mediaDevices.addEventListener('devicechange', devicesChanged);

  return {
    stream: new MediaStream([picture, ...sound.stream.getAudioTracks()]),
    soundDelayMs: SOUND_DELAY_MS,
    microphone: spoken ? (voiceOut.stream.getAudioTracks()[0] ?? null) : null,
    stop: () => {
      stopped = true;
      navigator.mediaDevices.removeEventListener('devicechange', devicesChanged);
      unplug();
      for (const track of tab.getTracks()) track.stop();
      void context.close();
    },
  };
};
