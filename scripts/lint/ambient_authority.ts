import { inside, insideAny, pathFromRoot } from "./path.ts";
import { AMBIENT_EXCEPTIONS, AMBIENT_NAMES, AUTHORITY_PLACES } from "./table.ts";

/** `TS…` nodes that wrap a value; below all others an identifier is a type or a name in a type. */
const VALUE_WRAPPERS = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression",
  "TSExportAssignment",
]);

/** Nodes below which an identifier declares a name in every position but those of `isReference`. */
const BINDERS = new Set([
  "ImportDefaultSpecifier",
  "ImportNamespaceSpecifier",
  "CatchClause",
  "RestElement",
  "ArrayPattern",
  "ClassDeclaration",
  "ClassExpression",
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
]);

/** Nodes whose `key` is a name and no reference, unless it is computed. */
const KEYED = new Set(["Property", "PropertyDefinition", "MethodDefinition", "AccessorProperty"]);

type Identifier = Deno.lint.Identifier;
type Place = "declares" | "refers" | "names";

/** What an identifier does where it stands. */
function placeOf(node: Identifier): Place {
  const parent = node.parent as Deno.lint.Node;
  const at = (child: Deno.lint.Node | null | undefined) => child?.range[0] === node.range[0];
  if (parent.type.startsWith("TS")) return VALUE_WRAPPERS.has(parent.type) ? "refers" : "names";
  switch (parent.type) {
    case "MemberExpression":
      return at(parent.property) && !parent.computed ? "names" : "refers";
    case "VariableDeclarator":
      return at(parent.id) ? "declares" : "refers";
    case "AssignmentPattern":
      return at(parent.left) ? "declares" : "refers";
    case "ImportSpecifier":
      return at(parent.local) ? "declares" : "names";
    case "ExportSpecifier":
      return at(parent.local) ? "refers" : "names";
    case "ArrowFunctionExpression":
      return at(parent.body) ? "refers" : "declares";
    case "ClassDeclaration":
    case "ClassExpression":
      return at(parent.superClass) ? "refers" : "declares";
  }
  if (KEYED.has(parent.type)) return keyedPlace(node, parent as Deno.lint.Property);
  return BINDERS.has(parent.type) ? "declares" : "refers";
}

function keyedPlace(node: Identifier, parent: Deno.lint.Property): Place {
  const isKey = parent.key.range[0] === node.range[0];
  if (isKey && !parent.computed && !parent.shorthand) return "names";
  const inPattern = (parent.parent as Deno.lint.Node | undefined)?.type === "ObjectPattern";
  return inPattern && !(isKey && parent.computed) ? "declares" : "refers";
}

/** Nodes that bound where a name declared inside them is known. */
const SCOPES = new Set([
  "BlockStatement",
  "StaticBlock",
  "CatchClause",
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
]);

function parentOf(node: Deno.lint.Node): Deno.lint.Node | undefined {
  // The types deny a file's root its parent; at run time it is there, and null.
  return "parent" in node ? (node.parent as Deno.lint.Node | null) ?? undefined : undefined;
}

/** @returns Range of the source in which the name that an identifier declares is known. */
function scopeOf(node: Identifier): Deno.lint.Range {
  let at = node.parent as Deno.lint.Node;
  if (at.type === "FunctionDeclaration" && at.id?.range[0] === node.range[0]) {
    at = parentOf(at) ?? at;
  }
  for (let next = parentOf(at); next !== undefined && !SCOPES.has(at.type); next = parentOf(at)) {
    at = next;
  }
  return at.range;
}

function allowed(path: string, name: string): boolean {
  if (insideAny(AUTHORITY_PLACES, path) || path.endsWith("_bench.ts")) return true;
  const place = Object.hasOwn(AMBIENT_EXCEPTIONS, name) ? AMBIENT_EXCEPTIONS[name] : undefined;
  return place !== undefined && inside(place, path);
}

function messageFor(name: string): string {
  return `${name} is the host's authority: take a port instead (runtime/core/ports.ts)`;
}

/**
 * Clock, entropy, console and network come in as ports.
 *
 * A name that the code declares itself (a parameter `window`, say) is no authority where that
 * declaration holds; types are none either.
 */
export const noAmbientAuthority: Deno.lint.Rule = {
  create(context) {
    const path = pathFromRoot(context.filename);
    const declared: { name: string; scope: Deno.lint.Range }[] = [];
    // By offset: `{ Date }` and `export { Date }` hold one name as two nodes.
    const references = new Map<number, Identifier>();
    const reportRandom = (node: Deno.lint.Node) => {
      if (!allowed(path, "Math.random")) {
        context.report({ node, message: messageFor("Math.random") });
      }
    };
    return {
      Identifier(node) {
        if (!AMBIENT_NAMES.has(node.name)) return;
        const place = placeOf(node);
        if (place === "declares") declared.push({ name: node.name, scope: scopeOf(node) });
        else if (place === "refers") references.set(node.range[0], node);
      },
      MemberExpression(node) {
        if (isMath(node.object) && isRandom(node.property)) reportRandom(node);
      },
      VariableDeclarator(node) {
        if (!isMath(node.init) || node.id.type !== "ObjectPattern") return;
        const takes = node.id.properties.some((each) =>
          each.type === "Property" && isRandom(each.key)
        );
        if (takes) reportRandom(node);
      },
      "Program:exit"() {
        for (const node of references.values()) {
          const own = declared.some(({ name, scope }) =>
            name === node.name && scope[0] <= node.range[0] && node.range[1] <= scope[1]
          );
          if (own || allowed(path, node.name)) continue;
          context.report({ node, message: messageFor(node.name) });
        }
      },
    };
  },
};

function isMath(node: Deno.lint.Node | null | undefined): boolean {
  return node?.type === "Identifier" && node.name === "Math";
}

function isRandom(node: Deno.lint.Node): boolean {
  return node.type === "Identifier"
    ? node.name === "random"
    : node.type === "Literal" && node.value === "random";
}
