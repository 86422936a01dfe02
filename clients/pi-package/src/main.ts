import { packageVersion } from '@pizzapi/process';
import { plainPiExtension } from '@pizzapi/runner/plainPi';

/** The extension that pi loads. */
export default plainPiExtension(import.meta.url, packageVersion(import.meta.url));
