"""How much of a patient the store keeps: nothing, hashes that only this installation can make, or everything."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec

Keep = Literal["nothing", "hashed", "everything"]
KEY_FILE = "installation.key"
_KEY_BYTES = 32


class Privacy(msgspec.Struct, frozen=True):
    """What of a patient may be kept. ``key`` is the installation's own."""

    keep: Keep
    key: bytes

    def name(self, id: str | None) -> str | None:
        """An id as it may be kept. The same id has the same hash within one installation."""
        if id is None or self.keep == "nothing":
            return None
        if self.keep == "everything":
            return id[:100]
        return hmac.new(self.key, id.encode(), "sha256").hexdigest()


def installation_key(data: Path) -> bytes:
    """The key of this installation, made at the first start and readable by its owner only. Raises ``OSError``."""
    file = data / KEY_FILE
    if not file.exists():
        _make(file)
    return file.read_bytes()


def _make(file: Path) -> None:
    """Write a key whole before it bears its name, so that of processes starting together all read one."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(secrets.token_bytes(_KEY_BYTES))
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
