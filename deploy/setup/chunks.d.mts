interface Chunk {
  type: string;
  fileName: string;
  name: string;
  isEntry: boolean;
  imports: string[];
  dynamicImports: string[];
  moduleIds: string[];
  code: string;
}

export function packagesOf(output: readonly Chunk[], program: { entry: string; except?: RegExp }): Set<string>;
export function neededPackages(output: readonly Chunk[]): string[];
