"""Signs a certificate request with the staged authority. Runs on the controller.

Usage: sign-certificate.py AUTHORITY NODE ADDRESS DAYS < request

AUTHORITY is the path of the authority's certificate and key without their suffixes. The certificate
has the names of the arguments; those in the request are ignored. Prints the certificate.
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
    authority, node, address, days = sys.argv[1:5]
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as extensions:
        extensions.write(EXTENSIONS.format(node=node, address=address))
        extensions.flush()
        subprocess.run(
            ["openssl", "x509", "-req", "-CA", f"{authority}.crt", "-CAkey", f"{authority}.key",
             "-days", days, "-sha256", "-extfile", extensions.name],
            check=True,
            stdin=sys.stdin,
        )  # fmt: skip


if __name__ == "__main__":
    main()
