/**
 * Calls that are answered with NULL, as `\dt+` and its like ask for sizes: their first argument becomes
 * `CASE WHEN false THEN … END`. The functions are strict, so they are not even called; name and type of the result stay.
 */
import type { FuncCall, Node } from '@pgsql/types';
import type { FunctionUse, ResolvedStatement } from '../resolve/types.js';
import { toByteString } from '../sql/byte-string.js';
import type { Edit } from './edits.js';
import type { IntendedTree } from './intended-tree.js';

export interface BlankCalls {
  readonly edits: readonly Edit[];
  readonly intend: (tree: IntendedTree) => void;
}

/** Makes the edits. A call without arguments is an error of the server's, and is left to it. */
export function blankCalls(resolved: ResolvedStatement, calls: readonly FunctionUse[]): BlankCalls {
  const edits: Edit[] = [];
  const blanked: FuncCall[] = [];
  for (const { node, nameSpan } of calls) {
    if (nameSpan === undefined || node.args === undefined || node.args.length === 0) continue;
    const first = nameSpan.end + 1;
    const end = endOfArgument(resolved, first);
    edits.push({ first, end: first, pieces: [toByteString('CASE WHEN false THEN ')] });
    edits.push({ first: end, end, pieces: [toByteString(' END')] });
    blanked.push(node);
  }
  return {
    edits,
    intend(tree) {
      for (const call of blanked) {
        const args = tree.of(call).args!;
        args[0] = neverEvaluated(args[0]!);
      }
    },
  };
}

function neverEvaluated(argument: Node): Node {
  return { CaseExpr: { args: [{ CaseWhen: { expr: { A_Const: { boolval: {} } }, result: argument } }] } };
}

/** The comma or bracket behind the first argument; a text that has neither does not read as intended, and is refused. */
function endOfArgument({ statement }: ResolvedStatement, first: number): number {
  const { text, tokens } = statement.lexed;
  let depth = 0;
  for (let at = first; at < statement.endToken; at += 1) {
    const token = text.slice(tokens.start(at), tokens.end(at));
    if (token === '(' || token === '[') depth += 1;
    if (depth === 0 && (token === ',' || token === ')')) return at;
    if (token === ')' || token === ']') depth -= 1;
  }
  return statement.endToken;
}
