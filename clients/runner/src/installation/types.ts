/** The npm packages that pi has been published as. */
export const PI_PACKAGES = ['@earendil-works/pi-coding-agent', '@mariozechner/pi-coding-agent'] as const;
export type PiPackage = (typeof PI_PACKAGES)[number];

/** The Node that runs the workers of an installation of pi. */
export interface PiNode {
  /** Absolute path of the program. */
  path: string;
  /** `22.23.5` */
  version: string;
}

/** A pi that sessions can run on. */
export interface PiInstallation {
  /** `bundled`: the one that is part of this product. `path`: the `pi` on PATH. `option`: named by `--pi` or PIZZAPI_PI. */
  source: 'bundled' | 'path' | 'option';
  packageName: PiPackage;
  version: string;
  /** The folder of its package.json; null for the bundled one. */
  root: string | null;
  node: PiNode;
  /** Whether the version is within the range that our tests cover. */
  isTested: boolean;
}

/** What a program that runs on pi reports of the pi that it has loaded. */
export interface LoadedPi {
  packageName: PiPackage;
  version: string;
  /** The folder of its package.json; null for the bundled one. */
  root: string | null;
  /** Version of the Node that runs it. */
  node: string;
}
