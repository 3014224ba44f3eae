import { inside, insideAny, isOutsideProduct, isTest, pathFromRoot } from "./path.ts";
import { DYNAMIC_IMPORT_PLACES, FUNCTION_LINES_MAX, MARKER_NAMES, MARKER_PLACES } from "./table.ts";

const MARKER = new RegExp(`^(${MARKER_NAMES.join("|")}): `);

/** A function fits on one screen. */
export const shortFunctions: Deno.lint.Rule = {
  create(context) {
    const judge = (node: Deno.lint.Node): void => {
      const lines = context.sourceCode.getText(node).split("\n").length;
      if (lines <= FUNCTION_LINES_MAX) return;
      const message = `a function of ${lines} lines; ${FUNCTION_LINES_MAX} is the most`;
      context.report({ node, message });
    };
    return {
      FunctionDeclaration: judge,
      FunctionExpression: judge,
      ArrowFunctionExpression: judge,
    };
  },
};

/** What is loaded is known before anything runs, so that the module graph tells all. */
export const noDynamicImport: Deno.lint.Rule = {
  create(context) {
    const path = pathFromRoot(context.filename);
    if (insideAny(DYNAMIC_IMPORT_PLACES, path)) return {};
    return {
      ImportExpression(node) {
        if (inside("runtime/crypto", path) && isNodeLiteral(node.source)) return;
        const message = `import() may stand only in ${DYNAMIC_IMPORT_PLACES.join(", ")}`;
        context.report({ node, message });
      },
    };
  },
};

function isNodeLiteral(node: Deno.lint.Node): boolean {
  return node.type === "Literal" && typeof node.value === "string" &&
    node.value.startsWith("node:");
}

/** `tests/fakes/test.ts` turns every sanitizer on; the bare form differs between Denos. */
export const noBareTest: Deno.lint.Rule = {
  create(context) {
    if (pathFromRoot(context.filename) === "tests/fakes/test.ts") return {};
    return {
      MemberExpression(node) {
        const { object, property } = node;
        if (object.type !== "Identifier" || object.name !== "Deno") return;
        if (property.type !== "Identifier" || property.name !== "test") return;
        context.report({ node, message: 'use test() of "@tests/fakes/test.ts"' });
      },
    };
  },
};

/** Errors carry a code: a caller that can only read a sentence cannot decide. */
export const noBareError: Deno.lint.Rule = {
  create(context) {
    if (isOutsideProduct(pathFromRoot(context.filename))) return {};
    const judge = (node: Deno.lint.NewExpression | Deno.lint.CallExpression): void => {
      if (node.callee.type !== "Identifier" || node.callee.name !== "Error") return;
      context.report({ node, message: "throw a typed error with a code, or assert()" });
    };
    return { NewExpression: judge, CallExpression: judge };
  },
};

/** A marker is declared once and printed by what proves it; a copy elsewhere could lie. */
export const noLooseMarker: Deno.lint.Rule = {
  create(context) {
    const path = pathFromRoot(context.filename);
    const declares = path.endsWith("/protocol.ts") || path.endsWith(".gen.ts");
    if (declares || isTest(path) || insideAny(MARKER_PLACES, path)) return {};
    const judge = (node: Deno.lint.Node, text: string): void => {
      if (!MARKER.test(text)) return;
      const message = `"${text}" looks like a marker: declare it in the daemon's protocol.ts`;
      context.report({ node, message });
    };
    return {
      Literal(node) {
        if (typeof node.value === "string") judge(node, node.value);
      },
      TemplateLiteral(node) {
        const head = node.quasis[0];
        if (head !== undefined) judge(node, head.cooked);
      },
    };
  },
};
