/** Which CommandComplete tags tell that names, types or rights may have changed. */
const STRUCTURE = /^(ALTER|COMMENT|CREATE|DO|DROP|GRANT|IMPORT|REFRESH|REVOKE|SELECT INTO)\b/;

/** @param command - the tag's command (src/include/tcop/cmdtaglist.h) */
export function changesStructure(command: string): boolean {
  return STRUCTURE.test(command);
}
