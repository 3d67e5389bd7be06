"""Public edge for tests: TLS on 127.0.0.1:443, passed on to Apache.

The file /run/edge-mode says how it behaves: ok (also if absent), a status such as 503, hang, or the certificate that it shows:
expired, other (of another name).
"""

import http.client
import http.server
import pathlib
import ssl
import time

MODE = pathlib.Path("/run/edge-mode")
CERTIFICATES = pathlib.Path("/usr/local/lib/edge")
ORIGIN = ("127.0.0.1", 8087)
# They belong to one connection, not to the message.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


def mode() -> str:
    return MODE.read_text().strip() if MODE.exists() else "ok"


def tls_context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / f"{name}.crt", CERTIFICATES / "edge.key")
    return context


class Edge(http.server.ThreadingHTTPServer):
    contexts = {name: tls_context(name) for name in ("valid", "expired", "other")}

    def finish_request(self, request, client_address):
        """Shakes hands in the connection's own thread, so that a client that hangs holds up nobody else."""
        context = self.contexts.get(mode(), self.contexts["valid"])
        try:
            with context.wrap_socket(request, server_side=True) as tls:
                super().finish_request(tls, client_address)
        except OSError as error:  # a client that refuses the certificate is part of the tests
            print(f"{client_address[0]}: {error}", flush=True)


class PassOn(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        while mode() == "hang":
            time.sleep(0.2)
        if mode().isdigit():
            self.answer(int(mode()), [], f"edge: told to answer {mode()}\n".encode())
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            origin = http.client.HTTPConnection(*ORIGIN, timeout=30)
            origin.request(self.command, self.path, body, dict(self.headers))
            response = origin.getresponse()
            self.answer(response.status, response.getheaders(), response.read())
        except OSError as error:
            self.answer(502, [], f"edge: origin: {error}\n".encode())

    do_POST = do_HEAD = do_GET

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


if __name__ == "__main__":
    Edge(("127.0.0.1", 443), PassOn).serve_forever()
