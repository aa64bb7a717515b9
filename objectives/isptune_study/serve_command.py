"""``isptune study serve``."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

import click

from isptune.errors import ConfigurationError

_HOST = re.compile(r"[\w.-]+|\[?[0-9a-fA-F:.]+\]?", re.ASCII)
_ANYWHERE = ("0.0.0.0", "::")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command("serve", short_help="Serve the page of a study to its observers.")
@click.argument("folder")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, metavar="N", help="Default: 8000; 0: any."
)
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Listen at this address of the machine. Default: 127.0.0.1, which no other machine reaches.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Answer under this name as well, as observers write it in the address. May be repeated.",
)
@click.option(
    "--admin-secret-file",
    metavar="FILE",
    help="Read the admin's secret from a file of mode 0600. Default: a new one, printed once.",
)
def serve(
    folder: str, port: int, host: str, allowed_hosts: tuple[str, ...], admin_secret_file: str | None
) -> int:
    """Serve the page of the study in FOLDER until Ctrl-C.

    Open the admin's page that is printed, add observers, and give each the link that it shows. Every answer
    is on the disk before the next pair shows. Texts of the page stand in page.yaml in FOLDER, and what was
    refused in security.log.

    \b
    Examples:
      isptune study serve studies/first
      isptune study serve studies/first --host 192.168.1.5 --port 8080
    """
    from isptune.plugins.installed import require_packages
    from isptune_study.storage import FILE

    require_packages("isptune study serve", ["fastapi", "starlette", "uvicorn"], "'isptune[study]'")
    path = Path(folder) / FILE
    if not path.is_file():
        raise ConfigurationError(f"the folder '{folder}' holds no study: there is no {FILE}")
    if host in _ANYWHERE and not allowed_hosts:
        raise ConfigurationError(
            f"--host {host} listens at all addresses: name with --allowed-host what observers write for this "
            "machine"
        )
    for name in allowed_hosts:
        if not _HOST.fullmatch(name):
            raise ConfigurationError(
                f"--allowed-host is '{name}'; allowed: a name or an address alone, such as lab.example"
            )
    secret = secrets.token_urlsafe(16) if admin_secret_file is None else _secret_in(admin_secret_file)
    from isptune_study.serving.app import LOOPBACK
    from isptune_study.serving.serving_study import serve_study

    hosts = [*LOOPBACK, *allowed_hosts, *([] if host in _ANYWHERE else [host])]
    if host not in _LOOPBACK:
        click.echo(
            f"warning: whoever reaches {host} sees the page, and what is sent is not encrypted; "
            "put a server with HTTPS before it where that matters",
            err=True,
        )

    def began(url: str) -> None:
        click.echo(f"serving {folder} at {url}")
        shown = f"#{secret}" if admin_secret_file is None else "#SECRET with the secret of your file"
        click.echo(f"admin: {url}/admin{shown}")
        click.echo("stop with Ctrl-C; answers that were given are kept")

    serve_study(path, secret, host, port, hosts, began)
    click.echo("stopped")
    return 0


def _secret_in(file: str) -> str:
    """The secret in a file that nobody else may read."""
    try:
        with open(file, encoding="utf-8") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            secret = opened.read(1000).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"cannot read the admin's secret in '{file}': {reason}") from None
    if mode & 0o077:
        raise ConfigurationError(
            f"the admin's secret in '{file}' can be read by others: its mode is {mode:04o}; allowed: 0600"
        )
    if len(secret) < 22 or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigurationError(
            f"the admin's secret in '{file}' must have at least 22 characters of ASCII and no spaces"
        )
    return secret
