/**
 * The tls-server-end-point data of a certificate (RFC 5929, section 4.1), by which SCRAM-SHA-256-PLUS ties a log-in to the
 * connection that it came over. The same rules as be_tls_get_certificate_hash in src/backend/libpq/be-secure-openssl.c
 * and pgtls_get_peer_certificate_hash in src/interfaces/libpq/fe-secure-openssl.c.
 */
import { createHash } from 'node:crypto';
import { AsnConvert, AsnProp, AsnPropTypes } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';

/** By the signature algorithm's object identifier; md5 and sha1 are replaced by sha256, as the RFC demands. */
const hashOfSignature: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.4': 'sha256', // md5WithRSAEncryption
  '1.2.840.113549.1.1.5': 'sha256', // sha1WithRSAEncryption
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.113549.1.1.14': 'sha224',
  '1.2.840.113549.1.1.15': 'sha512-224',
  '1.2.840.113549.1.1.16': 'sha512-256',
  '1.2.840.10045.4.1': 'sha256', // ecdsa-with-SHA1
  '1.2.840.10045.4.3.1': 'sha224',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};

const RSASSA_PSS = '1.2.840.113549.1.1.10';

/** The hash that RSASSA-PSS names in its parameters (RFC 4055, section 3.1). */
const hashOfPss: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha256', // SHA-1
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
  '2.16.840.1.101.3.4.2.4': 'sha224',
};

class PssParameters {
  /** SHA-1 when it is left out. */
  hash = new AlgorithmIdentifier({ algorithm: '1.3.14.3.2.26' });
  maskGeneration?: ArrayBuffer;
  saltLength?: ArrayBuffer;
  trailer?: ArrayBuffer;
}
AsnProp({ type: AlgorithmIdentifier, context: 0, optional: true })(PssParameters.prototype, 'hash');
AsnProp({ type: AsnPropTypes.Any, context: 1, optional: true })(PssParameters.prototype, 'maskGeneration');
AsnProp({ type: AsnPropTypes.Any, context: 2, optional: true })(PssParameters.prototype, 'saltLength');
AsnProp({ type: AsnPropTypes.Any, context: 3, optional: true })(PssParameters.prototype, 'trailer');

/**
 * Undefined for signatures that have no hash of their own (Ed25519, Ed448), and for those not known here: RFC 5929 defines
 * no value for them, and PostgreSQL fails such a log-in, so channel binding must not be offered.
 */
export function serverEndpointHash(der: Buffer): Buffer | undefined {
  const { signatureAlgorithm } = AsnConvert.parse(der, Certificate);
  const name =
    signatureAlgorithm.algorithm === RSASSA_PSS
      ? pssHash(signatureAlgorithm)
      : hashOfSignature[signatureAlgorithm.algorithm];
  return name === undefined ? undefined : createHash(name).update(der).digest();
}

function pssHash({ parameters }: AlgorithmIdentifier): string | undefined {
  if (parameters === null || parameters === undefined) return undefined;
  return hashOfPss[AsnConvert.parse(parameters, PssParameters).hash.algorithm];
}
