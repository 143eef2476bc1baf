"""One signing key for several platforms, so that what they register is the same, byte for byte."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mainstay.mlops.trust.signing import PRIVATE, TRUSTED, keyid_of


def same_key(data: Path) -> None:
    """Give the platform in `data` the key that all others of the test have."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = private.public_key()
    folder = data / "keys"
    (folder / TRUSTED).mkdir(parents=True, exist_ok=True)
    (folder / PRIVATE).write_bytes(
        private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    )
    (folder / TRUSTED / f"{keyid_of(public)}.pem").write_bytes(
        public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )
