"""Mails about reports: what is needed for them is asked before anything is made, and they go when all is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stormplay.cli import say
from stormplay.errors import BadInput, HandOverFailed

if TYPE_CHECKING:
    from stormplay.post import Server
    from stormplay.reports import Order, Outcome, Terms


@dataclass(frozen=True)
class Post:
    """What the command line says about mails.

    Attributes:
        server: Who takes them.
        sender: The address in From.
        given: What --mail-to says, each time.
        without_pdf: Why no PDF can be attached; '' where one can.
    """

    server: Server
    sender: str
    given: Sequence[str]
    without_pdf: str = ""

    def refuse(self, wanted: Sequence[Order]) -> None:
        """Refuse recipients of whom nobody knows whose reports they get.

        Raises:
            BadInput: There are such.
        """
        from stormplay.reports import mail  # noqa: PLC0415 - a command imports what it needs

        mail.letters(self.sender, self.given, wanted)

    def send(self, outcomes: Sequence[Outcome]) -> HandOverFailed | None:
        """Send a mail about each company that has recipients, whatever becomes of the others.

        Returns:
            What a scheduler has to know of those that were not taken; None where all were.
        """
        from stormplay import post  # noqa: PLC0415
        from stormplay.reports import mail  # noqa: PLC0415

        to = mail.letters(self.sender, self.given, [one.order for one in outcomes])
        failed: list[HandOverFailed] = []
        for message in mail.messages(outcomes, to, self.without_pdf):
            try:
                post.hand_over(message, self.server)
            except HandOverFailed as error:
                failed.append(HandOverFailed(error.what, remedy="The reports are published; only the mail is missing."))
        for one in failed[1:]:
            say.error(str(one))
        return failed[0] if failed else None


def post_of(mail_to: Sequence[str], mail_from: str, terms: Terms) -> tuple[Post | None, Terms]:
    """What is needed for mails, and the terms of reports that are mailed: with a PDF, where one can be printed.

    Raises:
        BadInput: An option, the server or the sender's address is missing or cannot be read.
    """
    if not (mail_to or mail_from):
        return None, terms
    if not (mail_to and mail_from):
        raise BadInput("A mail needs both --mail-to and --mail-from.", "Expected both, or neither.")
    from stormplay import post  # noqa: PLC0415
    from stormplay.reports import pdf  # noqa: PLC0415

    made = Post(post.server(), post.checked(mail_from), mail_to)
    if terms.is_pdf:
        return made, terms
    try:
        pdf.chromium()
    except BadInput as error:
        return replace(made, without_pdf=f"No PDF: {error.what}"), terms
    return made, replace(terms, is_pdf=True)
