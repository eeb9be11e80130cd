// The speech model the user chose, as extension/transcribe keeps it; loaded when first needed, as most never need it.
import { ExtensionError } from '../messages.ts';

export type StoredModel = { name: string; bytes: number; sha256: string };
export type ModelStore = {
  /** `onProgress`: share done, 0..1. Rejects with what is wrong with the file. */
  saveModel(file: File, onProgress: (share: number) => void): Promise<unknown>;
  loadedModel(): Promise<StoredModel | null>;
  removeModel(): Promise<void>;
};

/** The one place that names extension/transcribe. */
export const openModelStore = (): Promise<ModelStore> => Promise.reject(new ExtensionError('unavailable', 'this build of Clippy cannot transcribe in the browser; transcribe on the server instead'));
