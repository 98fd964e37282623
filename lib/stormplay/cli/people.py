"""`stormplay user` and `stormplay tenant`: accounts, as the database's administrator."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from stormplay.cli import say

users = typer.Typer(help="Accounts of people.", no_args_is_help=True)
companies = typer.Typer(help="The companies that share the database.", no_args_is_help=True)

_Username = Annotated[str, typer.Argument(help="User name, such as ana.")]
_Company = Annotated[str, typer.Option("--tenant", help="Short name of a company, such as lone-star.")]
_Role = Annotated[str, typer.Option(help="viewer, operator, analyst or admin.")]
_Stdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@users.command("add", epilog=say.EXITS)
def add_user(
    username: _Username,
    name: Annotated[str, typer.Option(help="The name to show, such as 'Ana Torres'.")] = "",
    tenant: Annotated[list[str] | None, typer.Option(help="Short name of a company; may be repeated.")] = None,
    role: _Role = "analyst",
    password_stdin: _Stdin = False,
) -> None:
    """Make an account. Without --password-stdin a password is asked for, or made up where nobody can be asked."""
    from stormplay import accounts  # noqa: PLC0415 - a command imports what it needs

    accounts.check_members(role, tenant or [])
    password, made_up = _password(password_stdin)
    accounts.add_person(username, name or username, password)
    for slug in tenant or []:
        accounts.add_member(username, slug, role)
    where = f" as {role} of {', '.join(tenant)}" if tenant else "; give them a company with 'stormplay user role'"
    say.line(f"{username} may sign in{where}.")
    if made_up:
        say.line(f"Password: {password}   (made up; they can change it on the page, under 'Password')")


@users.command("list", epilog=say.EXITS)
def list_users(
    ids: Annotated[bool, typer.Option("--ids", help="Also the ids by which the log knows people.")] = False,
) -> None:
    """Show all accounts, their companies and roles, and how many database logins they have open."""
    from stormplay import accounts  # noqa: PLC0415

    rows = [
        (each.username, each.display_name, _state(each.disabled, each.has_password),
         ", ".join(f"{slug}: {role}" for slug, role in sorted(each.roles.items())) or "none", each.open_logins,
         *([each.person_id] if ids else []))
        for each in accounts.people()
    ]  # fmt: skip
    say.table(("user", "name", "account", "companies", "open logins", *(["id"] if ids else [])), rows)


def _state(disabled: bool, has_password: bool) -> str:
    if disabled:
        return "disabled"
    return "open" if has_password else "no password"


@users.command("role", epilog=say.EXITS)
def set_role(username: _Username, tenant: _Company, role: _Role = "analyst") -> None:
    """Give a person a role in a company, or change it. It holds from their next click on."""
    from stormplay import accounts  # noqa: PLC0415

    accounts.add_member(username, tenant, role)
    say.line(f"{username} is {role} of {tenant}.")


@users.command("remove", epilog=say.EXITS)
def remove_user(username: _Username, tenant: _Company) -> None:
    """Take a person out of a company. The account stays; see 'disable'."""
    from stormplay import accounts  # noqa: PLC0415

    accounts.remove_member(username, tenant)
    say.line(f"{username} sees nothing of {tenant} any more.")


@users.command("disable", epilog=say.EXITS)
def disable_user(username: _Username) -> None:
    """Close an account: open pages end within seconds, nobody can sign in. What the person did stays."""
    from stormplay import accounts  # noqa: PLC0415

    accounts.disable(username)
    say.line(f"{username} is shut out. 'stormplay user enable {username}' opens the account again.")


@users.command("enable", epilog=say.EXITS)
def enable_user(username: _Username) -> None:
    """Open a closed account again, with the companies, roles and password that it had."""
    from stormplay import accounts  # noqa: PLC0415

    accounts.enable(username)
    say.line(f"{username} may sign in again.")


@users.command("password", epilog=say.EXITS)
def set_password(username: _Username, password_stdin: _Stdin = False) -> None:
    """Give a person a new password. It is never an argument: those are seen by everybody on the machine."""
    from stormplay import accounts  # noqa: PLC0415

    password, made_up = _password(password_stdin)
    accounts.set_password(username, password)
    say.line(f"The password of {username} is changed." + (f" It is {password}" if made_up else ""))


def _password(from_stdin: bool) -> tuple[str, bool]:
    """A password and whether it was made up here."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True)), False
    return secrets.token_urlsafe(12), True


@companies.command("add", epilog=say.EXITS)
def add_company(
    slug: Annotated[str, typer.Argument(help="Short name for addresses, such as lone-star.")],
    name: Annotated[str, typer.Option(help="The company's name as people read it.")],
    time_zone: Annotated[str, typer.Option(help="IANA name, for quiet hours and dates.")] = "America/Chicago",
    latitude: Annotated[float | None, typer.Option(help="Where crews start, degrees.", min=-90, max=90)] = None,
    longitude: Annotated[float | None, typer.Option(help="Where crews start, degrees.", min=-180, max=180)] = None,
) -> None:
    """Make a company. Without a place where crews start, routes are open."""
    from stormplay import accounts  # noqa: PLC0415
    from stormplay.errors import BadInput  # noqa: PLC0415

    if (latitude is None) != (longitude is None):
        raise BadInput("Only one of --latitude and --longitude is given.", "Expected both, or neither.")
    depot = (latitude, longitude) if latitude is not None and longitude is not None else None
    accounts.add_tenant(slug, name, time_zone=time_zone, depot=depot)
    say.line(f"{name} is there. Next: stormplay user add ana --name 'Ana Torres' --tenant {slug}")


@companies.command("list", epilog=say.EXITS)
def list_companies() -> None:
    """Show all companies and how many people belong to each."""
    from stormplay import accounts  # noqa: PLC0415

    rows = [(each.slug, each.org_name, each.people, f"{each.created_at:%Y-%m-%d}") for each in accounts.tenants()]
    say.table(("company", "name", "people", "since"), rows)
