export {
  nameOf,
  parseManifests,
  podTemplateOf,
  podTemplatesOf,
  readRendering,
  type Manifest,
  type PodTemplate,
  type Rendering,
} from './manifests.js';
export { natsConfigOf, natsImageOf, settingsOf, type Setting } from './settings.js';
