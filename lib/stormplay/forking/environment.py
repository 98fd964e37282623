"""What a kernel may know: its environment is made from a list of what is allowed, never from all that there is."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Where things are and how numbers are crunched. No name here may hold a secret.
_ALLOWED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TEMP|TMP|SHELL|SYSTEMROOT"
    r"|VIRTUAL_ENV|PYTHONPATH|PYTHONHASHSEED|PYTHONDONTWRITEBYTECODE|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH"
    r"|JUPYTER_(PATH|DATA_DIR|CONFIG_DIR|PLATFORM_DIRS|PREFER_ENV_PATH)"
    r"|(OMP|OPENBLAS|MKL|BLIS|NUMEXPR|VECLIB_MAXIMUM|NUMBA)_(NUM_)?(MAX_)?THREADS|NUMBA_CACHE_DIR"
    r"|STORMPLAY_(PICTURES|MODELS|ROADS)|MPL(BACKEND|CONFIGDIR)|PGSSLMODE|PGSSLROOTCERT|SSL_CERT_(FILE|DIR)"
)

# Libraries that start their threads when they are imported. A process with threads cannot be forked safely, and many
# kernels on few cores gain nothing from them.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pandas imports Arrow where it is installed
    # Its own allocator puts a gigabyte aside at the first use, which counts against the memory that a kernel may have.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def kernel_environment(
    server: Mapping[str, str], request: Mapping[str, str], *, database_url: str, username: str
) -> dict[str, str]:
    """The environment of one visit's kernel.

    Args:
        server: The server's own environment; only names on the list are taken from it.
        request: What the page was asked for, such as `QUERY_STRING`: a selection, never an authority.
        database_url: The kernel's own short-lived login.
        username: Who asked, for display. The database does not believe it; it believes the login.
    """
    allowed = {name: value for name, value in server.items() if _ALLOWED.fullmatch(name)}
    own = {
        "STORMPLAY_DATABASE_URL": database_url,
        "STORMPLAY_PERSON": username,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else the debugger, unused here, warns at each start
    }
    return allowed | dict(request) | own


def nursery_environment(server: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process that warm kernels are forked from: no login, no person, no page.

    Args:
        server: The server's own environment; only names on the list are taken from it.
    """
    allowed = {name: value for name, value in server.items() if _ALLOWED.fullmatch(name)}
    return allowed | _ONE_THREAD | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
