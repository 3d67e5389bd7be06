import { type Answer, answerProblem } from "./answer";
import { certificateFaults, readCertificate } from "./certificate";
import { isResting, type Look, unitsOf } from "./look";
import { failed, here, type Layer, layer, type Mend, onHost, untested, warning } from "./verdict";

/** What only TLS can say; the health check's curl just refuses. */
const DATES_AND_NAMES = /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|ERR_TLS_CERT_ALTNAME_INVALID)$/;

/** The certificate that is shown to users. Pure. */
export function certificateLayer(look: Look, url: string): Layer {
  const { facts, outside, now } = look;
  const certificate = outside?.certificate ?? readCertificate(facts.certificate, url);
  const { host, hostname } = new URL(url);
  const port = host === hostname ? `${hostname}:443` : host;
  const mend = here(
    `openssl s_client -connect ${port} -servername ${hostname} </dev/null | openssl x509 -noout -dates -ext subjectAltName`,
  );
  if (certificate === undefined) {
    const refused = refusalOf(facts.answers["external"]);
    if (refused === undefined) return untested("certificate", "none was shown");
    return layer("certificate", "", [
      failed(`the host refuses the certificate of ${hostname}: ${refused}`, mend),
    ]);
  }
  const faults = certificateFaults(certificate, url, now);
  // Who lacks a certificate authority here may have it there.
  const refused = refusalOf(facts.answers["external"]);
  const distrust = outside?.distrust;
  const untrusted =
    refused !== undefined
      ? [failed(`the host doesn't trust the certificate of ${hostname}: ${refused}`, mend)]
      : distrust !== undefined && !DATES_AND_NAMES.test(distrust)
        ? [warning(`this machine doesn't trust the certificate of ${hostname}: ${distrust}`, mend)]
        : [];
  const until = new Date(certificate.to).toISOString().slice(0, 10);
  return layer("certificate", `for ${hostname} until ${until}`, [
    ...faults.map(({ status, sentence }) => ({
      ...{
        status,
        cause: `${sentence}; renew it where TLS ends, nothing on this host's service is at fault`,
        mend,
      },
    })),
    ...(faults.length === 0 ? untrusted : []),
  ]);
}

const refusalOf = (answer: Answer | undefined): string | undefined =>
  answer?.kind === "failed" && answer.reason === "certificate" ? answer.message : undefined;

/** @param blamed what of the layers below is at fault, if one is */
export function externalLayers(look: Look, url: string, blamed: string | undefined): Layer[] {
  // Such as a port of six digits, which the schema lets pass.
  if (!URL.canParse(url)) return [layer("external", "", [failed(`${url} is no URL: correct externalUrl`)])];
  const names = ["external from the host", "external from here"] as const;
  const certificate = url.startsWith("https:") ? [certificateLayer(look, url)] : [];
  if (isResting(look)) {
    return [...certificate, ...names.map((name) => untested(name, "the application is stopped on purpose"))];
  }
  const isRefused = certificate.some(({ status }) => status === "failed");
  const answers = [look.facts.answers["external"], look.outside?.answer] as const;
  const [inside, outside] = answers.map((answer) => problemOf(look, url, answer));
  return [
    ...certificate,
    ...answers.map((answer, index) => {
      const name = names[index] ?? "";
      const problem = index === 0 ? inside : outside;
      if (answer === undefined) return untested(name, "nobody asked");
      if (problem === undefined) return layer(name, seenOf(look, url, index), []);
      // A name that isn't known has nothing to do with what is below.
      const isName = answer.kind === "failed" && answer.reason === "name";
      if (!isName && blamed !== undefined) return untested(name, blamed);
      if (!isName && isRefused && index === 0) return untested(name, "the certificate is refused");
      const elsewhere = (index === 0 ? outside : inside) === undefined;
      return layer(name, "", [
        elsewhere
          ? warning(
              `${problem}, though it answers ${index === 0 ? "from here" : "from the host"}: the way there differs (DNS, firewall)`,
              mendOf(look, url, answer, index),
            )
          : failed(problem, mendOf(look, url, answer, index)),
      ]);
    }),
  ];
}

function problemOf({ config: { healthCheck } }: Look, url: string, answer?: Answer): string | undefined {
  const { expectStatus: status, timeoutSec } = healthCheck;
  return answer && answerProblem(answer, { url, status, timeoutSec });
}

function seenOf({ facts, outside }: Look, url: string, index: number): string {
  const addresses = index === 0 ? facts.addresses : (outside?.addresses ?? []);
  return `${url} answers as expected (${addresses.join(", ") || "address unknown"})`;
}

function mendOf(look: Look, url: string, answer: Answer, index: number): Mend {
  const ask = index === 0 ? onHost : here;
  if (answer.kind === "failed" && answer.reason === "name") {
    return ask(`getent ahosts ${new URL(url).hostname}; cat /etc/resolv.conf`);
  }
  const { tunnel } = unitsOf(look);
  return tunnel === undefined
    ? ask(`curl -sv -o /dev/null ${url}`)
    : onHost(`journalctl -u ${tunnel} -n 50 --no-pager`);
}
