"""One certificate for all nodes, and the files by which each language trusts it."""

import shutil
from pathlib import Path

from .processes import Unavailable, Workspace, run

SYSTEM = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
]
PASSWORD = "changeit"  # Java wants one; it protects public certificates


class Certificate:
    def __init__(self, directory: Path):
        self.ca, self.ca_key = directory / "ca.pem", directory / "ca-key.pem"
        self.leaf, self.key = directory / "leaf.pem", directory / "key.pem"
        self.bundle, self.store = directory / "ca-bundle.pem", directory / "truststore.p12"

    @classmethod
    async def make(cls, workspace: Workspace) -> "Certificate":
        if not shutil.which("openssl"):
            raise Unavailable("openssl is not installed")
        made = cls(workspace.path)
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-x509"]
        await run(["openssl", "req", *curve, "-subj", "/CN=samband cluster tests", "-keyout", str(made.ca_key),
                   "-out", str(made.ca), "-addext", "keyUsage=critical,keyCertSign,cRLSign"])
        await run(["openssl", "req", *curve, "-subj", "/CN=localhost", "-keyout", str(made.key),
                   "-out", str(made.leaf), "-CA", str(made.ca), "-CAkey", str(made.ca_key),
                   "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
                   "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"])
        system = next((Path(path) for path in SYSTEM if Path(path).exists()), None)
        made.bundle.write_bytes((system.read_bytes() + b"\n" if system else b"") + made.ca.read_bytes())
        return made

    async def variables(self) -> dict[str, str]:
        """What makes curl, Python, Node and Java trust it."""
        variables = {
            "SAMBAND_CA_FILE": str(self.ca),
            "NODE_EXTRA_CA_CERTS": str(self.ca),
            "REQUESTS_CA_BUNDLE": str(self.bundle),
            "SSL_CERT_FILE": str(self.bundle),
            "CURL_CA_BUNDLE": str(self.bundle),
        }
        if shutil.which("keytool"):
            await self.make_store()
            variables["JAVA_TOOL_OPTIONS"] = (
                f"-Djavax.net.ssl.trustStore={self.store} -Djavax.net.ssl.trustStoreType=PKCS12 "
                f"-Djavax.net.ssl.trustStorePassword={PASSWORD}"
            )
        return variables

    async def make_store(self) -> None:
        java = Path(shutil.which("keytool")).resolve().parents[1] / "lib" / "security" / "cacerts"
        into = ["-keystore", str(self.store), "-storetype", "PKCS12", "-storepass", PASSWORD, "-noprompt"]
        if java.exists():
            source = ["-srckeystore", str(java), "-srcstorepass", PASSWORD, "-destkeystore", str(self.store)]
            await run(["keytool", "-importkeystore", *source, "-deststoretype", "PKCS12", "-deststorepass", PASSWORD, "-noprompt"])
        await run(["keytool", "-importcert", "-alias", "samband-cluster", "-file", str(self.ca), *into])
