/**
 * Whom a client certificate names, read as the server reads it (be_tls_open_server in
 * src/backend/libpq/be-secure-openssl.c). It judges neither signature nor date.
 */
import { AsnConvert } from '@peculiar/asn1-schema';
import { type AttributeTypeAndValue, Certificate } from '@peculiar/asn1-x509';

export interface CertificateNames {
  readonly commonName: string | undefined;
  readonly subject: string;
}

const COMMON_NAME = '2.5.4.3';

/** OpenSSL's short names, which XN_FLAG_RFC2253 prints. */
const shortNames: Readonly<Record<string, string>> = {
  [COMMON_NAME]: 'CN',
  '2.5.4.4': 'SN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'street',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '2.5.4.42': 'GN',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

/**
 * Undefined when a part of the subject holds a NUL. FAIL-CLOSED: who reads it as a C string sees another name than who
 * signed it, so `crm_admin\0.example.com` would be crm_admin (CVE-2009-4034).
 */
export function certificateNames(der: Buffer): CertificateNames | undefined {
  const parts = AsnConvert.parse(der, Certificate).tbsCertificate.subject.map((set) => [...set]);
  const all = parts.flat();
  if (all.some(({ value }) => value.toString().includes('\0'))) return undefined;
  return {
    commonName: all.find(({ type }) => type === COMMON_NAME)?.value.toString(),
    subject: parts
      .reverse()
      .map((set) => set.map(spelled).reverse().join('+'))
      .join(','),
  };
}

function spelled({ type, value }: AttributeTypeAndValue): string {
  const name = shortNames[type];
  if (name !== undefined && value.anyValue === undefined) return `${name}=${escaped(value.toString())}`;
  return `${name ?? type}=#${Buffer.from(AsnConvert.serialize(value)).toString('hex').toUpperCase()}`;
}

/** RFC 2253, section 2.4, with ASN1_STRFLGS_ESC_MSB and ESC_CTRL: other bytes than printable ASCII as \XX. */
function escaped(text: string): string {
  return [...Buffer.from(text)]
    .map((byte, index, { length }) => {
      const char = String.fromCharCode(byte);
      if (byte < 0x20 || byte > 0x7e) return `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      if (',+"\\<>;'.includes(char)) return `\\${char}`;
      const edge = (index === 0 && (char === ' ' || char === '#')) || (index === length - 1 && char === ' ');
      return edge ? `\\${char}` : char;
    })
    .join('');
}
