import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** What a TLS server shows. */
export interface Certificate {
  /** In milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** As OpenSSL writes them: `DNS:shop.example, DNS:www.shop.example`. */
  readonly names: string;
  /** For the name that was asked for. */
  readonly isForName: boolean;
}

/**
 * Reads a certificate in PEM or DER. Pure.
 *
 * @returns undefined if it is none
 */
export function readCertificate(encoded: string | Buffer, url: string): Certificate | undefined {
  if (encoded.length === 0) return undefined;
  try {
    const certificate = new X509Certificate(encoded);
    const { hostname } = new URL(url);
    const name = isIP(hostname) === 0 ? certificate.checkHost(hostname) : certificate.checkIP(hostname);
    return {
      from: Date.parse(certificate.validFrom),
      to: Date.parse(certificate.validTo),
      names: certificate.subjectAltName ?? certificate.subject,
      isForName: name !== undefined,
    };
  } catch {
    return undefined;
  }
}

/** A renewal that works comes earlier. */
const SOON_MS = 14 * 86_400_000;

export type CertificateFault = { readonly status: "warning" | "failed"; readonly sentence: string };

/** Pure. */
export function certificateFaults(certificate: Certificate, url: string, now: number): CertificateFault[] {
  const { from, to, names, isForName } = certificate;
  const { hostname } = new URL(url);
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  return [
    ...(now > to
      ? [{ status: "failed", sentence: `the certificate of ${hostname} expired on ${day(to)}` } as const]
      : now < from
        ? [
            {
              status: "failed",
              sentence: `the certificate of ${hostname} is valid only from ${day(from)} on`,
            } as const,
          ]
        : to - now < SOON_MS
          ? [
              {
                status: "warning",
                sentence: `the certificate of ${hostname} expires on ${day(to)}, in ${Math.floor((to - now) / 86_400_000)} days`,
              } as const,
            ]
          : []),
    ...(isForName
      ? []
      : [{ status: "failed", sentence: `the certificate shown for ${hostname} is for ${names}` } as const]),
  ];
}
