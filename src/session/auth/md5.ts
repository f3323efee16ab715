/** md5 passwords (pg_md5_encrypt in src/common/md5_common.c; PostgreSQL manual, 54.7 PasswordMessage). */
import { createHash } from 'node:crypto';

/** md5 of the password and the user's name, in hexadecimal: what pg_authid keeps behind its "md5". */
export function md5Hash(user: string, password: Buffer): string {
  return createHash('md5').update(password).update(user).digest('hex');
}

/** The answer to AuthenticationMD5Password. */
export function md5Answer(hash: string, salt: Buffer): Buffer {
  return Buffer.from(`md5${createHash('md5').update(hash).update(salt).digest('hex')}`);
}
