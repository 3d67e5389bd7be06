/** Ends TLS on the host's own address, with the certificate that /run/shown names, and passes on to Apache. */
export const RECEIVER = `
import pathlib, ssl, sys
sys.path.insert(0, "/usr/local/lib/edge")
import edge
class Shown:
    def get(self, *_):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        name = pathlib.Path("/run/shown").read_text().strip()
        context.load_cert_chain(f"/root/receiver/{name}.crt", "/root/receiver/key")
        return context
    __getitem__ = get
edge.Edge.contexts = Shown()
edge.Edge(("0.0.0.0", 8443), edge.PassOn).serve_forever()
`;

/** Only `openssl ca` takes a date in the past. */
export const CERTIFICATES = `
mkdir /root/receiver && cd /root/receiver
printf '%s\\n' '[ca]' 'default_ca=one' '[one]' 'new_certs_dir=.' 'database=index' 'rand_serial=yes' 'default_md=sha256' \
  'policy=any' 'copy_extensions=copy' '[any]' 'commonName=supplied' >conf
touch index && echo 'unique_subject = no' >index.attr
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj "/CN=Doctor's Test CA"
sign() { openssl ca -batch -config conf -cert ca.crt -keyfile ca.key -notext -out "$1.crt" -in "$2.csr" "\${@:3}"; }
openssl genrsa -out key 2048
openssl req -new -key key -out own.csr -subj /CN=own -addext subjectAltName=IP:$ADDRESS
openssl req -new -key key -out other.csr -subj /CN=other -addext subjectAltName=DNS:other.example
sign valid own -days 90; sign soon own -days 5; sign other other -days 90
sign expired own -startdate 20200101000000Z -enddate 20200201000000Z
cp ca.crt /usr/local/share/ca-certificates/doctor.crt && update-ca-certificates
`;
