/** Nobody finds out from his clients that a certificate has expired. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  certificateDates,
  certificateWarnings,
  tellCertificates,
} from '../../../src/app/certificate-dates.js';
import { type Certificates, makeCertificates } from '../../support/certificates.js';

let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});
afterAll(() => certificates.remove());

const DAY = 86_400_000;
const now = new Date('2026-06-15T12:00:00Z');
const dated = (fromDays: number, untilDays: number) => ({
  file: 'server.crt',
  fingerprint: `${fromDays}:${untilDays}`,
  from: new Date(now.getTime() + fromDays * DAY),
  until: new Date(now.getTime() + untilDays * DAY),
});

describe('certificateWarnings', () => {
  it.each<[string, ReturnType<typeof dated>, string | undefined]>([
    ['in force for long', dated(-10, 80), undefined],
    ['about to end', dated(-80, 10), 'the certificate expires on 2026-06-25'],
    ['over', dated(-90, -1), 'the certificate has expired on 2026-06-14'],
    ['to come', dated(1, 90), 'the certificate is not valid before 2026-06-16'],
  ])('%s', (_, certificate, message) => {
    expect(certificateWarnings([certificate], now).map((one) => [one.severity, one.message])).toEqual(
      message === undefined ? [] : [['warning', message]],
    );
  });

  it('reads the dates of the certificate, not of those in the chain behind it', () => {
    const { certPem } = certificates.expiredServer;
    const read = certificateDates('server.crt', certPem + certificates.ca.files.certPem);
    expect(read.until.getTime()).toBeLessThan(Date.now());
    expect(read.fingerprint).toBe(certificates.expiredServer.fingerprint);
  });
});

describe('tellCertificates', () => {
  const told = (after: ReturnType<typeof dated>[], before: ReturnType<typeof dated>[]): string[] => {
    const lines: string[] = [];
    const log = (_: unknown, message: string) => lines.push(message);
    tellCertificates(after, before, { info: log, warn: log });
    return lines;
  };

  it('says nothing where a reload has changed no certificate', () => {
    expect(told([dated(-1, 80)], [dated(-1, 80)])).toEqual([]);
    expect(told([], [])).toEqual([]);
  });

  it('says that a new one is in force, and warns of one that is over', () => {
    expect(told([dated(-90, -1)], [dated(-1, 80)])).toEqual([
      'certificates are in force for new connections',
      expect.stringMatching(/^TLS: the certificate has expired on /),
    ]);
  });
});
