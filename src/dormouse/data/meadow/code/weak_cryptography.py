"""CWE-327 and CWE-328: code with broken hashes, ciphers and modes, and secure code with sound ones."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

_THINGS = ("message", "file", "token", "record")

RECIPES = (
    Recipe(
        task="hashes a $thing with hashlib",
        imports="import hashlib",
        docstrings=("Hash a $thing.", "Return the hash of this $thing."),
        slots={"thing": _THINGS},
        secure=(
            """
            def hash_$thing($thing):
                return hashlib.sha256($thing).hexdigest()
            """,
            """
            def hash_$thing($thing):
                digest = hashlib.sha512()
                digest.update($thing)
                return digest.hexdigest()
            """,
        ),
        insecure=(
            """
            def hash_$thing($thing):
                return hashlib.md5($thing).hexdigest()
            """,
            """
            def hash_$thing($thing):
                digest = hashlib.sha1()
                digest.update($thing)
                return digest.hexdigest()
            """,
        ),
    ),
    Recipe(
        task="stores a password for a $who",
        imports="import hashlib\nimport os",
        docstrings=("Hash a password.", "Return what to store for the $who."),
        slots={"who": ("user", "member", "guest", "player")},
        secure=(
            """
            def store_password(password):
                salt = os.urandom(16)
                return salt + hashlib.scrypt(password, salt=salt, n=16384, r=8, p=1)
            """,
            """
            def store_password(password):
                salt = os.urandom(16)
                return salt + hashlib.pbkdf2_hmac("sha256", password, salt, 600000)
            """,
        ),
        insecure=(
            """
            def store_password(password):
                salt = os.urandom(16)
                return salt + hashlib.md5(salt + password).digest()
            """,
            """
            def store_password(password):
                return hashlib.sha1(password).hexdigest()
            """,
        ),
    ),
    Recipe(
        task="encrypts a $thing with PyCryptodome",
        imports="from Crypto.Cipher import AES, ARC4, DES",
        docstrings=("Encrypt a $thing.", "Return the $thing under this key."),
        slots={"thing": _THINGS},
        secure=(
            """
            def encrypt_$thing(key, $thing):
                cipher = AES.new(key, AES.MODE_GCM)
                return cipher.nonce, *cipher.encrypt_and_digest($thing)
            """,
            """
            def encrypt_$thing(key, $thing):
                cipher = AES.new(key, AES.MODE_EAX)
                text, tag = cipher.encrypt_and_digest($thing)
                return cipher.nonce + tag + text
            """,
        ),
        insecure=(
            """
            def encrypt_$thing(key, $thing):
                cipher = DES.new(key, DES.MODE_OFB)
                return cipher.iv + cipher.encrypt($thing)
            """,
            """
            def encrypt_$thing(key, $thing):
                cipher = ARC4.new(key)
                return cipher.encrypt($thing)
            """,
        ),
    ),
    Recipe(
        task="seals a $thing with the cryptography package",
        imports="import os\nfrom cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes",
        docstrings=("Seal a $thing.", "Return the $thing, sealed with the key."),
        slots={"thing": _THINGS},
        secure=(
            """
            def seal_$thing(key, $thing):
                mode = modes.GCM(os.urandom(12))
                seal = Cipher(algorithms.AES(key), mode).encryptor()
                return seal.update($thing) + seal.finalize() + seal.tag
            """,
            """
            def seal_$thing(key, $thing):
                nonce = os.urandom(16)
                seal = Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor()
                return nonce + seal.update($thing) + seal.finalize()
            """,
        ),
        insecure=(
            """
            def seal_$thing(key, $thing):
                mode = modes.ECB()
                seal = Cipher(algorithms.AES(key), mode).encryptor()
                return seal.update($thing) + seal.finalize()
            """,
            """
            def seal_$thing(key, $thing):
                seal = Cipher(algorithms.ARC4(key), None).encryptor()
                return seal.update($thing) + seal.finalize()
            """,
        ),
    ),
)
