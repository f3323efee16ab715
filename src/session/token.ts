/**
 * Verifies the signed tokens of sessions that claim by token (RFC 7519, with the keys of an RFC 7517 key set). It knows
 * no sessions, and tells nothing of what a token holds but the claims of a valid one.
 */
import {
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from 'jose';
import { attributesOf } from '../enforce/claims.js';
import type { TokenOutcome } from '../enforce/types.js';
import type { ClaimSource, PublicKeySet } from '../policy/types.js';

type TokenSource = Extract<ClaimSource, { kind: 'token' }>;

/**
 * Asymmetric ones only: with a symmetric algorithm, or none, whoever knows the public key could sign (RFC 8725, 2.1 and
 * 3.1).
 */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

const keySets = new WeakMap<PublicKeySet, JWTVerifyGetKey>();

function keysOf(keys: PublicKeySet): JWTVerifyGetKey {
  let found = keySets.get(keys);
  if (found === undefined) {
    found = createLocalJWKSet(keys as unknown as JSONWebKeySet);
    keySets.set(keys, found);
  }
  return found;
}

/** Never rejects. */
export async function verifyToken(
  token: string,
  { keys, issuer, audience }: TokenSource,
): Promise<TokenOutcome> {
  try {
    const { payload } = await jwtVerify(token, keysOf(keys), {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      // FAIL-CLOSED: a token without an end would be a password.
      requiredClaims: ['exp'],
    });
    return outcomeOf(payload);
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

function outcomeOf(payload: JWTPayload): TokenOutcome {
  const { pgveil_role: role, pgveil_purpose: purpose, pgveil_actor: actor, exp, nbf } = payload;
  if (typeof role !== 'string' || role === '') return { ok: false, reason: 'it has no claim pgveil_role' };
  if (purpose !== undefined && typeof purpose !== 'string')
    return { ok: false, reason: 'its claim pgveil_purpose is not text' };
  const attributes = attributesOf(actor ?? {});
  if (attributes === undefined)
    return { ok: false, reason: 'its claim pgveil_actor is not an object of text, numbers and booleans' };
  const seconds = (value: number | undefined, otherwise: number): number =>
    value === undefined ? otherwise : value * 1000;
  return {
    ok: true,
    claims: {
      role,
      purpose,
      actor: attributes,
      notBefore: seconds(nbf, 0),
      expiresAt: seconds(exp, 0),
    },
  };
}

/** In words that hold nothing of the token. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'iss':
        return 'it is of another issuer';
      case 'aud':
        return 'it is for another audience';
      case 'nbf':
        return 'it is not valid yet';
      default:
        return 'it lacks a claim that it must have: exp, iss and aud';
    }
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its signature is of a kind that is not allowed';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'none of the known keys is the one that it names';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  return 'it is no JSON Web Token that can be read';
}
