"""Password hashing beside the web server's one thread, in which all would wait half a second."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from gevent import get_hub, monkey


class PasswordHasher(PBKDF2PasswordHasher):
    """Django's own, in a real thread of a web process: it leaves the interpreter free."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        if not monkey.is_module_patched("threading"):
            return super().encode(password, salt, iterations)
        encoded: str = get_hub().threadpool.apply(super().encode, (password, salt, iterations))
        return encoded
