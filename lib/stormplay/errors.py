"""Every error of Stormplay, under one root.

    StormplayError
    ├── BadInput               a value that cannot be used          exit 2
    │   ├── UnknownTenant      no such tenant for this person
    │   ├── UnknownStorm       no such storm for this tenant
    │   ├── UnknownRoute       no such route for this storm
    │   ├── UnknownJob         no such job for this storm
    │   ├── UnknownModel       no such model or version for this tenant
    │   ├── IllegalTransition  a job cannot go from that status to this one
    │   ├── NothingToRoute     the storm has no treated property with a place
    │   ├── TooLittleData      not enough homes to say anything from
    │   ├── Leakage            a column knows what came after the decision
    │   ├── WrongColumns       not the columns that the model was fitted on
    │   ├── HeldOut            a home of the control group would be visited or contacted
    │   └── ArmFixed           a home's arm, once drawn, would be changed
    ├── NotAllowed             this person may not do that          exit 2
    ├── Conflict               somebody else changed it first       exit 5
    ├── Fenced                 another consumer of the stream is ahead    exit 5
    ├── Busy                   all places are taken                 exit 5
    ├── CapReached             the plan allows no more this month   exit 7
    ├── Closed                 a month or an invoice that stands    exit 5
    ├── Cancelled              the person stopped it; nothing changed
    ├── ArtifactRefused        a model's file is not what it was    exit 1
    ├── DatabaseUnavailable    no database answers                  exit 1
    ├── BrokerUnavailable      no Kafka broker answers              exit 1
    ├── HistoryUnavailable     the lake does not give its events    exit 1
    ├── MigrationChanged       an applied migration was edited      exit 1
    ├── PortTaken              the server's port is in use          exit 1
    ├── ReportFailed           a notebook did not run to its end    exit 1
    │   └── ReportTimedOut     it took longer than it may
    ├── StaleData              a report's data are too old          exit 3
    ├── PartlyFailed           some of many reports were not made   exit 4
    └── HandOverFailed         published, not mailed or copied      exit 6

A message says what was wrong, what was expected and what to do, in that order, in sentences a roofer can read.
"""

from __future__ import annotations


class StormplayError(Exception):
    """Root of all errors that Stormplay raises on purpose.

    Args:
        what: What was wrong, with the offending value.
        expected: What would have been right.
        remedy: What to do next.
    """

    exit_code = 1

    def __init__(self, what: str, expected: str = "", remedy: str = "") -> None:
        self.what, self.expected, self.remedy = what, expected, remedy
        super().__init__(" ".join(part for part in (what, expected, remedy) if part))


class BadInput(StormplayError):
    """A value that cannot be used as it is."""

    exit_code = 2


class UnknownTenant(BadInput):
    """No tenant of that name or id is open to this person; a foreign one reads just the same."""


class UnknownStorm(BadInput):
    """The tenant has no storm of that slug or id."""


class UnknownRoute(BadInput):
    """The storm has no route of that id."""


class UnknownJob(BadInput):
    """The storm has no job of that id, or none at that property."""


class UnknownModel(BadInput):
    """The tenant has no model, version or alias of that name."""


class IllegalTransition(BadInput):
    """A job's status cannot be followed by the one wanted; the message names those that can."""


class NothingToRoute(BadInput):
    """The storm has no treated property that can be put on a route."""


class TooLittleData(BadInput):
    """There are too few homes, or too few of one outcome, to fit or measure a model."""


class Leakage(BadInput):
    """A column tells who was treated or what came of it, so a model would learn what nobody knows beforehand."""


class WrongColumns(BadInput):
    """The columns are not those that the model was fitted on, or hold what it cannot read."""


class HeldOut(BadInput):
    """A home of a storm's control group would be visited or contacted, or one that was is to be a control."""


class ArmFixed(BadInput):
    """A home's arm in a storm would be changed after it was drawn, or left after the work began."""


class NotAllowed(StormplayError):
    """The database does not let this person do that."""

    exit_code = 2


class Conflict(StormplayError):
    """Somebody else changed the same thing in the meantime."""

    exit_code = 5


class Fenced(StormplayError):
    """Another consumer of the same group has moved a partition's offset; what this one applied is taken back."""

    exit_code = 5


class Busy(StormplayError):
    """All places are taken; somebody has to leave first."""

    exit_code = 5


class CapReached(StormplayError):
    """The company's plan allows no more of this in the month; nothing was begun."""

    exit_code = 7


class Closed(StormplayError):
    """A month is closed already, or has not ended; an invoice is never changed."""

    exit_code = 5


class Cancelled(StormplayError):
    """The person stopped the work; nothing was changed."""


REPORT_STOPPED = "The report was stopped."
"""How the history says that whoever wanted a report stopped it: nothing is wrong with it."""


class ArtifactRefused(StormplayError):
    """A model's file is gone, is not what was registered, or holds what may not be loaded."""


class DatabaseUnavailable(StormplayError):
    """No database answers at the address in use."""


class HistoryUnavailable(StormplayError):
    """The lake, or the server that is asked for what is in it, does not give its events."""


class BrokerUnavailable(StormplayError):
    """No Kafka broker answers at the addresses in use, or none of those that do lets us in."""


class MigrationChanged(StormplayError):
    """A migration that was applied to this database has been edited since."""


class PortTaken(StormplayError):
    """The port that the server should listen on is in use."""


class ReportFailed(StormplayError):
    """A notebook did not run to its end; the partial one is kept aside."""


class ReportTimedOut(ReportFailed):
    """A notebook took longer than it may, and its process was ended."""


class StaleData(StormplayError):
    """The data of a report are older than they may be; it was not published."""

    exit_code = 3


class PartlyFailed(StormplayError):
    """Some of many reports were not made; those that were are published."""

    exit_code = 4


class HandOverFailed(StormplayError):
    """A mail server or another place did not take what was given to it; what it tells of is done all the same.

    Attributes:
        is_final: Whether it was refused for good, so that another try is in vain.
    """

    exit_code = 6
    is_final = False
