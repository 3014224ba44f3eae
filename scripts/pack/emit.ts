import ts from "typescript";
import { relativeSpecifier } from "./specifier.ts";

/** A file of the package. */
export interface EmittedFile {
  /** From the package's folder. */
  readonly path: string;
  readonly text: string;
}

/** What a package is made of. */
export interface Emitted {
  readonly files: readonly EmittedFile[];
  /** Packages that its code imports, sorted. */
  readonly packages: readonly string[];
}

/** What is emitted. */
export interface EmitOptions {
  /** Folder of the sources, with a final slash. */
  readonly root: string;
  /** From the root. */
  readonly entry: string;
  /** Prefixes of specifiers, and the folders from the root that they stand for. */
  readonly aliases: Readonly<Record<string, string>>;
}

/**
 * JavaScript and declarations of a module and all that it reaches. Types were checked by Deno, which
 * knows the modules of packages and of Node that TypeScript is not told of here.
 */
export function emitted({ root, entry, aliases }: EmitOptions): Emitted {
  const paths = Object.fromEntries(
    Object.entries(aliases).map(([alias, folder]) => [`${alias}*`, [`${root}${folder}*`]]),
  );
  const program = ts.createProgram([root + entry], {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts"],
    types: [],
    ...{ strict: true, exactOptionalPropertyTypes: true, isolatedModules: true },
    ...{ declaration: true, removeComments: false, allowImportingTsExtensions: true },
    ...{ rootDir: root, outDir: "/", paths, newLine: ts.NewLineKind.LineFeed },
  });
  const files: EmittedFile[] = [];
  const packages = new Set<string>();
  const rewrite = rewriting({ root, aliases, found: (name) => packages.add(name) });
  const declared = rewriting({ root, aliases, found: () => {} });
  const { emitSkipped } = program.emit(
    undefined,
    (path, text) => files.push({ path: path.replace(/^\//, ""), text }),
    undefined,
    false,
    // A bundle is what neither of both is given here.
    { after: [rewrite as ts.TransformerFactory<ts.SourceFile>], afterDeclarations: [declared] },
  );
  if (emitSkipped) throw new TypeError(`TypeScript emits nothing of ${entry}`);
  return { files, packages: [...packages].sort() };
}

/** Turns specifiers of sources into those of what is emitted of them. */
function rewriting(
  { root, aliases, found }: Pick<EmitOptions, "root" | "aliases"> & {
    readonly found: (packageName: string) => void;
  },
): ts.TransformerFactory<ts.SourceFile | ts.Bundle> {
  return (context) => (source) => {
    if (!ts.isSourceFile(source)) return source;
    const from = source.fileName.slice(root.length);
    const { factory } = context;
    const literal = (specifier: ts.Expression): ts.Expression => {
      if (!ts.isStringLiteral(specifier)) return specifier;
      const { text, packageName } = relativeSpecifier(from, specifier.text, aliases);
      if (packageName !== undefined) found(packageName);
      return factory.createStringLiteral(text);
    };
    const visit = (node: ts.Node): ts.Node => {
      if (ts.isImportDeclaration(node)) {
        const { modifiers, importClause, moduleSpecifier, attributes } = node;
        const target = literal(moduleSpecifier);
        return factory.updateImportDeclaration(node, modifiers, importClause, target, attributes);
      }
      if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
        const { modifiers, isTypeOnly, exportClause, moduleSpecifier, attributes } = node;
        const target = literal(moduleSpecifier);
        return factory.updateExportDeclaration(
          ...[node, modifiers, isTypeOnly, exportClause, target, attributes] as const,
        );
      }
      if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
        const visited = ts.visitEachChild(node, visit, context);
        return importType(visited, factory, literal);
      }
      return ts.visitEachChild(node, visit, context);
    };
    return ts.visitEachChild(source, visit, context);
  };
}

/** `import("…").Name`, as declarations have it where nobody wrote the type. */
function importType(
  node: ts.ImportTypeNode,
  factory: ts.NodeFactory,
  literal: (specifier: ts.Expression) => ts.Expression,
): ts.Node {
  const { argument, attributes, qualifier, typeArguments, isTypeOf } = node;
  if (!ts.isLiteralTypeNode(argument) || !ts.isStringLiteral(argument.literal)) return node;
  const target = literal(argument.literal);
  if (!ts.isStringLiteral(target)) return node;
  const type = factory.createLiteralTypeNode(target);
  return factory.updateImportTypeNode(
    ...[node, type, attributes, qualifier, typeArguments, isTypeOf] as const,
  );
}
