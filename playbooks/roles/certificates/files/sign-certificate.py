"""Signs one request with the staged authority. Runs on the controller.

Usage: sign-certificate.py AUTHORITY_STEM NODE ADDRESS DAYS < request. The names in the certificate
are the inventory's, whatever the request asks for. Prints the certificate.
"""

import subprocess
import sys
import tempfile

EXTENSIONS = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:{node}, DNS:localhost, IP:{address}, IP:127.0.0.1
"""


def main() -> None:
    stem, node, address, days = sys.argv[1:5]
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as extensions:
        extensions.write(EXTENSIONS.format(node=node, address=address))
        extensions.flush()
        subprocess.run(
            ["openssl", "x509", "-req", "-CA", f"{stem}.crt", "-CAkey", f"{stem}.key",
             "-days", days, "-sha256", "-extfile", extensions.name],
            check=True,
            stdin=sys.stdin,
        )  # fmt: skip


if __name__ == "__main__":
    main()
